//! Deploys a verifier contract, for the API and the command line: [`admit`] (judge the key) → [`Code`] (generate) →
//! [`drive()`] (sign, send, confirm, compare the code) → [`Statement`] (check the contract's answers). [`bind()`] takes a
//! contract that exists.

mod bind;
mod code;
mod drive;
mod error;
mod gate;
mod replace;
mod statement;
mod wallet;

pub use bind::bind;
pub use code::Code;
pub use drive::{Journal, Order, Stopped, drive};
pub use error::DeployError;
pub use gate::{DEVELOPMENT_CHAINS, admit, compile};
pub use statement::Statement;
pub use wallet::{checksummed, wallet_fields};
