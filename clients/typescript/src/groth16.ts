/** snarkjs' `groth16` calls, answered by a server: the files name the circuit, and the server proves. */
import { Client } from "./client.js";
import { sha256 } from "./digest.js";
import { NoAnswerError, NoSuchCircuitError, RefusedError } from "./errors.js";
import { type FileLike, measure } from "./files.js";
import { reduced, type SnarkjsValue } from "./numbers.js";
import type {
  Circuit,
  Document,
  FileToUpload,
  Groth16Proof,
  ImportChoices,
  InputValue,
  SealOptions,
  UploadOptions,
} from "./types.js";

/** The part of snarkjs that this module can fall back to. */
export interface Snarkjs {
  groth16: {
    fullProve(...given: never[]): Promise<{ proof: unknown; publicSignals: unknown }>;
    verify(...given: never[]): Promise<boolean>;
  };
}

/** What an upload needs beside the wasm and the zkey of a circuit. */
export interface CircuitFiles extends Pick<ImportChoices, "powers" | "visibility"> {
  /** The constraints. */
  readonly r1cs: FileLike;
  /** The names of the signals. */
  readonly sym: FileLike;
}

/** The files for an upload, or a function that returns them for a wasm and a zkey; `undefined` uploads nothing. */
export type UploadFiles =
  | CircuitFiles
  | ((wasm: FileLike, zkey: FileLike) => CircuitFiles | undefined | Promise<CircuitFiles | undefined>);

/** Settings of {@link groth16}. */
export interface Groth16Options {
  /** The server. In Node, the default is one at `ZKFLOW_URL` with the token in `ZKFLOW_API_KEY`. */
  readonly client?: Client | undefined;
  /** Takes over if the server has no such circuit or does not answer, such as `() => import("snarkjs")`. */
  readonly fallback?: (() => Promise<Snarkjs>) | undefined;
  /** Uploads a circuit that the server does not have. */
  readonly upload?: UploadFiles | undefined;
  /**
   * Seals the inputs of {@link groth16.fullProve}, so that only the workers of the server can read them. The default is
   * `"if-offered"`.
   */
  readonly seal?: SealOptions["seal"] | undefined;
}

/** Options of one call, in place of the settings. */
export interface FullProveOptions extends UploadOptions, SealOptions {
  /** Files for an upload. */
  readonly upload?: UploadFiles | undefined;
  /** Is called with the circuit while it is imported, and with the proof request, after each change. */
  readonly onProgress?: (document: Document) => void;
}

/** A logger, as snarkjs takes it. */
export interface Logger {
  info?(...message: unknown[]): void;
  error?(...message: unknown[]): void;
}

let settings: Groth16Options = {};

/** Changes the settings of {@link groth16}. */
export function configure(changed: Groth16Options): void {
  settings = { ...settings, ...changed };
  fallen = undefined;
}

/** Inputs as snarkjs takes them: private and public ones together. */
export type SnarkjsInputs = Readonly<Record<string, SnarkjsValue>>;

/** snarkjs' `groth16`, for programs that prove and verify. */
export const groth16 = {
  /**
   * Makes a proof. The circuit is the one on the server with these two files; `upload` sends them if there is none. The logger
   * and the options of snarkjs are for the fallback.
   */
  async fullProve(
    input: SnarkjsInputs,
    wasm: FileLike,
    zkey: FileLike,
    logger?: Logger | null,
    wtnsCalcOptions?: unknown,
    proverOptions?: unknown,
    options: FullProveOptions = {},
  ): Promise<{ proof: Groth16Proof; publicSignals: string[] }> {
    const prove = async (client: Client) => {
      const { upload = settings.upload, seal = settings.seal ?? "if-offered" } = options;
      const circuit = await circuitOf(client, wasm, zkey, { ...options, upload });
      const { proof, publicSignals } = await client.prove(circuit.circuitId, inPlace(input, circuit), { ...options, seal });
      return { proof, publicSignals };
    };
    return otherwise(prove, async (snarkjs) => {
      const given = [input, wasm, zkey, logger, wtnsCalcOptions, proverOptions];
      const made = await snarkjs.groth16.fullProve(...(given as never[]));
      return made as { proof: Groth16Proof; publicSignals: string[] };
    });
  },

  /** Verifies a proof with a verification key. The circuit is the one on the server with this key. */
  async verify(
    key: unknown,
    publicSignals: readonly (string | bigint | number)[],
    proof: object,
    logger?: Logger | null,
  ): Promise<boolean> {
    const verify = async (client: Client) => {
      // The text of the key, as snarkjs and the server write it.
      const digest = await sha256(JSON.stringify(key, null, 1));
      const circuit = await client.circuitWithFile(digest);
      if (circuit === undefined) throw new NoSuchCircuitError("the server has no circuit with this verification key");
      const signals = publicSignals.map(String);
      const verdict = await client.verify(circuit.circuitId, { proof: proof as Groth16Proof, publicSignals: signals });
      if (verdict.verified) logger?.info?.("the proof is valid");
      else logger?.error?.(verdict.reason ?? "the proof is not valid");
      return verdict.verified;
    };
    return otherwise(verify, (snarkjs) => snarkjs.groth16.verify(...([key, publicSignals, proof, logger] as never[])));
  },
};

let fallen: Promise<Snarkjs> | undefined;

/** Asks the server, and the fallback if there is no server, no circuit or no answer. */
async function otherwise<T>(ask: (client: Client) => Promise<T>, instead: (snarkjs: Snarkjs) => Promise<T>): Promise<T> {
  try {
    return await ask(server());
  } catch (error) {
    const absent = error instanceof NoSuchCircuitError || error instanceof NoAnswerError;
    if (!absent || settings.fallback === undefined) throw error;
    fallen ??= settings.fallback();
    return instead(await fallen);
  }
}

function server(): Client {
  if (settings.client !== undefined) return settings.client;
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const { ZKFLOW_URL, ZKFLOW_API_KEY } = process?.env ?? {};
  if (ZKFLOW_URL === undefined) {
    throw new NoSuchCircuitError("no server is named: call configure({ client }), or set ZKFLOW_URL");
  }
  // A variable can be set to an empty text where there is no token.
  return new Client(ZKFLOW_URL, ZKFLOW_API_KEY ? { apiKey: ZKFLOW_API_KEY } : {});
}

/** The circuit with these files, which are uploaded if there is none and the caller allows it. */
async function circuitOf(client: Client, wasm: FileLike, zkey: FileLike, options: FullProveOptions): Promise<Circuit> {
  const { signal } = options;
  const [module, key] = await Promise.all([measure(wasm, signal), measure(zkey, signal)]);
  const found = await client.circuitWithFile([key.sha256, module.sha256], signal === undefined ? {} : { signal });
  if (found !== undefined) return found;

  const absent = `the server has no circuit with this zkey (${key.sha256}) and wasm (${module.sha256})`;
  const { upload } = options;
  const beside = typeof upload === "function" ? await upload(wasm, zkey) : upload;
  const missing = (["r1cs", "sym"] as const).filter((name) => beside?.[name] === undefined);
  if (beside === undefined || missing.length > 0) {
    throw new NoSuchCircuitError(`${absent}; an upload needs ${missing.join(" and ")} too: name them in \`upload\``, { missing });
  }
  const { r1cs, sym, ...choices } = beside;
  const files: FileToUpload[] = [
    { role: "r1cs", file: r1cs },
    { role: "wasm", file: wasm },
    { role: "sym", file: sym },
    { role: "zkey", file: zkey },
  ];
  try {
    return await client.importCircuit(files, choices, options);
  } catch (cause) {
    const forbidden = cause instanceof RefusedError && cause.status === 403;
    throw forbidden ? new NoSuchCircuitError(`${absent}, and this caller may not upload them`, { cause }) : cause;
  }
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
