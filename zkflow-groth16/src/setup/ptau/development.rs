//! Prepared powers of tau for development, made by one process.

use std::io::{Read, Seek, Write};

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::scalar_mul::BatchMulPreprocessing;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::{Field, One, Zero};
use rayon::prelude::*;
use zeroize::Zeroizing;
use zkflow_bn254::points::Curve;

use super::super::ceremony::CeremonyError;
use super::super::stream::RandomStream;
use super::super::transcript::{CeremonyPoint, Transcript};
use super::super::{development_name, fourier};
use super::challenge::first_challenge;
use super::contribute::{Contributed, conclude};
use super::key::Secrets;
use super::{MAX_POWER, copy_powers, pieces};
use crate::format::ptau::{
    ALPHA_TAU_G1, BETA_G2, BETA_TAU_G1, ContributionKind, ContributionName, LAGRANGE_ALPHA_TAU_G1,
    LAGRANGE_BETA_TAU_G1, LAGRANGE_TAU_G1, LAGRANGE_TAU_G2, Ptau, PtauWriter, PublicKey, Section, TAU_G1,
    TAU_G2,
};
use crate::rng::SecureRng;

/// Writes prepared powers of tau with one contribution, whose name marks it as development.
///
/// # Behaviour
/// - The file equals the result of [`create`](super::create()), [`contribute`](super::contribute()) and
///   [`prepare`](super::prepare()) in sequence. Because the secrets are known, generators are multiplied by
///   numbers and no points are transformed. This takes a small part of the time.
/// - With a seeded `rng` the file is the same each time, and its secrets are public.
/// - `scratch` temporarily contains the file without its Lagrange forms.
///
/// # Errors
/// [`CeremonyError::Power`] unless `power` is 1 to [`MAX_POWER`]; a file fails.
pub fn development(
    power: u32,
    scratch: impl Read + Write + Seek,
    out: impl Write,
    rng: &mut dyn SecureRng,
) -> Result<Contributed, CeremonyError> {
    if !(1..=MAX_POWER).contains(&power) {
        return Err(CeremonyError::Power { power, most: MAX_POWER });
    }
    let challenge = first_challenge(power);
    let (secrets, key) = Secrets::draw(&mut RandomStream::of_secret(rng, ""), &challenge);
    deal(power, scratch, out, &secrets, key, Some(development_name()))
}

/// Writes prepared powers of tau with these secrets, as the only contribution.
pub(super) fn deal(
    power: u32,
    mut scratch: impl Read + Write + Seek,
    out: impl Write,
    secrets: &Secrets,
    key: PublicKey,
    name: Option<ContributionName>,
) -> Result<Contributed, CeremonyError> {
    let challenge = first_challenge(power);
    let mut response = Transcript::new();
    response.bytes(&challenge);
    let dealer = Dealer::new(secrets, power);

    let mut writer = PtauWriter::new(&mut scratch, power, power, false)?;
    dealer.powers(&mut writer, &mut response, TAU_G1, &dealer.g1, &Fr::one())?;
    dealer.powers(&mut writer, &mut response, TAU_G2, &dealer.g2, &Fr::one())?;
    dealer.powers(&mut writer, &mut response, ALPHA_TAU_G1, &dealer.g1, &secrets.alpha)?;
    dealer.powers(&mut writer, &mut response, BETA_TAU_G1, &dealer.g1, &secrets.beta)?;
    dealer.powers(&mut writer, &mut response, BETA_G2, &dealer.g2, &secrets.beta)?;
    let made = conclude(writer, response, &[], key, ContributionKind::Secret, name)?;

    let mut writer = PtauWriter::new(out, power, power, true)?;
    copy_powers(&mut Ptau::open(scratch)?, &mut writer)?;
    dealer.lagrange(&mut writer, TAU_G1, LAGRANGE_TAU_G1, &dealer.g1, &Fr::one())?;
    dealer.lagrange(&mut writer, TAU_G2, LAGRANGE_TAU_G2, &dealer.g2, &Fr::one())?;
    dealer.lagrange(&mut writer, ALPHA_TAU_G1, LAGRANGE_ALPHA_TAU_G1, &dealer.g1, &secrets.alpha)?;
    dealer.lagrange(&mut writer, BETA_TAU_G1, LAGRANGE_BETA_TAU_G1, &dealer.g1, &secrets.beta)?;
    writer.finish()?;
    Ok(made)
}

/// The known tau, and tables of multiples of the generators.
struct Dealer<'a> {
    tau: &'a Fr,
    g1: Table<ark_bn254::g1::Config>,
    g2: Table<ark_bn254::g2::Config>,
}

type Table<C> = BatchMulPreprocessing<Projective<C>>;

impl<'a> Dealer<'a> {
    fn new(secrets: &'a Secrets, power: u32) -> Self {
        // The points of the largest domain alone make the tables worth their cost.
        let points = 2usize << power;
        Self {
            tau: &secrets.tau,
            g1: BatchMulPreprocessing::new(G1Affine::generator().into_group(), points),
            g2: BatchMulPreprocessing::new(G2Affine::generator().into_group(), points),
        }
    }

    /// Writes commitments to `first * tau^i`.
    fn powers<C: Curve>(
        &self,
        writer: &mut PtauWriter<impl Write>,
        response: &mut Transcript,
        section: Section<Affine<C>>,
        table: &Table<C>,
        first: &Fr,
    ) -> Result<(), CeremonyError>
    where
        Affine<C>: CeremonyPoint,
    {
        writer.begin(section)?;
        for (start, count) in pieces(section.count(writer.power())) {
            let points = table.batch_mul(&self.scalars(&(*first * self.tau.pow([start])), count));
            response.compressed(&points);
            writer.points(&points)?;
        }
        Ok(())
    }

    /// Writes the Lagrange forms of the points from [`Dealer::powers`], for all domains.
    fn lagrange<C: Curve>(
        &self,
        writer: &mut PtauWriter<impl Write>,
        powers: Section<Affine<C>>,
        lagrange_form: Section<Affine<C>>,
        table: &Table<C>,
        first: &Fr,
    ) -> Result<(), CeremonyError>
    where
        Affine<C>: CeremonyPoint,
    {
        writer.begin(lagrange_form)?;
        let available = powers.count(writer.power());
        for level in 0..=available.next_power_of_two().ilog2() {
            let domain = 1u64 << level;
            let mut values = self.scalars(first, domain.min(available));
            // The largest domain of section 2 has one point more than there are powers.
            values.resize(domain as usize, Fr::zero());
            fourier::inverse(&mut values);
            for values in values.chunks(1 << 15) {
                writer.points(&table.batch_mul(values))?;
            }
        }
        Ok(())
    }

    /// `first * tau^i` for `i` below `count`.
    fn scalars(&self, first: &Fr, count: u64) -> Zeroizing<Vec<Fr>> {
        let chunk = |start: u64| {
            let start_value = *first * self.tau.pow([start]);
            std::iter::successors(Some(start_value), |last| Some(*last * self.tau))
                .take((count - start).min(CHUNK) as usize)
        };
        let starts = (0..count).step_by(CHUNK as usize).collect::<Vec<_>>();
        Zeroizing::new(starts.into_par_iter().flat_map_iter(chunk).collect())
    }
}

/// Number of powers that a thread computes one from another.
const CHUNK: u64 = 1 << 12;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::super::super::step::StepOptions;
    use super::super::{contribute, create, prepare};
    use super::*;

    fn made(power: u32, seed: u64) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rng = StdRng::seed_from_u64(seed);
        development(power, Cursor::new(Vec::new()), &mut out, &mut rng).unwrap();
        out
    }

    #[test]
    fn the_dealer_makes_the_file_that_contributing_and_preparing_make() {
        for power in [1, 4] {
            let mut new = Cursor::new(Vec::new());
            create(power, &mut new).unwrap();
            let (mut contributed, mut prepared) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
            let (name, mut rng) = (Some(development_name()), StdRng::seed_from_u64(3));
            contribute(
                &mut Ptau::open(new).unwrap(),
                &mut contributed,
                name,
                "",
                &mut rng,
                StepOptions::default(),
            )
            .unwrap();
            let file = &mut Ptau::open(contributed).unwrap();
            prepare(file, &mut prepared, &mut rng, StepOptions::default()).unwrap();
            assert!(made(power, 3) == prepared.into_inner(), "power {power}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_file_each_time_and_another_seed_another() {
        assert!(made(2, 1) == made(2, 1));
        assert!(made(2, 1) != made(2, 2));
    }
}
