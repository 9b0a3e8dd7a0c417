//! Points of G1 and G2, several at a time.
//!
//! | module | subject |
//! |---|---|
//! | `group` | [`Group`]: what tells G1 from G2; points as they lie in memory |
//! | `addition` | `Additions`: affine additions that share an inversion, right for all pairs of points |

mod addition;
mod group;

pub(crate) use addition::Additions;
pub use group::Group;
pub(crate) use group::GroupLanes;
