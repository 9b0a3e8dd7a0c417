//! Bodies with many entries.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::super::Problem;
use super::super::body::Content;
use super::super::openapi::schema;
use super::{NewProof, ProofToVerify, VerdictDto};

/// Most entries of a body.
pub(in crate::http) const MOST: usize = 1000;

/// Many requests for proofs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewProofs {
    /// 1 to 1000 requests.
    #[schema(min_items = 1, max_items = 1000)]
    pub(in crate::http) proofs: Vec<NewProof>,
}

impl Content for NewProofs {
    const SEALED: bool = true;
}

/// The results of many requests, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ProofsTaken {
    pub(in crate::http) results: Vec<ProofResult>,
}

/// The result of one of many requests: an id, or the reason why the request was refused.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ProofResult {
    /// Id of the proof request; absent if it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ProofRequestId>)]
    pub(in crate::http) proof_request_id: Option<String>,
    /// Reason of the refusal; absent if the request was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) problem: Option<Problem>,
}

// `Serialize` only serves the description of the API.
/// A proof, or an array of 1 to 1000 proofs.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum ProofsToVerify {
    /// The answer is one result.
    One(ProofToVerify),
    /// The answer is an array of results.
    Many(Vec<ProofToVerify>),
}

impl Content for ProofsToVerify {}

impl<'de> Deserialize<'de> for ProofsToVerify {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = ProofsToVerify;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a proof, or an array of them")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                ProofToVerify::deserialize(MapAccessDeserializer::new(map)).map(ProofsToVerify::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(ProofsToVerify::Many)
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// Whether a proof is valid; for an array of proofs, an array in the same order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Verdicts)]
pub(in crate::http) enum VerdictsDto {
    /// For one proof.
    One(VerdictDto),
    /// For an array.
    Many(Vec<VerdictDto>),
}
