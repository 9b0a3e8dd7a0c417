/** snarkjs' `groth16` calls, answered by a server: the files name the circuit, and the server proves. */
import { Client } from "./client.js";
import { NoAnswerError, NoSuchCircuitError } from "./errors.js";
import { type FileLike, sha256, sha256OfText } from "./files.js";
import { reduced, type SnarkjsValue } from "./numbers.js";
import type { Circuit, Groth16Proof, InputValue } from "./types.js";

/** The part of snarkjs that this module can fall back to. */
export interface Snarkjs {
  groth16: {
    fullProve(input: never, wasm: never, zkey: never): Promise<{ proof: unknown; publicSignals: unknown }>;
    verify(key: never, publicSignals: never, proof: never): Promise<boolean>;
  };
}

/** Settings of {@link groth16}. */
export interface Groth16Options {
  /** The server. In Node, the default is one at `ZKFLOW_SERVER` with the token in `ZKFLOW_API_KEY`. */
  readonly client?: Client;
  /** Takes over if the server has no such circuit or does not answer, such as `() => import("snarkjs")`. */
  readonly fallback?: () => Promise<Snarkjs>;
}

let options: Groth16Options = {};

/** Changes the settings of {@link groth16}. */
export function configure(changed: Groth16Options): void {
  options = { ...options, ...changed };
  fallen = undefined;
}

/** Inputs as snarkjs takes them: private and public ones together. */
export type SnarkjsInputs = Readonly<Record<string, SnarkjsValue>>;

/** snarkjs' `groth16`, for programs that prove and verify. */
export const groth16 = {
  /** Makes a proof. The circuit is the one on the server with these two files. */
  async fullProve(
    input: SnarkjsInputs,
    wasm: FileLike,
    zkey: FileLike,
  ): Promise<{ proof: Groth16Proof; publicSignals: string[] }> {
    const prove = async (client: Client) => {
      const [module, key] = await Promise.all([sha256(wasm), sha256(zkey)]);
      const circuit = await client.circuitWithFile(key);
      if (circuit === undefined || fileOf(circuit, "circuit.wasm") !== module) {
        throw new NoSuchCircuitError(`the server has no circuit with this zkey (${key}) and wasm (${module})`);
      }
      const { proof, publicSignals } = await client.prove(circuit.circuitId, inPlace(input, circuit));
      return { proof, publicSignals };
    };
    return otherwise(prove, async (snarkjs) => {
      const made = await snarkjs.groth16.fullProve(input as never, wasm as never, zkey as never);
      return made as { proof: Groth16Proof; publicSignals: string[] };
    });
  },

  /** Verifies a proof with a verification key. The circuit is the one on the server with this key. */
  async verify(key: object, publicSignals: readonly (string | bigint | number)[], proof: object): Promise<boolean> {
    const verify = async (client: Client) => {
      // The text of the key, as snarkjs and the server write it.
      const digest = await sha256OfText(JSON.stringify(key, null, 1));
      const circuit = await client.circuitWithFile(digest);
      if (circuit === undefined) throw new NoSuchCircuitError("the server has no circuit with this verification key");
      const signals = publicSignals.map(String);
      return (await client.verify(circuit.circuitId, { proof: proof as Groth16Proof, publicSignals: signals })).verified;
    };
    return otherwise(verify, (snarkjs) => snarkjs.groth16.verify(key as never, publicSignals as never, proof as never));
  },
};

let fallen: Promise<Snarkjs> | undefined;

/** Asks the server, and the fallback if there is no server, no circuit or no answer. */
async function otherwise<T>(ask: (client: Client) => Promise<T>, instead: (snarkjs: Snarkjs) => Promise<T>): Promise<T> {
  try {
    return await ask(server());
  } catch (error) {
    const absent = error instanceof NoSuchCircuitError || error instanceof NoAnswerError;
    if (!absent || options.fallback === undefined) throw error;
    fallen ??= options.fallback();
    return instead(await fallen);
  }
}

function server(): Client {
  if (options.client !== undefined) return options.client;
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const { ZKFLOW_SERVER, ZKFLOW_API_KEY } = process?.env ?? {};
  if (ZKFLOW_SERVER === undefined) {
    throw new NoSuchCircuitError("no server is named: call configure({ client }), or set ZKFLOW_SERVER");
  }
  return new Client(ZKFLOW_SERVER, ZKFLOW_API_KEY === undefined ? {} : { apiKey: ZKFLOW_API_KEY });
}

function fileOf(circuit: Circuit, name: string): string | undefined {
  const file = circuit.artifacts[name];
  return file !== undefined && "sha256" in file ? file.sha256 : undefined;
}

/** Private and public inputs apart, as the circuit decides. */
function inPlace(input: SnarkjsInputs, circuit: Circuit) {
  const open = new Set(circuit.report?.publicInputNames ?? []);
  const privateInputs: Record<string, InputValue> = {};
  const publicInputs: Record<string, InputValue> = {};
  for (const [name, value] of Object.entries(input)) {
    (open.has(name) ? publicInputs : privateInputs)[name] = reduced(value);
  }
  return { privateInputs, publicInputs };
}
