//! Arithmetic modulo p by instructions of x86-64. Compilers break chains of carries: they store a carry in a register
//! and compare it, which takes twice as many instructions.

#[macro_use]
mod products;
#[macro_use]
mod sums;

use core::sync::atomic::{AtomicBool, Ordering};

use ark_bn254::{FqConfig, FrConfig};
use ark_ff::MontConfig;

use super::modular::{Modular, Words, sum_of_products, twice};

/// What the instructions read: they address it directly, which needs no register.
#[repr(C)]
struct Constants {
    p: Words,
    /// −p⁻¹ mod 2^64, 32 bytes from the start.
    inverse: u64,
    /// 40 bytes from the start.
    twice_p: Words,
}

impl Constants {
    const fn of<C: MontConfig<4>>() -> Self {
        Self { p: C::MODULUS.0, inverse: C::INV, twice_p: twice(&C::MODULUS.0) }
    }
}

static FQ: Constants = Constants::of::<FqConfig>();
static FR: Constants = Constants::of::<FrConfig>();

/// Set by [`detect`] if the processor has BMI2 and ADX.
static HAS_TWO_CARRIES: AtomicBool = AtomicBool::new(false);

/// Looks for BMI2 and ADX. Until the first call, they count as missing.
pub(super) fn detect() {
    if !has_two_carries() && is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("adx") {
        HAS_TWO_CARRIES.store(true, Ordering::Relaxed);
    }
}

#[inline(always)]
fn has_two_carries() -> bool {
    HAS_TWO_CARRIES.load(Ordering::Relaxed)
}

macro_rules! modular {
    ($config:ty, $constants:ident) => {
        impl Modular for $config {
            #[inline(always)]
            fn add(a: Words, b: Words) -> Words {
                add!(a, b, $constants)
            }

            #[inline(always)]
            fn sub(a: Words, b: Words) -> Words {
                sub!(a, b, $constants)
            }

            #[inline(always)]
            fn add_loose(a: Words, b: Words) -> Words {
                add_loose!(a, b)
            }

            #[inline(always)]
            fn sub_loose(a: Words, b: Words) -> Words {
                sub_plus!(a, b, $constants, "0")
            }

            #[inline(always)]
            fn sub_sums(a: Words, b: Words) -> Words {
                sub_plus!(a, b, $constants, "40")
            }

            #[inline(always)]
            fn reduce(a: Words) -> Words {
                let a = less_if_not_below!(a, $constants, "40");
                less_if_not_below!(a, $constants, "0")
            }

            #[inline(always)]
            fn mul(a: Words, b: &Words) -> Words {
                if !has_two_carries() {
                    return product_anywhere(&a, b, &$constants);
                }
                mul!(a, b, $constants)
            }

            #[inline(always)]
            fn mul_add_mul(x: &[Words; 4]) -> Words {
                if !has_two_carries() {
                    return sum_of_products_anywhere(x, &$constants);
                }
                mul_add_mul!(x, $constants)
            }
        }
    };
}

modular!(FqConfig, FQ);
modular!(FrConfig, FR);

/// On processors without BMI2 or ADX.
#[cold]
#[inline(never)]
fn product_anywhere(a: &Words, b: &Words, constants: &Constants) -> Words {
    sum_of_products([(a, b)], &constants.p, constants.inverse)
}

/// On processors without BMI2 or ADX.
#[cold]
#[inline(never)]
fn sum_of_products_anywhere([a, b, c, d]: &[Words; 4], constants: &Constants) -> Words {
    sum_of_products([(a, b), (c, d)], &constants.p, constants.inverse)
}
