//! Points of G1 and G2, several at a time.
//!
//! | module | subject |
//! |---|---|
//! | `group` | [`Group`]: what tells G1 from G2; points as they lie in memory |
//! | `doublings` | [`double_all`]: many points at once, in arkworks' form |
//! | `jacobian` | `Jacobian`: doublings without inversions |
//! | `addition` | `Additions`: affine additions that share an inversion, right for all pairs of points |

mod addition;
mod doublings;
mod group;
mod jacobian;
#[cfg(test)]
mod tests;

pub(crate) use addition::Additions;
pub use doublings::double_all;
pub use group::Group;
pub(crate) use group::GroupLanes;
