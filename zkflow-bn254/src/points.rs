//! Points of G1 and G2, several at a time.
//!
//! | module | subject |
//! |---|---|
//! | `curve` | [`Curve`]: the differences between G1 and G2; points in memory |
//! | `addition` | `Additions`: affine additions that share an inversion, correct for all pairs of points |
//! | `jacobian` | `Jacobian`: doublings and additions without inversions |
//! | `doublings` | [`double_all`]: repeated doubling of many points |
//! | `products` | [`scale`], [`scale_by_powers`], [`products()`]: many points times scalars |
//! | `parts` | `Splitter`: scalars split into short parts |
//! | `fourier` | [`lagrange`], [`from_lagrange`], [`Transform`]: Fourier transforms of points |
//!
//! Points of G2 must be in the subgroup of order r. Elsewhere the endomorphisms that products use are not
//! multiplications by scalars.

mod addition;
mod curve;
mod doublings;
mod fourier;
mod jacobian;
mod parts;
mod products;

pub(crate) use addition::{Additions, Complete};
pub use curve::Curve;
pub(crate) use curve::CurveLanes;
pub use doublings::double_all;
pub(crate) use doublings::double_points;
pub(crate) use fourier::{Layer, butterflies};
pub use fourier::{Transform, from_lagrange, lagrange};
pub(crate) use jacobian::Jacobian;
pub(crate) use products::{Digits, Factors, multiply_points, sum_of_products, tables};
pub use products::{products, scale, scale_by_powers};
