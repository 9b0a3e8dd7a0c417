//! Sums of multiples of the points of a key.

use ark_ec::VariableBaseMSM;
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ff::{BigInt, PrimeField};

use super::quotient::Integer;

/// Points that are multiplied again and again.
#[derive(Debug)]
pub(super) struct Bases<C: SWCurveConfig>(Vec<Affine<C>>);

impl<C: SWCurveConfig> Bases<C>
where
    C::ScalarField: PrimeField<BigInt = BigInt<4>>,
    Projective<C>: VariableBaseMSM<MulBase = Affine<C>, ScalarField = C::ScalarField, Bucket: Send>,
{
    pub(super) fn new(points: Vec<Affine<C>>) -> Self {
        Self(points)
    }

    pub(super) fn msm(&self, scalars: &[Integer]) -> Projective<C> {
        let scalars: Vec<_> = scalars.iter().map(|words| BigInt(*words)).collect();
        Projective::<C>::msm_bigint(&self.0, &scalars)
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        size_of_val(&self.0[..]) as u64
    }
}
