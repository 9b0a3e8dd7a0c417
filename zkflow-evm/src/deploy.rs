//! The way of a verifier contract to a chain, whoever asks for it: judged and compiled ([`admit`], [`compile`]),
//! signed and sent once ([`drive()`]), compared and asked ([`Statement`]).

mod drive;
mod error;
mod gate;
mod statement;
mod wallet;

pub use drive::{Journal, Order, Stopped, drive};
pub use error::DeployError;
pub use gate::{DEVELOPMENT_CHAINS, admit, compile};
pub use statement::Statement;
pub use wallet::{checksummed, wallet_fields};
