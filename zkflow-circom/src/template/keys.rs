//! `[[keys]]` of a manifest: the keys of ceremonies, each for one choice of parameters.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zkflow_groth16::digest::{Digest, Hasher};
use zkflow_groth16::setup::ptau::Ceremony;

/// A key that a circuit of the template uses in place of one that is made for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// Parameters of the circuit; those with a default may be omitted.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// The proving key (.zkey).
    pub zkey: KeyFile,
    /// The verification key (.json) to compare with the proving key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_key: Option<KeyFile>,
    /// Prepared powers of tau (.ptau) to verify the key with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ptau: Option<KeyFile>,
    /// Name of the published powers of tau of the key, such as `powersOfTau28_hez_final_14.ptau`, in place of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_ptau: Option<String>,
    /// The record of the key's ceremony (ceremony.json) to compare with the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<KeyFile>,
}

/// A file of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// Path in the template's folder.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: Digest,
}

impl KeySpec {
    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &KeyFile> {
        let others = [&self.verification_key, &self.ptau, &self.transcript];
        std::iter::once(&self.zkey).chain(others.into_iter().flatten())
    }

    /// Digest of everything that decides about the key and its label. Names of files do not.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::default();
        hasher.field("zkflow key of a template");
        hasher.field(self.zkey.sha256.as_bytes());
        for file in [&self.ptau, &self.transcript] {
            hasher.field(file.as_ref().map(|file| file.sha256.to_string()).unwrap_or_default());
        }
        // All published files of one ceremony serve.
        hasher.field([u8::from(self.published_ptau.is_some())]);
        hasher.finish()
    }

    /// What is wrong with the fields, without reading a file.
    pub(super) fn problem(&self) -> Option<String> {
        if let Some(KeyFile { file, .. }) = self.files().find(|file| !file.is_inside()) {
            return Some(format!("{file:?} is not a path within the template's folder"));
        }
        match (&self.ptau, &self.published_ptau) {
            (Some(_), Some(_)) => Some("ptau and published_ptau exclude each other".to_owned()),
            (None, Some(name)) if Ceremony::of_file_name(name).is_none() => Some(format!(
                "{name:?} is not a published file: expected a name such as powersOfTau28_hez_final_14.ptau"
            )),
            (None, None) if self.transcript.is_some() => {
                Some("a transcript needs ptau or published_ptau".to_owned())
            }
            _ => None,
        }
    }
}

impl KeyFile {
    fn is_inside(&self) -> bool {
        let mut parts = Path::new(&self.file).components().peekable();
        parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
    }
}
