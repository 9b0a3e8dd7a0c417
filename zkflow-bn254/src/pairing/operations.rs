//! Operations on the values of pairings, each compiled once for each kernel.

use crate::field::TargetField;
use crate::{Backend, Task};

#[cfg(test)]
mod tests;

/// The product.
pub(super) fn times<B: Backend>(a: &B::Fq12, b: &B::Fq12) -> B::Fq12 {
    B::run(Times(a, b))
}

/// The square.
pub(super) fn square<B: Backend>(a: &B::Fq12) -> B::Fq12 {
    B::run(Square(a))
}

/// The square of an element of the cyclotomic subgroup.
pub(super) fn cyclotomic_square<B: Backend>(a: &B::Fq12) -> B::Fq12 {
    B::run(CyclotomicSquare(a))
}

/// The power pⁿ, for n from 1 to 3.
pub(super) fn frobenius<B: Backend>(a: &B::Fq12, n: usize) -> B::Fq12 {
    B::run(Frobenius(a, n))
}

/// The product with a line.
pub(super) fn times_line<B: Backend>(a: &B::Fq12, line: &<B::Fq12 as TargetField>::Line) -> B::Fq12 {
    B::run(TimesLine(a, line))
}

struct Times<'a, T>(&'a T, &'a T);
struct Square<'a, T>(&'a T);
struct CyclotomicSquare<'a, T>(&'a T);
struct Frobenius<'a, T>(&'a T, usize);
struct TimesLine<'a, T: TargetField>(&'a T, &'a T::Line);

macro_rules! tasks {
    ($($task:ident: $this:ident => $operation:expr;)*) => {$(
        impl<T: TargetField> Task for $task<'_, T> {
            type Output = T;

            #[inline(always)]
            fn run<B: Backend>(self) -> T {
                let $this = self;
                $operation
            }
        }
    )*};
}

tasks! {
    Times: it => it.0.mul(it.1);
    Square: it => it.0.square();
    CyclotomicSquare: it => it.0.cyclotomic_square();
    Frobenius: it => it.0.frobenius(it.1);
    TimesLine: it => it.0.mul_line(it.1);
}
