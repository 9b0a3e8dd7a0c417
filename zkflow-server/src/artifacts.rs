//! What the artifacts of a circuit are called, and what they are.

/// The rendered source, with its includes left as they are.
pub const SOURCE: &str = "circuit.circom";
/// The constraint system.
pub const R1CS: &str = "circuit.r1cs";
/// The witness calculator.
pub const WASM: &str = "circuit.wasm";
/// The names of the signals.
pub const SYM: &str = "circuit.sym";
/// The proving key.
pub const PROVING_KEY: &str = "proving_key.zkey";
/// The verification key.
pub const VERIFICATION_KEY: &str = "verification_key.json";
/// The verifier contract.
pub const VERIFIER_CONTRACT: &str = "verifier.sol";

/// The media type of an artifact, by the end of its name.
pub fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("json") => "application/json",
        Some("wasm") => "application/wasm",
        Some("circom" | "sym" | "sol") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
