// A program for snarkjs. It is compiled with the types of snarkjs, and with those of this package in their place.
import { groth16 } from "snarkjs";

interface Witness {
  [signal: string]: string | number | bigint | string[];
}

export async function program(input: Witness, wasm: Uint8Array, key: any, untyped: unknown): Promise<boolean> {
  const options = { memorySize: 0 };
  const made = await groth16.fullProve(input, wasm, "circuit.zkey", console, options, { singleThread: true });
  const { proof, publicSignals } = await groth16.fullProve({ age: 42, path: ["1", "2"] }, "circuit.wasm", new Uint8Array());
  await groth16.fullProve(input, wasm, wasm, undefined, undefined, undefined);
  await groth16.fullProve(input, wasm, wasm, null, null);
  const first: string | undefined = publicSignals[0];
  console.log(first, proof.pi_a[0], proof.pi_b[0]?.[1], proof.protocol, proof.curve);
  await groth16.verify(untyped, publicSignals, proof, console);
  const parsed: typeof made = JSON.parse("{}");
  return groth16.verify(key, parsed.publicSignals, parsed.proof);
}
