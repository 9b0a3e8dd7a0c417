//! [`Code`]: what is deployed, and what the chain must have afterwards.

use bytes::Bytes;
use zkflow_core::proof::VerifyingKey;
use zkflow_core::service::chain::CompiledContract;
use zkflow_core::solidity::{ContractCode, SOLC_BUILD, contract_code};

use super::DeployError;

/// The code of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Code of the transaction that creates the contract.
    pub creation: Bytes,
    /// Code at the contract's address after its creation.
    pub runtime: Bytes,
    /// Full version of the compiler that makes this code of the source, such as `0.8.30+commit.73712a01`. Explorers need it.
    pub compiler: String,
}

impl Code {
    /// Generates the code of the verifier for `key`: see [`contract_code`]. No compiler runs, and no stored code is read.
    ///
    /// # Errors
    /// [`DeployError::TooLong`] and [`DeployError::Unusual`].
    pub fn of_key(key: &VerifyingKey) -> Result<Self, DeployError> {
        let ContractCode { creation, runtime } = contract_code(key)?;
        Ok(Self { creation: creation.into(), runtime: runtime.into(), compiler: SOLC_BUILD.to_owned() })
    }
}

/// For a source that a user brings: nothing is known about its code.
impl From<CompiledContract> for Code {
    fn from(contract: CompiledContract) -> Self {
        Self { creation: contract.creation_code, runtime: contract.runtime_code, compiler: contract.compiler }
    }
}
