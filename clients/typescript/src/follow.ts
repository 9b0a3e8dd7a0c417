/** Follows a document until its work is finished: by server-sent events, by long-polling where they are not possible. */
import { NoAnswerError, RefusedError } from "./errors.js";
import { sleep, type Transport } from "./transport.js";
import type { Document } from "./types.js";

/** Seconds of one long-poll; the server can answer earlier. */
const POLL_S = 20;
const PAUSE_MS = 250;
/** The server sends a comment every 15 seconds. */
const IDLE_MS = 90_000;

/** Yields the document now and after each change; the last one is final. */
export async function* follow<T extends Document>(
  transport: Transport,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  let last: string | undefined;
  for (let streams = true; ; ) {
    const document = streams ? undefined : await poll<T>(transport, path, signal);
    if (document !== undefined) {
      yield document;
      if (isFinal(document)) return;
      continue;
    }
    const response = await open(transport, path, last, signal);
    if (response?.status === 204) {
      // The last event was seen, and it is final.
      yield await transport.json<T>({ path, signal });
      return;
    }
    streams = response?.body != null;
    if (!response?.body) continue;
    try {
      for await (const event of events(response.body)) {
        last = event.id ?? last;
        const document = JSON.parse(event.data) as T;
        yield document;
        if (isFinal(document)) return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof SyntaxError) throw error;
      // The connection broke: it is opened again, after the last event.
    }
    await sleep(PAUSE_MS, signal);
  }
}

/** Whether the work on the document is finished. */
export function isFinal(document: Document): boolean {
  return document.status !== "pending";
}

/** Opens the event stream; `undefined` if the server or a proxy does not allow it. */
async function open(
  transport: Transport,
  path: string,
  last: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Response | undefined> {
  const headers = { accept: "text/event-stream", ...(last === undefined ? {} : { "last-event-id": last }) };
  try {
    const response = await transport.send({ path: `${path}/events`, headers, signal, repeatable: false });
    const kind = response.headers.get("content-type") ?? "";
    if (response.status === 204 || kind.startsWith("text/event-stream")) return response;
    await response.body?.cancel();
    return undefined;
  } catch (error) {
    signal?.throwIfAborted();
    const absent = error instanceof RefusedError && error.status === 404 && error.code !== "route_not_found";
    const denied = error instanceof RefusedError && (error.status === 401 || error.status === 403);
    if (absent || denied) throw error;
    if (error instanceof RefusedError || error instanceof NoAnswerError) return undefined;
    throw error;
  }
}

async function poll<T extends Document>(transport: Transport, path: string, signal?: AbortSignal): Promise<T> {
  const began = Date.now();
  const document = await transport.json<T>({ path, query: { wait: POLL_S }, signal });
  // A server with too many watchers answers at once.
  if (!isFinal(document) && Date.now() - began < PAUSE_MS) await sleep(PAUSE_MS, signal);
  return document;
}

/** The result of a promise, which must come in time. */
async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("timeout")), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

interface ServerEvent {
  readonly id: string | undefined;
  readonly data: string;
}

/** Reads server-sent events, as the HTML standard defines them. A stream without a byte for `idle` milliseconds is broken. */
export async function* events(body: ReadableStream<Uint8Array>, idle = IDLE_MS): AsyncGenerator<ServerEvent, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let id: string | undefined;
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), idle);
      if (done) return;
      text += decoder.decode(value, { stream: true });
      // A carriage return at the end can be half of a line break.
      const lines = text.split(/\r\n|\n|\r(?!$)/);
      text = lines.pop() ?? "";
      for (const line of lines) {
        const [, field, content = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
        if (line === "") {
          if (data.length > 0) yield { id, data: data.join("\n") };
          data = [];
        } else if (field === "data") data.push(content);
        else if (field === "id") id = content;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
