//! The secrets of a contribution to phase 1, and the proof of knowledge.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::CurveGroup;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::super::stream::RandomStream;
use super::super::transcript::Transcript;
use crate::digest::Hash;
use crate::format::ptau::{ParameterKey, PublicKey};

/// tau, alpha and beta of one contributor.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Secrets {
    pub(super) tau: Fr,
    pub(super) alpha: Fr,
    pub(super) beta: Fr,
}

impl Secrets {
    /// Draws the secrets and the public key that proves knowledge of them for `challenge`.
    pub(super) fn draw(stream: &mut RandomStream, challenge: &Hash) -> (Self, PublicKey) {
        let secrets = Self { tau: stream.scalar(), alpha: stream.scalar(), beta: stream.scalar() };
        let key = secrets.prove(stream, challenge);
        (secrets, key)
    }

    /// The public key that proves knowledge of the secrets for `challenge`, on points from `stream`.
    pub(super) fn prove(&self, stream: &mut RandomStream, challenge: &Hash) -> PublicKey {
        let mut prove = |parameter: Parameter, secret: &Fr| {
            let g1_s = stream.g1();
            let g1_sx = (g1_s * secret).into_affine();
            let g2_s = challenge_point(parameter, challenge, g1_s, g1_sx);
            ParameterKey { g1_s, g1_sx, g2_spx: (g2_s * secret).into_affine() }
        };
        PublicKey {
            tau: prove(Parameter::Tau, &self.tau),
            alpha: prove(Parameter::Alpha, &self.alpha),
            beta: prove(Parameter::Beta, &self.beta),
        }
    }
}

/// One of the three secrets; its value is hashed into the challenge point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    Tau = 0,
    Alpha = 1,
    Beta = 2,
}

/// The point of G2 whose multiple proves a secret. It depends on the contributor's points, so these cannot
/// be chosen to fit it.
pub(super) fn challenge_point(
    parameter: Parameter,
    challenge: &Hash,
    g1_s: G1Affine,
    g1_sx: G1Affine,
) -> G2Affine {
    let mut transcript = Transcript::new();
    transcript.bytes(&[parameter as u8]);
    transcript.bytes(challenge);
    transcript.points(&[g1_s, g1_sx]);
    RandomStream::of_hash(&transcript.finish()).g2()
}
