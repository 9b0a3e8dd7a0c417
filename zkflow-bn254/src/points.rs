//! Points of G1 and G2, several at a time.
//!
//! | module | subject |
//! |---|---|
//! | `curve` | [`Curve`]: the differences between G1 and G2; points in memory |
//! | `addition` | `Additions`: affine additions that share an inversion, correct for all pairs of points; `Doubling` |
//! | `jacobian` | `Jacobian`: doublings and additions without inversions |
//! | `doublings` | [`double_all`]: repeated doubling of many points |
//! | `products` | [`scale`], [`scale_by_powers`], [`products()`]: many points times scalars |
//! | `sums` | `Sums`: sums of products of a block of points |
//! | `straus` | `sum_of_products`: few products |
//! | `multiples` | `Multiples`: small multiples of points and of their images |
//! | `digits` | `Digits`: scalars in base 8 with digits in Z\[ω\] |
//! | `parts` | `Splitter`: scalars split into short parts |
//! | `fourier` | [`lagrange`], [`from_lagrange`], [`Transform`]: Fourier transforms of points |
//! | `butterflies` | one or two layers of a transform |
//!
//! Points of G2 must be in the subgroup of order r. Elsewhere the endomorphisms that products use are not
//! multiplications by scalars.

mod addition;
mod butterflies;
mod curve;
mod digits;
mod doublings;
mod fourier;
mod jacobian;
mod multiples;
mod parts;
mod products;
mod straus;
mod sums;

pub(crate) use addition::{Additions, Complete};
pub(crate) use butterflies::{Columns, Layer, one_layer, two_layers};
pub use curve::Curve;
pub(crate) use curve::CurveLanes;
pub(crate) use digits::Digits;
pub use doublings::double_all;
pub(crate) use doublings::double_points;
pub use fourier::{Transform, from_lagrange, lagrange};
pub(crate) use jacobian::Jacobian;
pub(crate) use multiples::Multiples;
pub(crate) use products::{Factors, multiply_points};
pub use products::{products, scale, scale_by_powers};
pub(crate) use straus::sum_of_products;
