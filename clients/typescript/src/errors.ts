/** Errors of this client. Aborted calls are rejected with the reason of their signal instead. */
import type { Document, ErrorCode, Fault } from "./types.js";

/** Base of all errors of this client. */
export class ZKFlowError extends Error {
  override readonly name: string = "ZKFlowError";
  /** Stable code, see docs/errors.md; the client's own codes are `no_answer`, `not_json`, `wait_exceeded`, `no_such_circuit` and `unsupported`. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The server refused the request, or failed: a problem document of RFC 9457. */
export class RefusedError extends ZKFlowError {
  override readonly name = "RefusedError";
  /** HTTP status. */
  readonly status: number;
  /** Faults of single fields; empty if there are none. */
  readonly errors: readonly Fault[];
  /** Id of the request in the server's log. */
  readonly requestId: string | undefined;

  constructor(status: number, code: ErrorCode, detail: string, errors: readonly Fault[], requestId?: string) {
    super(code, `${detail} (${code})`);
    this.status = status;
    this.errors = errors;
    this.requestId = requestId;
  }
}

/** The platform lacks an algorithm, or the client does not know one of the server. */
export class UnsupportedError extends ZKFlowError {
  override readonly name = "UnsupportedError";

  constructor(message: string, cause?: unknown) {
    super("unsupported", message, { cause });
  }
}

/** The server accepted the request, and its work failed or was cancelled. */
export class FailedError<T extends Document = Document> extends ZKFlowError {
  override readonly name = "FailedError";
  /** The document in its final state. */
  readonly document: T;

  constructor(document: T) {
    const failure = document.error ?? { code: document.status, message: `the request is ${document.status}` };
    super(failure.code, `${failure.message} (${failure.code})`);
    this.document = document;
  }
}

/** The work is not finished after the time that the caller gave; it goes on. */
export class WaitExceededError<T extends Document = Document> extends ZKFlowError {
  override readonly name = "WaitExceededError";
  /** The last state that was seen. */
  readonly document: T;

  constructor(seconds: number, document: T) {
    super("wait_exceeded", `the work is not finished after ${seconds} s`);
    this.document = document;
  }
}

/** There is no answer: the server cannot be reached, or the connection broke. */
export class NoAnswerError extends ZKFlowError {
  override readonly name = "NoAnswerError";

  constructor(method: string, url: string, cause: unknown) {
    super("no_answer", `${method} ${url}: no answer: ${text(cause)}`, { cause });
  }
}

/** The server has no circuit with these files, and they are not uploaded. */
export class NoSuchCircuitError extends ZKFlowError {
  override readonly name = "NoSuchCircuitError";
  /** The files that an upload needs and that are not named, such as `r1cs`; empty if there is another reason. */
  readonly missing: readonly string[];

  constructor(message: string, options: { missing?: readonly string[]; cause?: unknown } = {}) {
    super("no_such_circuit", message, options);
    this.missing = options.missing ?? [];
  }
}

function text(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message;
}
