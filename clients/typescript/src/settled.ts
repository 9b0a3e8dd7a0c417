/** Waits for the end of work. */
import { FailedError, WaitExceededError } from "./errors.js";
import { follow, isFinal } from "./follow.js";
import type { Transport } from "./transport.js";
import type { Document, WaitOptions } from "./types.js";

/** Follows a document until it is final; one that has not succeeded is an error. */
export async function settled<T extends Document>(
  transport: Transport,
  path: string,
  known: T | undefined,
  options: WaitOptions<T>,
): Promise<T> {
  const { wait = true, signal, onProgress } = options;
  if (known !== undefined && isFinal(known)) {
    onProgress?.(known);
    return succeeded(known);
  }
  const limit = new AbortController();
  const stop = () => limit.abort(signal?.reason);
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  const late = Symbol("late");
  const timer = wait === true ? undefined : setTimeout(() => limit.abort(late), wait * 1000);
  let last = known;
  try {
    for await (const document of follow<T>(transport, path, limit.signal)) {
      last = document;
      onProgress?.(document);
    }
  } catch (error) {
    if (limit.signal.reason !== late) throw error;
    throw new WaitExceededError(Number(wait), last ?? (await transport.get<T>(path, options)));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
  return succeeded(last as T);
}

function succeeded<T extends Document>(document: T): T {
  if (document.status === "failed" || document.status === "cancelled") throw new FailedError(document);
  return document;
}
