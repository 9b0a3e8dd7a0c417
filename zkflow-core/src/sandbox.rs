//! WebAssembly under limits.
