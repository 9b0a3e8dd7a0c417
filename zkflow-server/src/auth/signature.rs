//! Signatures of tokens, checked by aws-lc, the library that TLS uses. Only public keys: nothing is signed, and there are no
//! shared secrets.

use aws_lc_rs::signature::{
    self as lc, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |algorithm, key| Ok(Box::new(Signature::new(*algorithm, key)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes `jsonwebtoken` check signatures with aws-lc. Repeating it has no effect.
pub(super) fn install() {
    // An error says that the process has a provider already.
    let _ = PROVIDER.install_default();
}

/// A public key for one algorithm.
struct Signature {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Signature {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self> {
        let family = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
            Algorithm::EdDSA => AlgorithmFamily::Ed,
            _ if rsa(algorithm).is_some() => AlgorithmFamily::Rsa,
            _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
        };
        if key.family() == family {
            Ok(Self { algorithm, key: key.clone() })
        } else {
            Err(ErrorKind::InvalidKeyFormat.into())
        }
    }
}

impl Verifier<Vec<u8>> for Signature {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let raw = |algorithm: &'static dyn VerificationAlgorithm| {
            let key = self.key.try_get_as_bytes().map_err(Error::from_source)?;
            UnparsedPublicKey::new(algorithm, key).verify(message, signature).map_err(Error::from_source)
        };
        match (self.algorithm, self.key.kind()) {
            (Algorithm::ES256, _) => raw(&lc::ECDSA_P256_SHA256_FIXED),
            (Algorithm::ES384, _) => raw(&lc::ECDSA_P384_SHA384_FIXED),
            (Algorithm::EdDSA, _) => raw(&lc::ED25519),
            (algorithm, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let rsa = rsa(algorithm).ok_or_else(Error::new)?;
                RsaPublicKeyComponents { n, e }.verify(rsa, message, signature).map_err(Error::from_source)
            }
            _ => Err(Error::new()),
        }
    }
}

impl JwtVerifier for Signature {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &lc::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &lc::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &lc::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &lc::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &lc::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &lc::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}
