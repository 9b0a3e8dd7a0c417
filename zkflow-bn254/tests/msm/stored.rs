//! Prepared points that are stored as bytes.

use std::sync::Arc;

use ark_bn254::{Fr, G1Affine, G1Projective, g1};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::AdditiveGroup;

use zkflow_bn254::msm::{BasesError, FixedBases, Memory, Options, Scalars};
use zkflow_bn254::{Kernel, Row};

fn bases(table_bytes: usize) -> FixedBases<g1::Config> {
    let mut point = G1Projective::from(G1Affine::generator());
    let points: Vec<G1Affine> = (0..50)
        .map(|i| {
            point.double_in_place();
            if i % 7 == 3 { G1Affine::identity() } else { point.into_affine() }
        })
        .collect();
    FixedBases::prepare(&points, Options { kernel: Kernel::detect(), table_bytes })
}

fn rows(bases: &FixedBases<g1::Config>) -> Memory {
    let (words, _) = bases.rows().as_chunks();
    let words: Vec<u64> = words.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    Memory::Owned(Arc::new(words.as_chunks().0.iter().map(|words| Row(*words)).collect()))
}

#[test]
fn points_come_back_as_they_were_written() {
    for table_bytes in [0, 1 << 20] {
        let bases = bases(table_bytes);
        let (head, rows) = (bases.head(), rows(&bases));
        let again = FixedBases::<g1::Config>::from_parts(Kernel::detect(), &head, rows).unwrap();
        let scalars: Vec<Fr> = (0..50u64).map(|i| -Fr::from(i)).collect();
        let scalars = Scalars::new(Kernel::detect(), &scalars);
        assert_eq!(bases.msm(&scalars), again.msm(&scalars));
    }
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let bases = bases(0);
    let read = |head: &[u8], points: Memory| {
        FixedBases::<g1::Config>::from_parts(Kernel::detect(), head, points).err()
    };
    let head = bases.head();
    assert_eq!(read(&head, rows(&bases)), None);
    assert_eq!(read(&head, Memory::Owned(Arc::default())), Some(BasesError::Truncated));
    assert_eq!(read(&head[..3], rows(&bases)), Some(BasesError::Truncated));
    for (word, value) in [(0, 1u32), (0, 99), (1, 0), (1, 500), (2, 99), (3, 3), (4, 9), (5, 0)] {
        let mut altered = head.clone();
        altered[4 * word..4 * word + 4].copy_from_slice(&value.to_le_bytes());
        assert_eq!(read(&altered, rows(&bases)), Some(BasesError::Foreign), "{word} {value}");
    }
}
