//! Parameters to circom source.
