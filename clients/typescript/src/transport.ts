/** Requests with retries. Only what can be repeated without effect is repeated. */
import { NoAnswerError, RefusedError, ZKFlowError } from "./errors.js";
import { toJson } from "./numbers.js";
import { secret } from "./secret.js";
import type { CallOptions, Fault } from "./types.js";

/** Settings of a client. */
export interface ClientOptions {
  /** Bearer token, sent in the header `Authorization`. */
  readonly apiKey?: string;
  /** Number of repetitions of a failed request; the default is 4. */
  readonly retries?: number;
  /** Seconds until an attempt without an answer fails; the default is 90. */
  readonly timeout?: number;
  /** Headers of every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The default is the global `fetch`. */
  readonly fetch?: typeof fetch;
}

/** Fields of a query; one without a value is left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** One request. */
export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly query?: Query;
  /** Is sent as JSON. */
  readonly body?: unknown;
  /** Are sent as they are. */
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Whether a repetition has no further effect. */
  readonly repeatable?: boolean;
}

/** A `PUT` to a signed URL, which need not be on the server. */
export interface SignedCall {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

/** Seconds that a body of bytes can take: the server takes 8 MiB with 8 KiB/s. */
const SLOWEST_BODY_S = 1100;
const RETRIED = new Set([408, 425, 429, 502, 503, 504]);
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

/** Sends requests to one server. */
export class Transport {
  readonly #base: string;
  readonly #options: ClientOptions;

  constructor(base: string | URL, options: ClientOptions) {
    this.#base = String(base).replace(/\/+$/, "");
    // A page may name a path of its own server.
    const isPath = /^($|[./])/.test(this.#base) && typeof location !== "undefined";
    if (!isPath && !/^https?:\/\//i.test(this.#base)) {
      throw new TypeError("expected the address of a server, such as http://127.0.0.1:3000");
    }
    this.#options = options;
  }

  /** Sends a request; returns an answer with a status below 400. */
  async send(call: Call): Promise<Response> {
    return await this.#repeated(call, (response) => response);
  }

  /** Sends a request, and reads its answer within each attempt. */
  async #repeated<T>(call: Call, read: (response: Response) => T | Promise<T>): Promise<T> {
    const retries = call.repeatable === false ? 0 : (this.#options.retries ?? 4);
    for (let attempt = 0; ; attempt++) {
      let pause = Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
      let failure: Error;
      try {
        const answer = await this.#once(call, async (response) => {
          if (response.status < 400) return { value: await read(response) };
          return { refusal: await refused(response), after: Number(response.headers.get("retry-after")) };
        });
        if ("value" in answer) return answer.value;
        failure = answer.refusal;
        if (!RETRIED.has(answer.refusal.status)) throw failure;
        if (answer.after > 0) pause = Math.min(answer.after * 1000, LONGEST_PAUSE_MS);
      } catch (error) {
        call.signal?.throwIfAborted();
        if (!(error instanceof NoAnswerError)) throw error;
        failure = error;
      }
      if (attempt >= retries) throw failure;
      await sleep(pause, call.signal);
    }
  }

  /** Sends a request and reads the JSON of its answer; `undefined` if the answer is empty. */
  async json<T>(call: Call): Promise<T> {
    return await this.#repeated(call, async (response) => parsed(response, await response.text()) as T);
  }

  /** The JSON at a path. */
  get<T>(path: string, { signal }: CallOptions, query: Query = {}): Promise<T> {
    return this.json({ path, query, signal });
  }

  /** The JSON of the answer to a `POST`. */
  post<T>(path: string, body: unknown, { signal }: CallOptions, more: Partial<Call> = {}): Promise<T> {
    return this.json({ method: "POST", path, body, signal, ...more });
  }

  /** A deletion whose answer is lost could have happened: it is not repeated. */
  async delete(path: string, { signal }: CallOptions, query: Query = {}): Promise<void> {
    await this.send({ method: "DELETE", path, query, signal, repeatable: false });
  }

  /** Sends bytes to a signed URL once. Neither the token nor the headers of this client go there. */
  async sendSigned({ url, headers, bytes, signal }: SignedCall): Promise<void> {
    // `fetch` sets these from the URL and the bytes, and browsers refuse them.
    const own = Object.entries(headers).filter(([name]) => !/^(content-length|host)$/i.test(name));
    const init = { method: "PUT", headers: Object.fromEntries(own), body: bytes as Uint8Array<ArrayBuffer> };
    try {
      const refusal = await this.#fetch(url, init, SLOWEST_BODY_S, signal, async (response) => {
        if (response.status >= 400) return await refused(response);
        await response.body?.cancel();
        return undefined;
      });
      if (refusal !== undefined) throw refusal;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }

  async #once<T>(call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    const { method = "GET", body, bytes } = call;
    const headers: Record<string, string> = { ...this.#options.headers, ...call.headers };
    if (this.#options.apiKey !== undefined) headers["authorization"] = `Bearer ${secret(this.#options.apiKey, "the apiKey")}`;
    const init: RequestInit = { method, headers };
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = toJson(body);
    } else if (bytes !== undefined) {
      headers["content-type"] = "application/octet-stream";
      init.body = bytes as Uint8Array<ArrayBuffer>;
    }
    const timeout = this.#options.timeout ?? 90;
    const seconds = bytes === undefined ? timeout : Math.max(timeout, SLOWEST_BODY_S);
    return await this.#fetch(this.#url(call), init, seconds, call.signal, read);
  }

  /** One attempt. The time covers what `read` reads: an event stream, which it returns unread, may last longer. */
  async #fetch<T>(
    url: string,
    init: RequestInit,
    seconds: number,
    signal: AbortSignal | undefined,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const limit = new AbortController();
    const stop = () => limit.abort(signal?.reason);
    signal?.addEventListener("abort", stop);
    const timer = setTimeout(() => limit.abort(new Error("timeout")), seconds * 1000);
    let ended = true;
    try {
      const response = await (this.#options.fetch ?? fetch)(url, { ...init, signal: limit.signal });
      const value = await read(response);
      ended = response.bodyUsed || response.body === null;
      return value;
    } catch (error) {
      if (error instanceof ZKFlowError) throw error;
      // A query can contain a signature.
      throw new NoAnswerError(init.method ?? "GET", url.replace(/\?.*/s, ""), error);
    } finally {
      clearTimeout(timer);
      // Of an unread body, it still stops the stream.
      if (ended) signal?.removeEventListener("abort", stop);
    }
  }

  #url({ path, query = {} }: Call): string {
    // Another text after the address can name another host, which would get the token.
    if (!path.startsWith("/")) throw new TypeError("expected a path that begins with /");
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return `${this.#base}${path}${text && `?${text}`}`;
  }
}

/** Waits; is rejected with the signal's reason when it aborts. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function parsed(response: Response, text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    const kind = response.headers.get("content-type") ?? "no content type";
    throw new RefusedError(response.status, "not_json", `expected JSON, found ${kind}: is the address that of the server?`, []);
  }
}

async function refused(response: Response): Promise<RefusedError> {
  const text = await response.text().catch(() => "");
  let problem: { code?: string; detail?: string; errors?: Fault[] } = {};
  try {
    problem = JSON.parse(text) ?? {};
  } catch {
    // Not from the server: a proxy in between.
  }
  const { code = `http_${response.status}`, detail = `the server answers ${response.status}`, errors = [] } = problem;
  return new RefusedError(response.status, code, detail, errors, response.headers.get("x-request-id") ?? undefined);
}
