//! Inputs of a circuit as JSON: read without rounding, and checked against the shape of each signal.
//!
//! The rules for numbers ([`zkflow_groth16::field::json`]) and one check of shapes ([`Shape`]), for the inputs of
//! templates, requests and witness calculations.

mod error;
mod expected;
mod nested;
mod node;
mod shape;
mod steps;

pub use error::{InputError, InputProblem};
pub use expected::{ExpectedInput, check_expected, given_twice};
pub use node::NotAnObject;
pub use shape::Shape;
pub use steps::input_of;
pub use zkflow_groth16::field::json::NumberRule;

pub(crate) use error::MAX_LISTED;
pub(crate) use nested::nested;
pub(crate) use node::{Node, Path};
pub(crate) use shape::{Flattening, Index};
pub(crate) use steps::{Step, steps};
