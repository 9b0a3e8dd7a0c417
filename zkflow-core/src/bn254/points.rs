//! Points of G1 and G2, several at a time.
//!
//! | module | subject |
//! |---|---|
//! | `group` | [`Group`]: what tells G1 from G2; points as they lie in memory |
//! | `multiples` | [`multiply_each`], [`multiply_all`], [`double_all`], [`add_each`]: many points at once, in arkworks' form |
//! | `jacobian` | `Jacobian`: doublings and additions without inversions |
//! | `addition` | `Additions`: affine additions that share an inversion, right for all pairs of points |

mod addition;
mod group;
mod jacobian;
mod multiples;
#[cfg(test)]
mod tests;

pub(crate) use addition::Additions;
pub use group::Group;
pub(crate) use group::GroupLanes;
pub use multiples::{add_each, double_all, multiply_all, multiply_each};
