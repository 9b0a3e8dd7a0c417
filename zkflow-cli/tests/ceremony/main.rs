//! Hosted ceremonies of a server with SQLite and a folder, and the commands of contributors and of those who check.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod gate;
mod hostile;
mod interrupted;
mod site;
mod whole;
