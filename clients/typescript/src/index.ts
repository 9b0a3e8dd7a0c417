export type { Ceremonies } from "./ceremonies.js";
export { Client } from "./client.js";
export {
  FailedError,
  NoAnswerError,
  NoSuchCircuitError,
  RefusedError,
  UnsupportedError,
  WaitExceededError,
  ZKFlowError,
} from "./errors.js";
export type { FileLike } from "./files.js";
export {
  type CircuitFiles,
  configure,
  type FullProveOptions,
  groth16,
  type Groth16Options,
  type Logger,
  type Snarkjs,
  type SnarkjsInputs,
  type UploadFiles,
} from "./groth16.js";
export type { Jobs } from "./jobs.js";
export type { SnarkjsValue } from "./numbers.js";
export type { Queues } from "./queues.js";
export { sealInputs } from "./seal.js";
export type { ClientOptions, Query } from "./transport.js";
export type * from "./types.js";
export type { components, operations, paths } from "./api.js";
