//! The kernels and the prover, on the processor that plays a device.

mod arithmetic;
mod measure;
mod proofs;
mod sums;
