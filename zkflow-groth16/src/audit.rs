//! Finds what is wrong with keys and verifier contracts of others, as far as they show it.
//!
//! | input | function | read |
//! |---|---|---|
//! | `.zkey` | [`audit_zkey`] | the key with its contributions |
//! | `verification_key.json` | [`audit_verification_key`] | the key |
//! | Solidity source | [`audit_source`] | the key, the moduli, the range checks of the public signals |
//! | deployed code | [`audit_bytecode`] | the same, from the constants of the code; its checks from runs of it |
//!
//! The contracts of snarkjs 0.4 to 0.7, of gnark and of this crate are known. A contract of another layout is read by its
//! constants: points are what lies on the curves.
//!
//! No finding does not mean that a key can be trusted: the contributions of others are not visible in a contract.

mod bytecode;
mod checks;
mod constants;
mod finding;
mod layout;
mod machine;
mod number;
mod source;

pub use bytecode::{audit_bytecode, key_in_bytecode};
pub use finding::{Audit, Finding, Level, Place, Rule, Subject};
pub use source::audit_source;

use crate::digest::Digest;
use crate::format::json::{self, JsonProblem};
use crate::format::zkey::KeyHead;
use crate::proof::VerifyingKey;
use crate::provenance::Provenance;
use crate::setup::gate;

/// Judges a proving key by its verification key and its contributions, as [`gate::judge`] does.
pub fn audit_zkey(head: &KeyHead) -> Audit {
    let mut audit = Audit::of(Subject::ProvingKey, &head.vk);
    let verdict = gate::judge(head);
    match (verdict.weakness(), verdict.phase2().provenance()) {
        (Some(weakness), _) => audit.weakness(weakness),
        (None, Some(Provenance::Development)) => {
            audit.add(Rule::DevelopmentKey, "a single process made this key, for development", Place::Whole);
        }
        _ => {}
    }
    audit
}

/// Judges a verification key.
pub fn audit_verification_key(key: &VerifyingKey) -> Audit {
    let mut audit = Audit::of(Subject::VerificationKey, key);
    audit.judge(key);
    audit
}

/// Judges the text of a `verification_key.json`. A key that cannot be read is a finding.
pub fn audit_verification_key_text(text: &[u8]) -> Audit {
    let error = match json::read_vkey(text) {
        Ok(key) => return audit_verification_key(&key),
        Err(error) => error,
    };
    let rule = match error.problem {
        JsonProblem::NotOnCurve | JsonProblem::NotAffine => Rule::BadPoint,
        _ => Rule::UnreadableKey,
    };
    let mut audit = Audit::new(Subject::VerificationKey);
    audit.add(rule, error.to_string(), Place::Whole);
    audit
}

impl Audit {
    fn of(subject: Subject, key: &VerifyingKey) -> Self {
        Self { key: Some(digest(key)), public_signals: Some(key.n_public()), ..Self::new(subject) }
    }

    /// An audit of the key in a contract. gnark's setup by one party has a random gamma.
    fn of_contract(subject: Subject, key: &VerifyingKey, is_gnark: bool) -> Self {
        let mut audit = Self::of(subject, key);
        audit.judge(key);
        if is_gnark {
            let of_gnark = audit.findings.iter_mut().filter(|finding| finding.rule == Rule::Gamma);
            of_gnark.for_each(|finding| finding.rule = Rule::SingleParty);
        }
        audit
    }

    /// Adds what the key alone shows.
    fn judge(&mut self, key: &VerifyingKey) {
        gate::judge_verification_key(key).iter().for_each(|weakness| self.weakness(weakness));
    }
}

/// SHA-256 of the `verification_key.json` of a key.
fn digest(key: &VerifyingKey) -> Digest {
    Digest::of(json::vkey_text(key))
}
