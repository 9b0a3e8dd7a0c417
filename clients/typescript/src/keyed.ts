/** Keys by which a server remembers a request. */
import type { Call } from "./transport.js";
import type { KeyedOptions } from "./types.js";

/** Headers that make a request repeatable. */
export function keyed({ idempotencyKey = randomKey() }: KeyedOptions): Pick<Call, "headers"> {
  return { headers: { "idempotency-key": idempotencyKey } };
}

function randomKey(): string {
  const random = () => Math.random().toString(36).slice(2).padEnd(12, "0").slice(0, 12);
  // Node 18 has no global `crypto`; the key must differ from other keys, and need not be secret.
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${random()}${random()}`;
}
