//! [`CeremonyRefusal`].

use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::flow::ceremony::{MOST_ATTEMPTS, NoPlace};

/// The rules of a ceremony refuse a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyRefusal {
    /// The deadline has passed, the initial key is not ready, or the key is complete.
    #[error(
        "the ceremony takes no contributions: its initial key is not ready, its deadline has passed, or it has ended"
    )]
    Closed,
    /// The caller has contributed.
    #[error("this caller has contributed to the ceremony")]
    Contributed,
    /// The caller had too many turns without a contribution.
    #[error("this caller had {MOST_ATTEMPTS} places without a contribution")]
    TooManyAttempts,
    /// Too many contributors wait.
    #[error("too many contributors wait: try again later")]
    Full,
    /// There is no place with the token.
    #[error("there is no place with this Contributor-Token: join the ceremony")]
    NoPlace,
    /// The contributor does not have the turn.
    #[error(
        "it is not the turn of this contributor: it was not taken, is over, or the contribution is submitted"
    )]
    NotYourTurn,
    /// The beacon is not due.
    #[error("the beacon was announced for {0}: the ceremony cannot be finished before")]
    NotDue(Timestamp),
    /// The announced number of contributions is not reached.
    #[error("the ceremony has {found} contributions, announced were at least {least}")]
    TooFew {
        /// Contributions in the key.
        found: usize,
        /// Announced number.
        least: usize,
    },
    /// A worker makes or verifies a key.
    #[error("a worker makes or verifies a key of the ceremony: try again later")]
    Busy,
    /// The ceremony is completed, or has failed.
    #[error(
        "the ceremony has ended; after a failure it can be finished again with the same value. To delete a completed one, \
         repeat the DELETE with ?force=true"
    )]
    Ended,
    /// The tenant has too many unfinished ceremonies.
    #[error("the tenant has too many unfinished ceremonies: finish or delete some first")]
    TooMany,
}

impl CeremonyRefusal {
    /// Whether the request can succeed later, when others have ended theirs.
    pub fn is_crowd(self) -> bool {
        matches!(self, Self::Full | Self::TooMany)
    }
}

impl From<NoPlace> for CeremonyRefusal {
    fn from(reason: NoPlace) -> Self {
        match reason {
            NoPlace::Closed => Self::Closed,
            NoPlace::Full => Self::Full,
            NoPlace::Contributed => Self::Contributed,
            NoPlace::TooManyAttempts => Self::TooManyAttempts,
        }
    }
}

impl Classified for CeremonyRefusal {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoPlace => ErrorKind::NotFound,
            Self::Full | Self::TooMany => ErrorKind::Limit,
            _ => ErrorKind::Conflict,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Closed => "ceremony_closed",
            Self::Contributed => "already_contributed",
            Self::TooManyAttempts => "too_many_attempts",
            Self::Full => "ceremony_full",
            Self::NoPlace => "place_not_found",
            Self::NotYourTurn => "not_your_turn",
            Self::NotDue(_) => "ceremony_not_due",
            Self::TooFew { .. } => "too_few_contributions",
            Self::Busy => "ceremony_busy",
            Self::Ended => "ceremony_ended",
            Self::TooMany => "too_many_ceremonies",
        }
    }
}
