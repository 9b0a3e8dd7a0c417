//! A contribution to the parameters of a key, without the key; see [`exchange`](super::exchange).

use ark_bn254::{G1Affine, G2Affine};
use zkflow_bn254::points::scale;

use super::super::ceremony::CeremonyError;
use super::super::step::StepOptions;
use super::super::stream::RandomStream;
use super::super::transcript::CeremonyPoint;
use super::contribute::add_contribution;
use super::exchange::{Params, ProverPoints, write};
use super::head::check_head;
use crate::digest::Hash;
use crate::format::zkey::{ContributionKind, KeyHead};
use crate::proof::VerifyingKey;
use crate::rng::SecureRng;

/// Multiplies a secret into parameters that [`export_params`](super::export_params()) or another program wrote. Returns
/// the new parameters and the hash of the contribution, which the contributor publishes.
///
/// # Behaviour
/// - The secret is derived from 64 bytes of `rng` and from `text`. It is zeroised and never written.
/// - Before the secret is drawn, the head of the parameters is checked as by [`contribute`](super::contribute()).
///
/// # Errors
/// [`CeremonyError::Invalid`]: the parameters are malformed, or one of their contributions is invalid.
pub fn contribute_to_params(
    params: &[u8],
    text: &str,
    rng: &mut dyn SecureRng,
) -> Result<(Vec<u8>, Hash), CeremonyError> {
    let Parameters { mut head, h, c, a, b1, b2 } = Parameters::read(params)?;
    check_head(&head, &mut StepOptions::default().replay())?;
    let stream = RandomStream::of_secret(rng, text);
    let inverse = add_contribution(&mut head, stream, ContributionKind::Secret, None);
    let (h, c) = (scale(&h, &inverse), scale(&c, &inverse));
    let out = write(&head, &ProverPoints { h: &h, c: &c, a: &a, b1: &b1, b2: &b2 });
    // Expect safety: a contribution was added.
    let last = head.contributions.last().expect("the head has a contribution");
    Ok((out, super::contribution_hash(last)))
}

/// All of a file of parameters.
struct Parameters {
    head: KeyHead,
    h: Vec<G1Affine>,
    c: Vec<G1Affine>,
    a: Vec<G1Affine>,
    b1: Vec<G1Affine>,
    b2: Vec<G2Affine>,
}

impl Parameters {
    fn read(bytes: &[u8]) -> Result<Self, CeremonyError> {
        let mut params = Params { left: bytes };
        let (alpha_g1, beta_g1) = (params.point()?, params.point()?);
        let (beta_g2, gamma_g2) = (params.point()?, params.point()?);
        let (delta_g1, delta_g2) = (params.point()?, params.point()?);
        let ic = list(&mut params)?;
        let (h, c) = (list::<G1Affine>(&mut params)?, list(&mut params)?);
        let (a, b1, b2) = (list(&mut params)?, list(&mut params)?, list(&mut params)?);
        let circuit_hash = params.hash()?;
        let contributions =
            (0..params.count()?).map(|_| params.contribution(None)).collect::<Result<_, _>>()?;
        params.end()?;
        let head = KeyHead {
            n_vars: count(a.len())?,
            n_public: count(ic.len().saturating_sub(1))?,
            domain_size: count(h.len().saturating_add(1))?,
            vk: VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, ic },
            beta_g1,
            delta_g1,
            circuit_hash,
            contributions,
        };
        Ok(Self { head, h, c, a, b1, b2 })
    }
}

fn list<P: CeremonyPoint>(params: &mut Params<'_>) -> Result<Vec<P>, CeremonyError> {
    let count = params.count()?;
    params.points(count)
}

fn count(length: usize) -> Result<u32, CeremonyError> {
    u32::try_from(length).map_err(|_| CeremonyError::invalid("the parameters have more than 2^32 points"))
}
