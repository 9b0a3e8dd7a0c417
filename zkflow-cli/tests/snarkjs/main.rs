//! `alias snarkjs=zkflow`: the commands of snarkjs' own guide, run by both programs in two folders, leave equal files
//! and exit codes. Random steps are done by both; the next step continues from the result of one of them.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod guide;
mod pair;
mod wrong;
