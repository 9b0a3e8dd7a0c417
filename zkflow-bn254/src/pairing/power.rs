//! The final exponentiation (L. Fuentes-Castañeda, E. Knapp and F. Rodríguez-Henríquez, *Faster Hashing to G2*, 2011).
//!
//! (p¹² − 1)/r = (p⁶ − 1)(p² + 1)·(p⁴ − p² + 1)/r. Instead of the last factor, its multiple by 2x(6x² + 3x + 1) is used,
//! which is prime to r.

use ark_bn254::{Config, Fq12};
use ark_ec::bn::BnConfig;

use super::operations::{cyclotomic_square, frobenius, times};
use crate::field::TargetField;
use crate::{Backend, Task};

/// The power of an element, given its inverse.
pub(super) struct FinalExponentiation<'a> {
    pub(super) value: &'a Fq12,
    pub(super) inverse: &'a Fq12,
}

impl Task for FinalExponentiation<'_> {
    type Output = Fq12;

    #[inline(always)]
    fn run<B: Backend>(self) -> Fq12 {
        let (value, inverse) = (B::Fq12::from_ark(self.value), B::Fq12::from_ark(self.inverse));
        let f = times::<B>(&value.conjugate(), &inverse);
        let f = times::<B>(&frobenius::<B>(&f, 2), &f);

        // The numbers are powers of f; x is the parameter of the curve.
        let f2x = cyclotomic_square::<B>(&power_of_x::<B>(&f));
        let f6x = times::<B>(&cyclotomic_square::<B>(&f2x), &f2x);
        let f6xx = power_of_x::<B>(&f6x);
        let f12xxx = power_of_x::<B>(&cyclotomic_square::<B>(&f6xx));
        let a = times::<B>(&times::<B>(&f12xxx, &f6xx), &f6x);
        let b = times::<B>(&a, &f2x.conjugate());
        let first = times::<B>(&times::<B>(&a, &f6xx), &f);
        let second = times::<B>(&frobenius::<B>(&b, 1), &frobenius::<B>(&a, 2));
        let third = frobenius::<B>(&times::<B>(&b, &f.conjugate()), 3);
        times::<B>(&times::<B>(&first, &second), &third).to_ark()
    }
}

/// Digits of the parameter x of the curve: zero, or odd and from −7 to 7. The lowest one is the first.
const DIGITS: [i8; 65] = digits(<Config as BnConfig>::X[0]);

const fn digits(x: u64) -> [i8; 65] {
    let (mut digits, mut rest, mut i) = ([0; 65], x as u128, 0);
    while rest != 0 {
        if rest & 1 == 1 {
            let low = (rest & 15) as i8;
            digits[i] = if low > 8 { low - 16 } else { low };
            rest = if low > 8 { rest + (16 - low) as u128 } else { rest - low as u128 };
        }
        rest >>= 1;
        i += 1;
    }
    digits
}

/// The power x of an element whose inverse is its conjugate.
#[inline(always)]
fn power_of_x<B: Backend>(element: &B::Fq12) -> B::Fq12 {
    let square = cyclotomic_square::<B>(element);
    let mut odd = [*element; 4];
    for i in 1..odd.len() {
        odd[i] = times::<B>(&odd[i - 1], &square);
    }
    let mut power: Option<B::Fq12> = None;
    for digit in DIGITS.into_iter().rev() {
        if let Some(value) = &mut power {
            *value = cyclotomic_square::<B>(value);
        }
        if digit != 0 {
            let factor = odd[usize::from(digit.unsigned_abs() / 2)];
            let factor = if digit < 0 { factor.conjugate() } else { factor };
            power = Some(match &power {
                Some(value) => times::<B>(value, &factor),
                None => factor,
            });
        }
    }
    power.expect("x is not zero")
}
