/** Exact integers. JSON numbers above 2^53 - 1 are rounded by many tools, so bigints become decimal strings. */
import type { InputValue } from "./types.js";

/** JSON text in which every bigint is a decimal string. A number that is not exact is an error. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (name, item: unknown) => {
    if (typeof item === "bigint") return item.toString();
    if (typeof item === "number" && !Number.isSafeInteger(item)) {
      throw new RangeError(`${name}: ${item} is not an exact integer: use a bigint or a decimal string`);
    }
    return item;
  });
}

/** Modulus of the scalar field of BN254. */
const MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;

/** Values that snarkjs takes as an input. */
export type SnarkjsValue = bigint | number | string | boolean | readonly SnarkjsValue[];

/** An input of snarkjs as an input of the API: decimal strings, reduced modulo the field as snarkjs does. */
export function reduced(value: SnarkjsValue): InputValue {
  if (typeof value === "object") return value.map(reduced);
  // BigInt reads decimal, 0x, 0o and 0b strings, and refuses fractions.
  const rest = BigInt(value) % MODULUS;
  return (rest < 0n ? rest + MODULUS : rest).toString();
}
