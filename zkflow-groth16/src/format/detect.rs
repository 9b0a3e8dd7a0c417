use serde::de::IgnoredAny;

use super::sym::Sym;

/// File formats that [`detect`] recognises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A constraint system, [`R1cs`](super::r1cs::R1cs).
    R1cs,
    /// A witness, [`wtns`](super::wtns).
    Wtns,
    /// A proving key, [`ZKey`](super::zkey::ZKey).
    ZKey,
    /// Powers of tau.
    Ptau,
    /// A WebAssembly module, such as a witness calculator.
    Wasm,
    /// The names of signals, [`Sym`].
    Sym,
    /// `proof.json`.
    Proof,
    /// `public.json`.
    PublicSignals,
    /// `verification_key.json`.
    VerifyingKey,
}

/// Detects a file's format by its magic word or, for text, by its structure; `None` if it is none of these.
/// Does not check the rest of the file.
///
/// ```
/// use zkflow_groth16::format::{Kind, detect};
///
/// # std::env::set_current_dir("tests/data")?;
/// assert_eq!(detect(&std::fs::read("tiny.zkey")?), Some(Kind::ZKey));
/// assert_eq!(detect(b"anything else"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn detect(bytes: &[u8]) -> Option<Kind> {
    match bytes.get(..4).unwrap_or_default() {
        b"r1cs" => return Some(Kind::R1cs),
        b"wtns" => return Some(Kind::Wtns),
        b"zkey" => return Some(Kind::ZKey),
        b"ptau" => return Some(Kind::Ptau),
        b"\0asm" => return Some(Kind::Wasm),
        _ => {}
    }
    match bytes.trim_ascii_start().first()? {
        b'{' | b'[' => serde_json::from_slice::<Shape>(bytes).ok().map(Kind::from),
        _ => {
            let first_line = bytes.split(|byte| *byte == b'\n').next()?;
            Sym::read(first_line).is_ok_and(|sym| !sym.signals().is_empty()).then_some(Kind::Sym)
        }
    }
}

/// Structure of a JSON document; the two objects differ by a key that only one of them has.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Shape {
    Proof {
        #[serde(rename = "pi_a")]
        _point: IgnoredAny,
    },
    VerifyingKey {
        #[serde(rename = "vk_alpha_1")]
        _point: IgnoredAny,
    },
    PublicSignals(#[expect(dead_code, reason = "only the shape matters")] Vec<String>),
}

impl From<Shape> for Kind {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Proof { .. } => Self::Proof,
            Shape::VerifyingKey { .. } => Self::VerifyingKey,
            Shape::PublicSignals(_) => Self::PublicSignals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_how_they_begin() {
        let cases: [(&[u8], Option<Kind>); 13] = [
            (b"r1cs\x01\0\0\0", Some(Kind::R1cs)),
            (b"wtns", Some(Kind::Wtns)),
            (b"zkey", Some(Kind::ZKey)),
            (b"ptau", Some(Kind::Ptau)),
            (b"\0asm\x01\0\0\0", Some(Kind::Wasm)),
            (b"1,1,0,main.out\n2,-1,0,main.in\n", Some(Kind::Sym)),
            (b" {\"protocol\": \"groth16\", \"pi_a\": []}", Some(Kind::Proof)),
            (b"{\"nPublic\": 1, \"vk_alpha_1\": []}", Some(Kind::VerifyingKey)),
            (b"[\"1\", \"2\"]", Some(Kind::PublicSignals)),
            (b"[1, 2]", None),
            (b"{\"a\": 1}", None),
            (b"pragma circom 2.0.0;", None),
            (b"", None),
        ];
        for (bytes, kind) in cases {
            assert_eq!(detect(bytes), kind, "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
