/** SHA-256 by the fastest means of the platform. */
import { hex, utf8 } from "./bytes.js";
import { inNode, node } from "./node.js";
import { Sha256 } from "./sha256.js";

/** A digest of bytes that arrive one after the other. WebCrypto needs them all at once, and a page over https. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** In hex digits. */
  digest(): string;
}

interface NodeHash {
  update(bytes: Uint8Array): unknown;
  digest(form: "hex"): string;
}

export async function hasher(): Promise<Hasher> {
  if (!inNode()) return new Sha256();
  const { createHash } = await node<{ createHash(name: string): NodeHash }>("node:crypto");
  const hash = createHash("sha256");
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("hex") };
}

/** SHA-256 of bytes, or of a text in UTF-8, in hex digits. */
export async function sha256(content: Uint8Array | string): Promise<string> {
  const bytes = typeof content === "string" ? utf8(content) : content;
  const subtle = globalThis.crypto?.subtle;
  if (subtle !== undefined) return hex(new Uint8Array(await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)));
  const hash = await hasher();
  hash.update(bytes);
  return hash.digest();
}
