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
export type { SnarkjsValue } from "./numbers.js";
export { sealInputs } from "./seal.js";
export type { ClientOptions } from "./transport.js";
export type * from "./types.js";
export type { components, operations, paths } from "./api.js";
