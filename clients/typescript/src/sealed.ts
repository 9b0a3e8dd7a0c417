/** Requests of proofs with sealed inputs. */
import { RefusedError, UnsupportedError } from "./errors.js";
import { sealInputs } from "./seal.js";
import type { Transport } from "./transport.js";
import type { CallOptions, NewProof, ProofInputs, SealedInputs, SealingKey, SealOptions } from "./types.js";

/** The key that the server offers. */
export function sealingKey(transport: Transport, options: CallOptions): Promise<SealingKey> {
  return transport.get("/v1/sealing-key", options);
}

/** Inputs, sealed to a key. */
export async function sealedTo(key: SealingKey, circuitId: string, inputs: ProofInputs): Promise<SealedInputs> {
  const sealed = await sealInputs(key, circuitId, inputs);
  return inputs.userId === undefined ? { sealedInputs: sealed } : { sealedInputs: sealed, userId: inputs.userId };
}

/** The requests with their inputs sealed, as the options say. */
export async function sealedProofs(
  transport: Transport,
  proofs: readonly NewProof[],
  options: CallOptions & SealOptions,
): Promise<NewProof[]> {
  const { seal = false } = options;
  if (seal === false || proofs.every((proof) => "sealedInputs" in proof)) return [...proofs];
  const optional = seal === "if-offered";
  try {
    const key = typeof seal === "object" ? seal : await sealingKey(transport, options);
    const one = async (proof: NewProof): Promise<NewProof> => {
      if ("sealedInputs" in proof) return proof;
      return { circuitId: proof.circuitId, ...(await sealedTo(key, proof.circuitId, proof)) };
    };
    return await Promise.all(proofs.map(one));
  } catch (error) {
    const unknown = error instanceof RefusedError && error.status === 404;
    if (optional && (unknown || error instanceof UnsupportedError)) return [...proofs];
    throw error;
  }
}
