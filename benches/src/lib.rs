//! Criterion targets live in `benches/`.
