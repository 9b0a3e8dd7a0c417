//! Documents to test with.

use std::time::Duration;

use serde_json::{Map, json};

use super::moment;
use crate::service::catalog::{
    Ceremony, Circuit, Delivery, Deployment, Document as _, Idempotency, ProofRequest, Sealed, Signer, Stored,
};
use crate::service::ceremony::{AnnouncedBeacon, CeremonyRules};
use crate::service::flow::deployment::Asked;
use crate::service::id::{CeremonyId, DeploymentId, ProofId, UserId};
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;

/// A kind of document that the suite can create.
pub(in crate::service::conformance) trait Sample: Stored {
    /// A pending document that duplicates no other, created `created` milliseconds after the start of the
    /// year 2100.
    fn sample(created: i64) -> Self;

    /// A document whose key depends only on `key`.
    fn keyed(created: i64, key: &str) -> Self;
}

impl Sample for Circuit {
    fn sample(created: i64) -> Self {
        Self::keyed(created, ProofId::generate(moment(created)).as_str())
    }

    fn keyed(created: i64, key: &str) -> Self {
        let mut params = Map::new();
        params.insert("max".to_owned(), json!("340282366920938463463374607431768211455"));
        params.insert("bits".to_owned(), json!([1, 2, key]));
        let template = "rangeCheck".parse().expect("a template name");
        Self::new(Digest::of(format!("circuit {key}")), template, params, moment(created))
    }
}

impl Sample for ProofRequest {
    /// Expires a minute after its creation.
    fn sample(created: i64) -> Self {
        let (created, keep) = (moment(created), Duration::from_secs(60));
        Self::new(ProofId::generate(created), circuit("circuit"), None, None, created, keep)
    }

    fn keyed(created: i64, key: &str) -> Self {
        Self { idempotency: Some(idempotency(key)), ..Self::sample(created) }
    }
}

impl Sample for Deployment {
    fn sample(created: i64) -> Self {
        let created = moment(created);
        let signer = Signer::Named("treasury".to_owned());
        let asked = Asked { chain_id: Some(31_337), signer, own_rpc: false, idempotency: None };
        Self::new(DeploymentId::generate(created), circuit("circuit"), asked, created)
    }

    fn keyed(created: i64, key: &str) -> Self {
        Self { idempotency: Some(idempotency(key)), ..Self::sample(created) }
    }
}

impl Sample for Ceremony {
    fn sample(created: i64) -> Self {
        let (created, deadline) = (moment(created), moment(created + 1_000_000));
        let beacon =
            AnnouncedBeacon { source: "drand \"quicknet\", round 7".to_owned(), exponent: 10, at: deadline };
        let rules = CeremonyRules { min_contributions: 2, deadline, turn_seconds: 600, beacon };
        Self::new(CeremonyId::generate(created), circuit("circuit"), rules, None, created)
    }

    fn keyed(created: i64, key: &str) -> Self {
        Self { idempotency: Some(idempotency(key)), ..Self::sample(created) }
    }
}

impl Sample for Delivery {
    fn sample(created: i64) -> Self {
        Self::keyed(created, ProofId::generate(moment(created)).as_str())
    }

    fn keyed(created: i64, key: &str) -> Self {
        let mut circuit = Circuit::keyed(created, key);
        circuit.life_mut().callback = Some(Sealed(vec![0, 255, 7]));
        Self::owed_by(&circuit, moment(created)).expect("the circuit has a callback")
    }
}

/// Id of a circuit that need not exist in the catalog.
pub(super) fn circuit(name: &str) -> CircuitId {
    CircuitId::from_hash(&Digest::of(name))
}

pub(super) fn user(name: &str) -> UserId {
    name.parse().expect("a user id")
}

fn idempotency(key: &str) -> Idempotency {
    Idempotency { key: key.to_owned(), fingerprint: "f".to_owned() }
}
