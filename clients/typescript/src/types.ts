/** Types of the API, by the names of its description. */
import type { components, operations } from "./api.js";
import type { FileLike } from "./files.js";

type Schemas = components["schemas"];

/** Stable code of an error. A newer server can send further codes. */
export type ErrorCode = Schemas["ErrorCode"] | (string & {});
/** A circuit: a template with parameters. */
export type Circuit = Schemas["Circuit"];
/** A page of circuits, newest first. */
export type CircuitPage = Schemas["CircuitPage"];
/** A request for a proof; `artifacts` contains the proof when it is completed. */
export type ProofRequest = Schemas["ProofRequest"];
/** A page of proof requests, newest first. */
export type ProofPage = Schemas["ProofPage"];
/** The deployment of a verifier contract. */
export type Deployment = Schemas["Deployment"];
/** A page of deployments, newest first. */
export type DeploymentPage = Schemas["DeploymentPage"];
/** A compiled verifier contract. */
export type Contract = Schemas["Contract"];
/** A transaction to sign. */
export type UnsignedTransaction = Schemas["UnsignedTransaction"];
/** A template. */
export type Template = Schemas["Template"];
/** Result of a verification. */
export type Verdict = Schemas["Verdict"];
/** Proof in the format of snarkjs. */
export type Groth16Proof = Schemas["Groth16Proof"];
/** Name of a file of a circuit. */
export type FileName = Schemas["FileName"];
/** A deployment without a signature of the server, or with one. */
export type NewDeployment = Schemas["NewDeployment"];
/** The key that inputs are sealed to. */
export type SealingKey = Schemas["SealingKey"];
/** Files that are sent to the server in parts, to import a circuit from them. */
export type Upload = Schemas["Upload"];
/** Purpose of an uploaded file. */
export type FileRole = Schemas["FileRole"];
/** What is imported from an upload. */
export type ImportChoices = Omit<Schemas["NewImport"], "uploadId">;
/** Fault of one field of a request. */
export type Fault = Schemas["Fault"];

/** State of the process, its queues and its backends. */
export type Overview = Schemas["Overview"];
/** A contract to bind to a circuit. */
export type NewBinding = Schemas["NewBinding"];
/** A page of the use by circuit and day. */
export type UsagePage = Schemas["UsagePage"];

/** Name of a queue. */
export type QueueName = Schemas["Queue"];
/** A queue that was paused or resumed. */
export type PausedQueue = Schemas["PausedQueue"];
/** The work on a document. */
export type Job = Schemas["Job"];
/** A page of jobs, newest first. */
export type JobPage = Schemas["JobPage"];
/** Conditions on jobs. */
export type JobConditions = { readonly [C in keyof Schemas["MatchingJobs"]]: NonNullable<Schemas["MatchingJobs"][C]> };
/** The outcome of each repeated job. */
export type RetriedJobs = Schemas["RetriedJobs"];
/** The outcome of each deleted job. */
export type DeletedJobs = Schemas["DeletedJobs"];
/** Number of removed dead letters. */
export type RemovedLetters = Schemas["Purged"];

/** A ceremony with its announced rules and its contributions. */
export type Ceremony = Schemas["Ceremony"];
/** A page of ceremonies, newest first. */
export type CeremonyPage = Schemas["CeremonyPage"];
/** The rules of a ceremony. */
export type NewCeremony = Schemas["NewCeremony"];
/** Name of a file of a ceremony. */
export type CeremonyFile = Schemas["CeremonyFile"];
/** A place in the queue of a ceremony. */
export type JoinedCeremony = Schemas["JoinedCeremony"];
/** State of a place. */
export type ContributorTurn = Schemas["ContributorTurn"];
/** Length and SHA-256 of a contributed key. */
export type DeclaredKey = Schemas["DeclaredKey"];
/** The parts that are missing of a contributed key. */
export type ContributionUpload = Schemas["ContributionUpload"];

/** Filter of a list of jobs. */
export type JobQuery = NonNullable<operations["listJobs"]["parameters"]["query"]>;
/** Filter of a list of ceremonies. */
export type CeremonyQuery = NonNullable<operations["listCeremonies"]["parameters"]["query"]>;
/** Part of the use, as pages. */
export type UsageQuery = Omit<NonNullable<operations["getUsage"]["parameters"]["query"]>, "format">;
/** Filter of a list of circuits. */
export type CircuitQuery = NonNullable<operations["listCircuits"]["parameters"]["query"]>;
/** Filter of a list of proof requests. */
export type ProofQuery = NonNullable<operations["listProofs"]["parameters"]["query"]>;
/** Part of a list of deployments. */
export type PageQuery = NonNullable<operations["listDeployments"]["parameters"]["query"]>;

/** An integer: exact as a bigint or a decimal string, or a number up to `Number.MAX_SAFE_INTEGER`. */
export type Integer = bigint | number | string;
/** Value of an input: an integer, or an array in the shape of the signal. */
export type InputValue = Integer | readonly InputValue[];
/** Inputs by name. */
export type Inputs = Readonly<Record<string, InputValue>>;
/** Parameters of a template by name. */
export type Params = Readonly<Record<string, Integer | boolean | readonly (Integer | boolean)[]>>;

/** Inputs of a proof, each in its place: a proof discloses its public inputs. */
export interface ProofInputs {
  readonly privateInputs: Inputs;
  readonly publicInputs?: Inputs;
  /** User of the request, for fair scheduling and lists. */
  readonly userId?: string;
}

/** Inputs that are sealed already: by `client.sealInputs`, for one circuit and one user. */
export interface SealedInputs {
  /** Text that only the workers of the server can read. */
  readonly sealedInputs: string;
  /** The user that the inputs were sealed for. */
  readonly userId?: string;
}

/** One of many requested proofs. */
export type NewProof = { readonly circuitId: string } & (ProofInputs | SealedInputs);

/** The result of one of many requested proofs: an id, or the reason why it was refused. */
export type ProofResult = Schemas["ProofResult"];

/** A proof with its public signals. */
export interface ProofToVerify {
  readonly proof: Groth16Proof;
  readonly publicSignals: readonly string[];
}

/** A proof with its public signals, as snarkjs returns them. */
export interface Proved {
  readonly proof: Groth16Proof;
  readonly publicSignals: string[];
  /** The finished request. */
  readonly request: ProofRequest;
}

/** A file to upload. */
export interface FileToUpload {
  readonly role: FileRole;
  readonly file: FileLike;
  /** Path in the source; only for files of the role `source`. */
  readonly path?: string;
}

/** Options of calls that send files. */
export interface UploadOptions extends CallOptions {
  /** Is called after each part with the bytes that the server has, and those of all files. */
  readonly onUpload?: (bytes: { readonly sent: number; readonly total: number }) => void;
}

/** A document that changes until its work is finished. */
export type Document = Circuit | ProofRequest | Deployment;

/** Options of every call. */
export interface CallOptions {
  /** Ends the call; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Options of calls that wait for work. */
export interface WaitOptions<T extends Document> extends CallOptions {
  /** `true`, the default, waits until the work is finished; a number, for at most so many seconds. */
  readonly wait?: true | number;
  /** Is called with the document now and after each change. */
  readonly onProgress?: (document: T) => void;
}

/** Options of calls with private inputs. */
export interface SealOptions {
  /**
   * Seals the inputs, so that only the workers of the server can read them: to the key that the server names, or to this one.
   * `"if-offered"` sends them open if the server has no such key, or this platform or client lacks its algorithms.
   */
  readonly seal?: boolean | "if-offered" | SealingKey;
}

/** Options of calls that a server remembers by a key. */
export interface KeyedOptions {
  /** 1 to 128 visible ASCII characters. The default is a new random key, which makes retries of one call safe. */
  readonly idempotencyKey?: string;
}
