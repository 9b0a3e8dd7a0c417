//! Finds small relations between points: equal ones, small multiples and sums of others, and products.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ark_bn254::{Bn254, Fq, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::{Pairing, PairingOutput};
use ark_ec::{AffineRepr, CurveGroup};

/// A point of G1 with its name.
pub(in super::super) type Named = (String, G1Affine);

/// The first relation `a P = b Q` or `P ± Q = a R` with small numbers, up to signs; also a point that is infinity.
///
/// Multiples are tried up to [`MANY`] points, sums up to [`FEW`]; of more points, equal ones are found.
pub(in super::super) fn relation(points: &[Named]) -> Option<String> {
    if let Some((name, _)) = points.iter().find(|(_, point)| point.is_zero()) {
        return Some(format!("{name} is infinity"));
    }
    let factors = if points.len() <= MANY { FACTORS } else { 1 };
    let mut multiples = Vec::with_capacity(points.len() * factors);
    for (_, point) in points {
        let mut multiple = point.into_group();
        for _ in 0..factors {
            multiples.push(multiple);
            multiple += point;
        }
    }
    let mut by_x: HashMap<Fq, usize> = HashMap::new();
    for (place, multiple) in G1Projective::normalize_batch(&multiples).into_iter().enumerate() {
        let index = place / factors;
        // No multiple of a point is infinity: the group has a large prime order.
        let Some(x) = multiple.x() else { continue };
        match by_x.entry(x) {
            Entry::Vacant(slot) => {
                slot.insert(index);
            }
            Entry::Occupied(other) if *other.get() != index => {
                let (other, name) = (&points[*other.get()].0, &points[index].0);
                return Some(format!("{name} is a known multiple of {other}"));
            }
            Entry::Occupied(_) => {}
        }
    }
    if points.len() <= FEW { sum(points, &by_x) } else { None }
}

/// A sum or difference of two points that is a multiple of a third one.
fn sum(points: &[Named], by_x: &HashMap<Fq, usize>) -> Option<String> {
    let pairs = || (0..points.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let sums: Vec<_> = pairs()
        .flat_map(|(i, j)| {
            let (p, q) = (points[i].1.into_group(), points[j].1);
            [p + q, p - q]
        })
        .collect();
    let sums = G1Projective::normalize_batch(&sums);
    let found = sums.iter().enumerate().find_map(|(place, sum)| {
        let third = *by_x.get(&sum.x()?)?;
        Some((pairs().nth(place / 2)?, third))
    });
    let ((i, j), third) = found?;
    Some(format!("{} is a known combination of {} and {}", points[third].0, points[i].0, points[j].0))
}

/// Points whose multiples are tried; of more, equal ones are found.
const MANY: usize = 4096;

/// Points whose sums are tried.
const FEW: usize = 160;

/// Multiples of each point.
const FACTORS: usize = 8;

/// Whether a product of two secrets is a third one, or another product: compares the pairings of all points of G1 with
/// the points of G2.
pub(in super::super) fn products(g1: &[Named], g2: &[(&'static str, G2Affine)]) -> Option<String> {
    let mut seen: Vec<(String, PairingOutput<Bn254>)> = Vec::new();
    for (name, point) in g1 {
        seen.push((name.clone(), Bn254::pairing(point, G2Affine::generator())));
    }
    for (other, second) in g2 {
        for (name, first) in g1 {
            let product = format!("{name} * {other}");
            // beta * delta and delta * beta are one product.
            let swapped = format!("{other} * {name}");
            if seen.iter().any(|(known, _)| *known == swapped) {
                continue;
            }
            let value = Bn254::pairing(first, second);
            if let Some((known, _)) = seen.iter().find(|(_, known)| *known == value || *known == -value) {
                return Some(format!("{product} equals {known}"));
            }
            seen.push((product, value));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;
    use ark_ff::{Field as _, UniformRand};

    use super::*;

    fn named(points: &[G1Affine]) -> Vec<Named> {
        points.iter().enumerate().map(|(i, point)| (format!("P{i}"), *point)).collect()
    }

    #[test]
    fn small_relations_are_found_and_random_points_have_none() {
        let rng = &mut crate::rng::os_rng();
        let random: Vec<G1Affine> =
            (0..12).map(|_| (G1Affine::generator() * Fr::rand(rng)).into_affine()).collect();
        assert_eq!(relation(&named(&random)), None);
        let [p, q, r] = [random[0], random[1], random[2]];
        for (wrong, what) in [
            (p, "equal"),
            (-q, "opposite"),
            ((r * Fr::from(5u64)).into_affine(), "multiple"),
            ((p + q).into_affine(), "sum"),
            ((q - r).into_affine(), "difference"),
            (((p + q) * Fr::from(2u64).inverse().unwrap()).into_affine(), "mean"),
            (G1Affine::identity(), "infinity"),
        ] {
            let mut points = random.clone();
            points[7] = wrong;
            assert!(relation(&named(&points)).is_some(), "{what}");
        }
    }

    #[test]
    fn products_of_secrets_are_found() {
        let rng = &mut crate::rng::os_rng();
        let [a, b, c] = [(); 3].map(|()| Fr::rand(rng));
        let g1 = |k: Fr| (G1Affine::generator() * k).into_affine();
        let g2 = |k: Fr| (G2Affine::generator() * k).into_affine();
        let check = |c: Fr| products(&named(&[g1(a), g1(b), g1(c)]), &[("P1", g2(b)), ("P2", g2(c))]);
        assert_eq!(check(c), None);
        for wrong in [a * b, -(a * b), b.square(), a * b.inverse().unwrap()] {
            assert!(check(wrong).is_some());
        }
    }
}
