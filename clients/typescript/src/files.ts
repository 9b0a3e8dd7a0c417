/** Files as snarkjs takes them, and their digests. */

/** A path (Node), a URL (browsers), the bytes, or snarkjs' file in memory. */
export type FileLike = string | Uint8Array | { readonly type: "mem"; readonly data?: Uint8Array };

const digests = new Map<string, Promise<string>>();

/** SHA-256 of a file in hex digits. The digest of a path or a URL is kept, because keys are large. */
export function sha256(file: FileLike): Promise<string> {
  if (typeof file !== "string") {
    const bytes = file instanceof Uint8Array ? file : file.data;
    return bytes ? digest(bytes) : Promise.reject(new TypeError("a file in memory needs data"));
  }
  const known = digests.get(file) ?? read(file).then(digest);
  digests.set(file, known);
  known.catch(() => digests.delete(file));
  return known;
}

/** SHA-256 of a text in UTF-8. */
export function sha256OfText(text: string): Promise<string> {
  return digest(new TextEncoder().encode(text));
}

async function digest(bytes: Uint8Array): Promise<string> {
  const crypto = globalThis.crypto ?? (await node<{ webcrypto: Crypto }>("node:crypto")).webcrypto;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function read(place: string): Promise<Uint8Array> {
  if (inNode() && !/^(https?|data|blob):/.test(place)) {
    const files = await node<{ readFile(path: string): Promise<Uint8Array> }>("node:fs/promises");
    return files.readFile(place);
  }
  const response = await fetch(place);
  if (!response.ok) throw new Error(`${place}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

function inNode(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node !== undefined;
}

/** A module of Node. Bundlers for browsers must not look for it. */
function node<T>(name: string): Promise<T> {
  return import(/* webpackIgnore: true */ /* @vite-ignore */ name) as Promise<T>;
}
