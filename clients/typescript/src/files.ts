/** Files as snarkjs takes them, and Blobs: their bytes in pieces, their lengths and digests. No file is held in memory whole. */
import { hasher, sha256 } from "./digest.js";
import { inNode, node } from "./node.js";

/** A path (Node), a URL, the bytes, a `Blob` or `File`, or snarkjs' file in memory. */
export type FileLike = string | Uint8Array | Blob | { readonly type: "mem"; readonly data?: Uint8Array };

/** Length and digest of a file. */
export interface Measured {
  /** Length in bytes. */
  readonly size: number;
  /** SHA-256 in hex digits. */
  readonly sha256: string;
}

const PIECE = 1 << 20;
const known = new Map<string, Promise<Measured>>();

/** Length and SHA-256 of a file. They are kept for a URL, and for a path whose file does not change, because keys are large. */
export async function measure(file: FileLike, signal?: AbortSignal): Promise<Measured> {
  if (file instanceof Uint8Array) return { size: file.length, sha256: await sha256(file) };
  if (typeof file !== "string") return measured(pieces(file, signal));
  const name = isPath(file) ? await version(file) : file;
  const found = known.get(name) ?? measured(pieces(file));
  known.set(name, found);
  found.catch(() => known.delete(name));
  return unlessAborted(found, signal);
}

/** The bytes of a file, in pieces of any length. */
export async function* pieces(file: FileLike, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  signal?.throwIfAborted();
  if (typeof file === "string") {
    yield* isPath(file) ? ofPath(file, signal) : ofUrl(file, signal);
    return;
  }
  if (file instanceof Blob) {
    for (let at = 0; at < file.size; at += PIECE) {
      signal?.throwIfAborted();
      yield new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer());
    }
    return;
  }
  const bytes = file instanceof Uint8Array ? file : file.data;
  if (bytes === undefined) throw new TypeError("a file in memory needs data");
  yield bytes;
}

/** The bytes of a file in parts of this length; the last part can be shorter. */
export async function* parts(file: FileLike, length: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  let part = new Uint8Array(length);
  let filled = 0;
  for await (let piece of pieces(file, signal)) {
    while (piece.length > 0) {
      const taken = piece.subarray(0, length - filled);
      part.set(taken, filled);
      filled += taken.length;
      piece = piece.subarray(taken.length);
      if (filled === length) {
        yield part;
        [part, filled] = [new Uint8Array(length), 0];
      }
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}

async function measured(content: AsyncIterable<Uint8Array>): Promise<Measured> {
  const hash = await hasher();
  let size = 0;
  for await (const piece of content) {
    hash.update(piece);
    size += piece.length;
  }
  return { size, sha256: hash.digest() };
}

interface NodeFiles {
  open(path: string | URL): Promise<{
    read(into: Uint8Array, at: number, length: number, position: null): Promise<{ bytesRead: number }>;
    close(): Promise<void>;
  }>;
  stat(path: string | URL): Promise<{ size: number; mtimeMs: number; ino: number }>;
}

async function* ofPath(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await (await node<NodeFiles>("node:fs/promises")).open(place(path));
  try {
    for (;;) {
      signal?.throwIfAborted();
      const piece = new Uint8Array(PIECE);
      const { bytesRead } = await file.read(piece, 0, PIECE, null);
      if (bytesRead === 0) return;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Names the content of a file: it changes when the file does. */
async function version(path: string): Promise<string> {
  const { size, mtimeMs, ino } = await (await node<NodeFiles>("node:fs/promises")).stat(place(path));
  return [path, size, mtimeMs, ino].join("\n");
}

async function* ofUrl(url: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const response = await fetch(url, signal === undefined ? {} : { signal });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done || value === undefined) return;
      yield value;
    }
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
}

/** The work goes on for other callers when the signal of this one aborts. */
function unlessAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

function isPath(name: string): boolean {
  return inNode() && !/^(https?|data|blob):/.test(name);
}

function place(path: string): string | URL {
  return path.startsWith("file:") ? new URL(path) : path;
}
