//! The initial key of a circuit.

use std::io::{Read, Seek};

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{One, Zero};
use rayon::prelude::*;
use zkflow_bn254::points::Curve;

use super::super::blake2b::Hash;
use super::super::ceremony::CeremonyError;
use super::super::transcript::{CeremonyPoint, Transcript};
use super::super::{check, qap};
use super::quirk;
use crate::format::ptau::{
    ALPHA_TAU_G1, BETA_G2, BETA_TAU_G1, LAGRANGE_ALPHA_TAU_G1, LAGRANGE_BETA_TAU_G1, LAGRANGE_TAU_G1,
    LAGRANGE_TAU_G2, Ptau, TAU_G1,
};
use crate::format::r1cs::R1cs;
use crate::format::zkey::ZKey;
use crate::verify::VerifyingKey;

/// Makes the key of a circuit, with gamma = delta = 1: nobody should rely on proofs for it before somebody
/// has [contributed](super::contribute).
///
/// [`ZKey::write_initial`] writes it as snarkjs does.
///
/// # Errors
/// [`CeremonyError::NotPrepared`]; [`CeremonyError::TooFewPowers`]; the circuit does not fit together; the file
/// fails.
pub fn create<R: Read + Seek>(r1cs: &R1cs, ptau: &mut Ptau<R>) -> Result<ZKey, CeremonyError> {
    let domain_size = check(r1cs)?;
    let (needed, found) = (domain_size.ilog2(), ptau.power());
    if needed > found {
        return Err(CeremonyError::TooFewPowers { needed, found });
    }
    if !ptau.is_prepared() {
        return Err(CeremonyError::NotPrepared);
    }

    let n = u64::from(domain_size);
    // The form for the domain of 2^k begins at point 2^k - 1.
    let tau = ptau.points(LAGRANGE_TAU_G1, n - 1, n)?;
    let alpha = ptau.points(LAGRANGE_ALPHA_TAU_G1, n - 1, n)?;
    let beta = ptau.points(LAGRANGE_BETA_TAU_G1, n - 1, n)?;
    let columns = Columns::of(r1cs);
    let combined: Vec<_> = (0..columns.a.len())
        .map(|i| [(&columns.a[i], &beta), (&columns.b[i], &alpha), (&columns.c[i], &tau)])
        .collect();
    let combined = sums(&combined);
    let (ic, c) = combined.split_at(r1cs.n_public() as usize + 1);
    let a = sums(&single(&columns.a, &tau));
    let b1 = sums(&single(&columns.b, &tau));
    let tau_g2 = ptau.points(LAGRANGE_TAU_G2, n - 1, n)?;
    let b2 = sums(&single(&columns.b, &tau_g2));
    let odd = ptau.points(LAGRANGE_TAU_G1, 2 * n - 1, 2 * n)?;

    let mut key = ZKey {
        n_vars: r1cs.n_wires,
        n_public: r1cs.n_public(),
        domain_size,
        vk: VerifyingKey {
            alpha_g1: ptau.points(ALPHA_TAU_G1, 0, 1)?[0],
            beta_g2: ptau.points(BETA_G2, 0, 1)?[0],
            gamma_g2: G2Affine::generator(),
            delta_g2: G2Affine::generator(),
            ic: ic.to_vec(),
        },
        beta_g1: ptau.points(BETA_TAU_G1, 0, 1)?[0],
        delta_g1: G1Affine::generator(),
        coefficients: qap::coefficients(r1cs),
        a,
        b1,
        b2,
        c: c.to_vec(),
        h: odd.into_iter().skip(1).step_by(2).collect(),
        circuit_hash: [0; 64],
        contributions: Vec::new(),
    };
    key.circuit_hash = circuit_hash(&key, ptau)?;
    Ok(key)
}

/// blake2b-512 of the initial key, with which section 10 begins.
fn circuit_hash<R: Read + Seek>(key: &ZKey, ptau: &mut Ptau<R>) -> Result<Hash, CeremonyError> {
    let mut transcript = Transcript::new();
    transcript.points(&[key.vk.alpha_g1, key.beta_g1]);
    transcript.points(&[key.vk.beta_g2, key.vk.gamma_g2]);
    transcript.points(&[key.delta_g1]);
    transcript.points(&[key.vk.delta_g2]);
    put_counted(&mut transcript, &key.vk.ic);
    put_differences(&mut transcript, ptau, key.domain_size)?;
    put_counted(&mut transcript, &key.c);
    put_counted(&mut transcript, &key.a);
    put_counted(&mut transcript, &key.b1);
    put_counted(&mut transcript, &key.b2);
    Ok(transcript.finish())
}

fn put_counted<P: CeremonyPoint>(transcript: &mut Transcript, points: &[P]) {
    transcript.number(u32::try_from(points.len()).expect("a key has at most 2^32 wires"));
    transcript.points(points);
}

/// Hashes `tau^(i+n) - tau^i`, as many of them as snarkjs does: `n - 1`, and from domains of 2^15 on `n`,
/// although the number in front says `n - 1`.
fn put_differences<R: Read + Seek>(
    transcript: &mut Transcript,
    ptau: &mut Ptau<R>,
    domain_size: u32,
) -> Result<(), CeremonyError> {
    let n = u64::from(domain_size);
    transcript.number(domain_size - 1);
    let low = ptau.points(TAU_G1, 0, n)?;
    let all = TAU_G1.count(ptau.power());
    let high = ptau.points(TAU_G1, n, n.min(all - n))?;
    let count = if n >= QUIRK { n } else { n - 1 } as usize;
    let differences: Vec<_> = high.iter().zip(&low).take(count).map(|(high, low)| *high - *low).collect();
    transcript.points(&normalize(&differences));
    if differences.len() < count {
        let behind = ptau.bytes_behind(TAU_G1, 64)?;
        transcript.bytes(&quirk::difference(&behind, &low[count - 1]));
    }
    Ok(())
}

/// The domain from which snarkjs hashes one point too many.
const QUIRK: u64 = 1 << 15;

/// The matrices by wire: rows and entries.
struct Columns {
    a: Vec<Column>,
    b: Vec<Column>,
    c: Vec<Column>,
}

type Column = Vec<(u32, Fr)>;

impl Columns {
    fn of(r1cs: &R1cs) -> Self {
        let empty = || vec![Column::new(); r1cs.n_wires as usize];
        let mut columns = Self { a: empty(), b: empty(), c: empty() };
        let mut row = 0;
        for constraint in &r1cs.constraints {
            for (columns, terms) in [
                (&mut columns.a, &constraint.a),
                (&mut columns.b, &constraint.b),
                (&mut columns.c, &constraint.c),
            ] {
                for (wire, value) in terms {
                    columns[*wire as usize].push((row, *value));
                }
            }
            row += 1;
        }
        for wire in 0..=r1cs.n_public() {
            columns.a[wire as usize].push((row + wire, Fr::one()));
        }
        columns
    }
}

/// Entries and the points that they weigh.
type Weighted<'a, C> = (&'a Column, &'a Vec<Affine<C>>);

fn single<'a, C: SWCurveConfig>(
    columns: &'a [Column],
    points: &'a Vec<Affine<C>>,
) -> Vec<[Weighted<'a, C>; 1]> {
    columns.iter().map(|column| [(column, points)]).collect()
}

/// For each wire the sum of its weighted points.
fn sums<C: Curve, const N: usize>(wires: &[[Weighted<'_, C>; N]]) -> Vec<Affine<C>> {
    let sum = |wire: &[Weighted<'_, C>; N]| {
        let terms: usize = wire.iter().map(|(column, _)| column.len()).sum();
        let pairs = wire
            .iter()
            .flat_map(|(column, points)| column.iter().map(|(row, value)| (points[*row as usize], *value)));
        if terms < WORTH_BUCKETS {
            return pairs.fold(Projective::<C>::zero(), |sum, (point, value)| sum + times(point, &value));
        }
        let (points, values): (Vec<_>, Vec<_>) = pairs.unzip();
        Projective::msm_unchecked(&points, &values)
    };
    normalize(&wires.par_iter().map(sum).collect::<Vec<_>>())
}

/// A point times a scalar that is often one or minus one.
fn times<C: Curve>(point: Affine<C>, value: &Fr) -> Projective<C> {
    if value.is_one() {
        point.into_group()
    } else if (-*value).is_one() {
        (-point).into_group()
    } else {
        C::glv_mul_projective(point.into_group(), *value)
    }
}

/// The affine form of many points, on all cores.
fn normalize<C: Curve>(points: &[Projective<C>]) -> Vec<Affine<C>> {
    const TASK: usize = 128;
    points.par_chunks(TASK).flat_map_iter(Projective::normalize_batch).collect()
}

/// Terms from which on buckets cost less than single products.
const WORTH_BUCKETS: usize = 64;
