//! Computes the Lagrange forms for all domains up to the size of the file.

use std::io::{Read, Seek, SeekFrom, Write};

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::Zero;
use zkflow_bn254::points::{Curve, Transform};

use super::super::ceremony::CeremonyError;
use super::super::ratio::{combine, random_challenge, scalars};
use super::super::step::{Meter, StepOptions};
use super::super::transcript::CeremonyPoint;
use super::lagrange::{point_factors, power_factors};
use super::{MAX_POWER, copy_powers, pieces};
use crate::format::encoding::FilePoint;
use crate::format::ptau::{
    ALPHA_TAU_G1, BETA_TAU_G1, LAGRANGE_ALPHA_TAU_G1, LAGRANGE_BETA_TAU_G1, LAGRANGE_TAU_G1, LAGRANGE_TAU_G2,
    Ptau, PtauWriter, Section, TAU_G1, TAU_G2,
};
use crate::rng::SecureRng;

/// Writes the file with the Lagrange forms of its powers, which depend only on the powers.
///
/// # Behaviour
/// - Points take at most half of the memory that `options` allow. Larger domains are transformed in blocks,
///   with one pass over the written points for each further layer.
/// - Takes long: a file of twice the size takes a little more than twice the time.
/// - Continues an earlier run from the content of `out`. The form of a domain is reused if it passes a random
///   check with `rng`. The check takes a small part of the time of computing it. An incomplete domain is
///   computed again.
/// - The file ends at the final position of `out`. If `out` contained a longer file, the caller must
///   truncate it.
///
/// # Errors
/// [`CeremonyError::Power`] beyond [`MAX_POWER`]; a file fails.
pub fn prepare<R: Read + Seek, W: Read + Write + Seek>(
    ptau: &mut Ptau<R>,
    mut out: W,
    rng: &mut dyn SecureRng,
    options: StepOptions<'_>,
) -> Result<(), CeremonyError> {
    let power = ptau.power();
    if power > MAX_POWER {
        return Err(CeremonyError::Power { power, most: MAX_POWER });
    }
    let left = out.seek(SeekFrom::End(0))?;
    out.seek(SeekFrom::Start(0))?;
    // As in snarkjs, the file does not record that its ceremony was larger.
    let mut writer = PtauWriter::new(out, power, power, true)?;
    copy_powers(ptau, &mut writer)?;
    let work = |last: u32, weight: u64| (0..=last).map(|level| work(1 << level) * weight).sum::<u64>();
    let total = work(power + 1, 1) + work(power, IN_G2) + 2 * work(power, 1);
    let mut preparation = Preparation { ptau, writer, rng, options, left, meter: options.meter(total) };
    preparation.section(TAU_G1, LAGRANGE_TAU_G1, power + 1, 1)?;
    preparation.section(TAU_G2, LAGRANGE_TAU_G2, power, IN_G2)?;
    preparation.section(ALPHA_TAU_G1, LAGRANGE_ALPHA_TAU_G1, power, 1)?;
    preparation.section(BETA_TAU_G1, LAGRANGE_BETA_TAU_G1, power, 1)?;
    preparation.writer.finish()?;
    Ok(())
}

/// Number of pairs of points in all layers of a domain.
fn work(domain: u64) -> u64 {
    domain / 2 * u64::from(domain.ilog2())
}

/// Cost of a point of G2, relative to a point of G1.
const IN_G2: u64 = 2;

struct Preparation<'a, R, W> {
    ptau: &'a mut Ptau<R>,
    writer: PtauWriter<W>,
    rng: &'a mut dyn SecureRng,
    options: StepOptions<'a>,
    /// End of the usable content from an earlier run; 0 if none is usable.
    left: u64,
    meter: Meter<'a>,
}

impl<R: Read + Seek, W: Read + Write + Seek> Preparation<'_, R, W> {
    /// Writes the Lagrange forms for the domains of `2^0` to `2^last`.
    fn section<C: Curve>(
        &mut self,
        powers: Section<Affine<C>>,
        lagrange_form: Section<Affine<C>>,
        last: u32,
        weight: u64,
    ) -> Result<(), CeremonyError>
    where
        Affine<C>: CeremonyPoint,
    {
        self.writer.begin(lagrange_form)?;
        for domain in (0..=last).map(|level| 1 << level) {
            if self.is_there(powers, domain)? {
                self.writer.sections().keep_points::<Affine<C>>(domain)?;
                self.meter.add(work(domain) * weight);
            } else {
                self.left = 0;
                self.domain(powers, domain, weight)?;
            }
        }
        Ok(())
    }

    /// Whether an earlier run wrote the form for `domain`, which is the next one to write.
    fn is_there<C: Curve>(&mut self, powers: Section<Affine<C>>, domain: u64) -> Result<bool, CeremonyError>
    where
        Affine<C>: CeremonyPoint,
    {
        let sections = self.writer.sections();
        if sections.position() + domain * Affine::<C>::LEN as u64 > self.left {
            return Ok(false);
        }
        let challenge = random_challenge(self.rng);
        let mut difference = Projective::<C>::zero();
        for (first, count) in pieces(domain) {
            let Ok(points) = sections.points_at(domain - 1 + first, count) else { return Ok(false) };
            difference += combine(&points, &scalars(&point_factors(&challenge, first, count)));
        }
        for (first, count) in pieces(domain.min(powers.count(self.ptau.power()))) {
            let points = self.ptau.points(powers, first, count)?;
            difference -= combine(&points, &scalars(&power_factors(&challenge, domain, first, count)));
        }
        Ok(difference.is_zero())
    }

    /// Computes and writes the form for one domain.
    fn domain<C: Curve>(
        &mut self,
        powers: Section<Affine<C>>,
        domain: u64,
        weight: u64,
    ) -> Result<(), CeremonyError>
    where
        Affine<C>: CeremonyPoint,
    {
        let room = self.options.room(2, size_of::<Affine<C>>());
        let block = domain.min(1 << room.ilog2());
        let transform = Transform::to_lagrange(domain);
        for start in (0..domain).step_by(block as usize) {
            let mut points = self.sources(powers, transform, start, block)?;
            transform.within(start, &mut points, || self.meter.add(block / 2 * weight));
            self.writer.points(&points)?;
        }
        // The form for the domain of 2^k begins at point 2^k - 1.
        let base = domain - 1;
        let mut half = block;
        while half < domain {
            for group in (0..domain).step_by(2 * half as usize) {
                for first in (0..half).step_by(block as usize / 2) {
                    let (low, high) = (base + group + first, base + group + half + first);
                    let sections = self.writer.sections();
                    let mut a = sections.points_at::<Affine<C>>(low, block / 2)?;
                    let mut b = sections.points_at::<Affine<C>>(high, block / 2)?;
                    transform.across(half, group + first, &mut a, &mut b);
                    sections.rewrite_points(low, &a)?;
                    sections.rewrite_points(high, &b)?;
                    self.meter.add(block / 2 * weight);
                }
            }
            half *= 2;
        }
        Ok(())
    }

    /// The input points of a block for the first layer; their distance in the file is constant.
    fn sources<C: Curve>(
        &mut self,
        powers: Section<Affine<C>>,
        transform: Transform,
        start: u64,
        block: u64,
    ) -> Result<Vec<Affine<C>>, CeremonyError>
    where
        Affine<C>: CeremonyPoint,
    {
        let stride = transform.order() / block;
        // The largest domain of section 2 has one point more than there are powers.
        let available = powers.count(self.ptau.power()).min(transform.order());
        let mut points = Vec::with_capacity(block as usize);
        for (first, count) in pieces(available) {
            let piece = self.ptau.points(powers, first, count)?;
            // The first place of the block has the lowest source.
            let behind = (transform.source(start) + stride - first % stride) % stride;
            points.extend(piece.iter().skip(behind as usize).step_by(stride as usize));
        }
        points.resize(block as usize, Affine::zero());
        let within = Transform::to_lagrange(block);
        for i in 0..block {
            let source = within.source(i);
            if i < source {
                points.swap(i as usize, source as usize);
            }
        }
        Ok(points)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Mutex;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::super::{contribute, create};
    use super::*;
    use crate::setup::Progress;

    type Bytes = Cursor<Vec<u8>>;

    fn contributed(power: u32, seed: u64) -> Ptau<Bytes> {
        let (mut new, mut out) = (Bytes::default(), Bytes::default());
        create(power, &mut new).unwrap();
        let rng = &mut StdRng::seed_from_u64(seed);
        contribute(&mut Ptau::open(new).unwrap(), &mut out, None, "", rng, StepOptions::default()).unwrap();
        Ptau::open(out).unwrap()
    }

    fn prepared(ptau: &mut Ptau<Bytes>, left: Vec<u8>, options: StepOptions<'_>) -> Vec<u8> {
        let mut out = Cursor::new(left);
        prepare(ptau, &mut out, &mut StdRng::seed_from_u64(0), options).unwrap();
        let end = out.position() as usize;
        let mut bytes = out.into_inner();
        bytes.truncate(end);
        bytes
    }

    #[test]
    fn with_little_memory_the_file_is_the_same() {
        let mut ptau = contributed(5, 1);
        let whole = prepared(&mut ptau, Vec::new(), StepOptions::default());
        // Room for blocks of 4 points of G1 and 2 of G2, and of 16 and 8.
        for memory in [2 * 4 * 72, 2 * 16 * 72] {
            let blocks = prepared(&mut ptau, Vec::new(), StepOptions::with_little_memory(memory));
            assert!(blocks == whole, "{memory} bytes");
        }
    }

    /// The values reported last.
    struct Told(Mutex<(u64, u64)>);

    impl Progress for Told {
        fn advance(&self, done: u64, total: u64) {
            let mut last = self.0.lock().unwrap();
            assert!(done >= last.0 && done <= total);
            *last = (done, total);
        }
    }

    #[test]
    fn what_an_earlier_run_left_is_gone_on_with_and_never_trusted() {
        let mut ptau = contributed(4, 1);
        let whole = prepared(&mut ptau, Vec::new(), StepOptions::default());
        let other = prepared(&mut contributed(4, 2), Vec::new(), StepOptions::default());
        let longer = prepared(&mut contributed(5, 2), Vec::new(), StepOptions::default());
        for end in [0, 40, 5_000, 9_000, whole.len() - 64, whole.len() - 1, whole.len()] {
            let again = prepared(&mut ptau, whole[..end].to_vec(), StepOptions::default());
            assert!(again == whole, "cut at {end}");
            let mut wrong = whole[..end].to_vec();
            if let Some(last) = wrong.len().checked_sub(200).filter(|last| *last > 8_000) {
                // The point of another place, which is on the curve.
                wrong.copy_within(last - last % 64 - 128..last - last % 64, last - last % 64);
            }
            assert!(prepared(&mut ptau, wrong, StepOptions::default()) == whole, "changed before {end}");
        }
        for left in [other, longer, vec![7; 20_000]] {
            assert!(prepared(&mut ptau, left, StepOptions::default()) == whole, "another file");
        }
    }

    #[test]
    fn all_of_the_work_is_told() {
        let told = Told(Mutex::new((0, 0)));
        prepared(&mut contributed(3, 1), Vec::new(), StepOptions::default().with_progress(&told));
        let (done, total) = *told.0.lock().unwrap();
        assert_eq!(done, total);
        assert!(total > 0);
    }
}
