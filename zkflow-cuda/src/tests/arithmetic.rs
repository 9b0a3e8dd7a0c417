//! The kernels' fields against arkworks, at the extremes of every word.

use ark_bn254::{Fq, Fq2, Fr};
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};
use libloading::Symbol;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use crate::device::emulated::KERNELS;

type Operate<F> = unsafe extern "C" fn(u32, *const Aligned<F>, *const Aligned<F>, *mut Aligned<F>);

/// An element at an address that the kernels accept.
#[repr(align(16))]
struct Aligned<F>(F);

/// Elements with Montgomery forms at the extremes of each word, of sums and of the modulus; and random ones.
fn elements<F: PrimeField<BigInt = BigInt<4>>>(of_form: fn(BigInt<4>) -> F) -> Vec<F> {
    let modulus = F::MODULUS;
    let mut forms = vec![BigInt::zero(), BigInt::from(1u64), F::MODULUS_MINUS_ONE_DIV_TWO];
    for bit in (0..254).step_by(32) {
        let words = |word: u64| {
            let mut number = BigInt([0; 4]);
            number.0[bit / 64] = word << (bit % 64);
            number
        };
        for word in [1, 0xffff_ffff, 0x8000_0000] {
            let number = words(word);
            let mut complement = modulus;
            if number < modulus {
                use ark_ff::BigInteger;
                complement.sub_with_borrow(&number);
                forms.extend([number, complement]);
            }
        }
    }
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let mut elements: Vec<F> = forms.into_iter().filter(|form| *form < modulus).map(of_form).collect();
    elements.extend((0..20).map(|_| F::rand(&mut rng)));
    elements
}

fn compare<F: Field + Copy>(function: &str, elements: &[F]) {
    // SAFETY: the function has this signature, and elements lie in memory as the kernels expect.
    let operate: Symbol<'_, Operate<F>> = unsafe { KERNELS.get(function.as_bytes()) }.unwrap();
    let operations: [fn(F, F) -> F; 6] =
        [|x, y| x + y, |x, y| x - y, |x, y| x * y, |x, _| x.square(), |x, _| -x, |x, _| x.double()];
    // SAFETY: see above.
    let run = |number: u32, x: F, y: F| unsafe {
        let mut out = Aligned(F::ZERO);
        operate(number, &Aligned(x), &Aligned(y), &mut out);
        out.0
    };
    for &x in elements {
        assert_eq!(run(6, x, x), x.inverse().unwrap_or(F::ZERO), "1 / {x}");
        for &y in elements {
            for (number, operation) in (0..).zip(operations) {
                assert_eq!(run(number, x, y), operation(x, y), "operation {number} on {x} and {y}");
            }
        }
    }
}

#[test]
fn the_base_field_is_that_of_arkworks() {
    compare("operate_fq", &elements(Fq::new_unchecked));
}

#[test]
fn the_scalar_field_is_that_of_arkworks() {
    compare("operate_fr", &elements(Fr::new_unchecked));
}

#[test]
fn the_quadratic_extension_is_that_of_arkworks() {
    let parts = elements(Fq::new_unchecked);
    let pairs = parts.iter().zip(parts.iter().rev()).map(|(&c0, &c1)| Fq2::new(c0, c1));
    let edges =
        parts.iter().take(4).flat_map(|&c| [Fq2::new(c, Fq::ZERO), Fq2::new(Fq::ZERO, c), Fq2::new(c, c)]);
    compare("operate_fq2", &pairs.step_by(2).chain(edges).collect::<Vec<_>>());
}
