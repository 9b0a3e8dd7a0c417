//! The inverse Fourier transform over the scalar field.

use ark_bn254::Fr;
use ark_ff::{FftField, Field};

/// Converts values at the roots of unity to coefficients; their number is a power of two.
pub(super) fn inverse(values: &mut [Fr]) {
    let n = values.len();
    if n <= 1 {
        return;
    }
    for i in 0..n {
        let j = i.reverse_bits() >> (usize::BITS - n.ilog2());
        if i < j {
            values.swap(i, j);
        }
    }
    let root = Fr::get_root_of_unity(n as u64).expect("n is a power of two of at most 2^28");
    let inverse_root = root.inverse().expect("a root of unity is not zero");
    let mut half = 1;
    while half < n {
        let step = inverse_root.pow([(n / (2 * half)) as u64]);
        for block in values.chunks_exact_mut(2 * half) {
            let (lower, upper) = block.split_at_mut(half);
            let mut twiddle = Fr::ONE;
            for (low, high) in lower.iter_mut().zip(upper) {
                let turned = *high * twiddle;
                *high = *low - turned;
                *low += turned;
                twiddle *= step;
            }
        }
        half *= 2;
    }
    let scale_down = Fr::from(n as u64).inverse().expect("a power of two is not zero");
    values.iter_mut().for_each(|value| *value *= scale_down);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_give_the_values_back() {
        for n in [1u64, 2, 8, 64] {
            let root = Fr::get_root_of_unity(n).unwrap();
            let values: Vec<Fr> = (0..n).map(|i| Fr::from(i * i + 3)).collect();
            let mut coefficients = values.clone();
            inverse(&mut coefficients);
            for (i, value) in (0u64..).zip(&values) {
                let at = root.pow([i]);
                let sum: Fr = (0u64..).zip(&coefficients).map(|(j, c)| at.pow([j]) * c).sum();
                assert_eq!(sum, *value, "{i} of {n}");
            }
        }
    }
}
