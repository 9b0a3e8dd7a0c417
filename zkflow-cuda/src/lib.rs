//! A Groth16 prover on BN254 for NVIDIA GPUs: one more [`Prover`](zkflow_groth16::prove::Prover) of `zkflow-groth16`.
//!
//! ```no_run
//! use zkflow_cuda::{CudaOptions, NAME, open};
//! use zkflow_groth16::prove::Provers;
//! use zkflow_groth16::prove::native::NativeOptions;
//!
//! let provers = Provers::default().with(NAME, |native| open(&CudaOptions::default(), native));
//! let prover = provers.open(NAME, NativeOptions::default())?;
//! let key = prover.load_file("circuit.zkey".as_ref())?;
//! # Ok::<(), zkflow_groth16::prove::ProveError>(())
//! ```
//!
//! Building needs nothing of CUDA: the kernels are compiled ahead, and the driver is loaded when a GPU is opened.
//! Without a GPU, the processor proves.
//!
//! | module | subject |
//! |---|---|
//! | `device` | memory, copies and launches: a GPU, or in tests the processor |
//! | `msm` | multi-scalar multiplication |
//! | `quotient` | the quotient polynomial |
//! | `key` | a key on the device, the sums of a proof |
//! | `threads` | copies on several threads |
//! | `residence` | several keys within the memory of the device |
//! | `faults` | when a device is set aside |
//! | `prover` | the prover, with the processor behind it |
//!
//! The kernels are in `kernels/`, in CUDA C++ that g++ compiles too: tests run them on the processor.

mod device;
mod faults;
mod key;
mod msm;
mod prover;
mod quotient;
mod residence;
#[cfg(test)]
mod tests;
mod threads;

pub use device::DeviceError;
pub use prover::{CudaOptions, CudaProver, NAME, open};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
