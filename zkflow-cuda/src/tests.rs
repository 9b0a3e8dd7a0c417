//! The kernels and the prover, on the processor that plays a device, and, if asked for, on a GPU.

mod arithmetic;
mod image;
mod measure;
mod proofs;
mod quotients;
mod sums;
