//! [`SealingKey`]: inputs that only the workers of a server can read.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as HPKE;
use rustls::crypto::hpke::{Hpke as _, HpkePublicKey};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::transport::Call;
use crate::{Client, ClientError, Inputs};

/// The suite of this client.
const SUITE: &str = "DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM";
/// First byte of inputs that a client sealed.
const FORMAT: u8 = 4;
const INFO: &[u8] = b"zkflow sealed inputs";

/// The key that inputs are sealed to. Compare it with one from the operator: a server that gives you a key of its own can read
/// the inputs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealingKey {
    /// Public key of X25519 in hexadecimal.
    pub public_key: String,
    /// First 8 bytes of `SHA-256("zkflow sealing key" ‖ public key)` in hexadecimal.
    pub key_id: String,
    /// Algorithms of HPKE (RFC 9180).
    pub suite: String,
    /// First byte of sealed inputs.
    pub format: u8,
    /// Tenant of the caller, which sealed inputs are bound to.
    pub tenant: String,
}

impl Client {
    /// The key that inputs are sealed to; for [`ProofOptions`](crate::ProofOptions).
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn sealing_key(&self) -> Result<SealingKey, ClientError> {
        let key = Call::new(Method::GET, "/v1/sealing-key").succeed(self).await?;
        serde_json::from_value(key).map_err(|error| ClientError::Unexpected(format!("sealing key: {error}")))
    }
}

impl SealingKey {
    /// Seals the inputs of a proof, for the field `sealedInputs`. They open for this circuit, the key's tenant and the inputs'
    /// user only. The circuit is the `circuitId` of the server's answers.
    ///
    /// # Errors
    /// The server seals by another suite, or the key is not valid.
    pub fn seal(&self, circuit: &str, inputs: &Inputs) -> Result<String, ClientError> {
        let wrong = |text: String| Err(ClientError::Unexpected(text));
        if self.suite != SUITE || self.format != FORMAT {
            return wrong(format!(
                "the server seals by {}, format {}: update this client",
                self.suite, self.format
            ));
        }
        let mut public = [0; 32];
        if hex::decode_to_slice(&self.public_key, &mut public).is_err() {
            return wrong("the sealing key is not a public key of 64 hex digits".to_owned());
        }
        let digest = Sha256::new().chain_update("zkflow sealing key").chain_update(public).finalize();
        let id = &digest[..8];
        if hex::encode(id) != self.key_id {
            return wrong("the sealing key does not have the id that it names".to_owned());
        }
        let header = [&[FORMAT], id].concat();
        let mut bound = header.clone();
        for field in ["inputs", "", &self.tenant, circuit, inputs.user.as_deref().unwrap_or_default()] {
            let Ok(length) = u32::try_from(field.len()) else {
                return wrong("the tenant, the circuit or the user is too long".to_owned());
            };
            bound.extend(length.to_le_bytes());
            bound.extend(field.as_bytes());
        }
        let plain = json!({"privateInputs": inputs.private, "publicInputs": inputs.public});
        let plain = Zeroizing::new(plain.to_string());
        match HPKE.seal(INFO, &bound, plain.as_bytes(), &HpkePublicKey(public.to_vec())) {
            Ok((encapsulated, sealed)) => {
                Ok(BASE64_STANDARD.encode([header.as_slice(), &encapsulated.0, &sealed].concat()))
            }
            // A point of small order gives the same secret to all.
            Err(error) => wrong(format!("inputs cannot be sealed to this key: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::hpke::{EncapsulatedSecret, HpkePrivateKey};
    use serde_json::Value;

    use super::*;

    fn vectors() -> Vec<Value> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sealed-inputs.json");
        let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        document["vectors"].as_array().unwrap().clone()
    }

    fn hexed(value: &Value) -> Vec<u8> {
        hex::decode(value.as_str().unwrap()).unwrap()
    }

    #[test]
    fn the_private_key_of_each_vector_opens_what_is_sealed_with_the_vectors_associated_data() {
        assert!(vectors().len() > 1);
        for vector in vectors() {
            let key: SealingKey = serde_json::from_value(vector["key"].clone()).unwrap();
            let given = &vector["inputs"];
            let public = given.get("publicInputs").cloned().unwrap_or_else(|| json!({}));
            let user = given["userId"].as_str().or(vector["userId"].as_str()).map(str::to_owned);
            let inputs = Inputs { private: given["privateInputs"].clone(), public, user };
            let private = HpkePrivateKey::from(hexed(&vector["privateKey"]));
            let open = |sealed: &str| {
                let sealed = BASE64_STANDARD.decode(sealed).unwrap();
                let bound = hexed(&vector["associatedData"]);
                assert_eq!(sealed[..9], bound[..9]);
                let encapsulated = EncapsulatedSecret(sealed[9..41].to_vec());
                let plain = HPKE.open(&encapsulated, INFO, &bound, &sealed[41..], &private).unwrap();
                serde_json::from_slice::<Value>(&plain).unwrap()
            };
            let circuit = vector["circuitId"].as_str().unwrap();
            let [one, other] = [(); 2].map(|()| key.seal(circuit, &inputs).unwrap());
            assert_ne!(one, other);
            assert_eq!(open(&one), open(vector["sealedInputs"].as_str().unwrap()));
        }
    }

    #[test]
    fn a_key_that_does_not_fit_is_refused() {
        let key: SealingKey = serde_json::from_value(vectors()[0]["key"].clone()).unwrap();
        let inputs = Inputs { private: json!({}), public: json!({}), user: None };
        let refused = |key: &SealingKey| key.seal("0", &inputs).unwrap_err().to_string();
        assert!(key.seal("0", &inputs).is_ok());
        assert!(refused(&SealingKey { format: 5, ..key.clone() }).contains("update this client"));
        assert!(refused(&SealingKey { public_key: "0".into(), ..key.clone() }).contains("64 hex digits"));
        assert!(refused(&SealingKey { key_id: "0".repeat(16), ..key.clone() }).contains("the id"));
        let digest = Sha256::new().chain_update("zkflow sealing key").chain_update([0; 32]).finalize();
        let key_id = hex::encode(&digest[..8]);
        assert!(
            refused(&SealingKey { public_key: "0".repeat(64), key_id, ..key }).contains("cannot be sealed")
        );
    }
}
