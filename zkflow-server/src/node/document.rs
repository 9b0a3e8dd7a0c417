//! Documents of the Node service, as relaxed or canonical extended JSON. Anything may be in them.

use serde_json::{Map, Number, Value};
use zkflow_core::service::catalog::NodeContract;
use zkflow_core::service::chain::TransactionHash;
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::{ObjectId, UserId};
use zkflow_core::template::TemplateName;

use super::report::{Refusal, shortened};

/// Deepest document.
const DEEPEST: usize = 32;
/// Largest document: values, and bytes of names and texts, together.
const LARGEST: usize = 1 << 20;

/// A circuit that was ready.
#[derive(Debug, PartialEq)]
pub(super) struct OldCircuit {
    pub(super) id: ObjectId,
    pub(super) template: TemplateName,
    pub(super) params: Map<String, Value>,
    pub(super) contract: Option<NodeContract>,
    /// Names of its objects, where it records them: by `wasm`, `zkey`, `vkey` and `verifier`.
    objects: Map<String, Value>,
    /// Whether a contract is recorded that cannot be read.
    pub(super) unreadable_contract: bool,
}

impl OldCircuit {
    /// Reads a document of the collection `circuits`.
    pub(super) fn read(value: &Value) -> Result<Self, Refusal> {
        let fields = fields(value)?;
        let id = id(&fields)?;
        match fields.get("status").and_then(Value::as_str) {
            Some("ready") => {}
            Some("pending") => return Err(Refusal::new("circuit_pending", "its keys were not ready")),
            Some("failed") => return Err(Refusal::new("circuit_failed", "its keys could not be made")),
            _ => return Err(Refusal::malformed("status: expected pending, ready or failed")),
        }
        let template = fields.get("template").or_else(|| fields.get("templateName"));
        let template = template.and_then(Value::as_str).and_then(|name| name.parse().ok());
        let template =
            template.ok_or_else(|| Refusal::malformed("template: expected the name of a template"))?;
        let params = match fields.get("params") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(params)) => params.clone(),
            Some(_) => return Err(Refusal::malformed("params: expected an object")),
        };
        let mut objects = match fields.get("artifacts") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(artifacts)) => artifacts.clone(),
            Some(_) => return Err(Refusal::malformed("artifacts: expected an object")),
        };
        let deployment = objects.remove("deployment").filter(|deployment| !deployment.is_null());
        let contract = deployment.as_ref().and_then(contract);
        let unreadable_contract = deployment.is_some() && contract.is_none();
        Ok(Self { id, template, params, contract, objects, unreadable_contract })
    }

    /// Names of the objects that may be a file: the recorded one, then the usual one.
    pub(super) fn names(&self, field: &str, file: &str) -> Vec<String> {
        let recorded = self.objects.get(field).and_then(Value::as_str).map(|name| {
            // `s3://BUCKET/KEY`, or the key alone.
            let key = name.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
            key.map_or(name, |(_, key)| key).to_owned()
        });
        let usual = format!("circuits/{}/{file}", self.id);
        recorded.into_iter().filter(|name| is_name(name)).chain([usual]).collect()
    }
}

/// Whether a text is the name of an object: at most 1024 bytes, and a relative path that does not lead upwards.
fn is_name(text: &str) -> bool {
    text.len() <= 1024
        && !text.contains(|c: char| c.is_control() || c == '\\')
        && text.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// A contract as `artifacts.deployment` records it.
fn contract(value: &Value) -> Option<NodeContract> {
    let text = |names: &[&str]| names.iter().find_map(|name| value.get(name)?.as_str());
    // Checksums are in the case of the letters.
    let address = text(&["address", "contractAddress"])?.to_lowercase().parse().ok()?;
    let transaction = text(&["transactionHash", "txHash", "transaction", "hash"]);
    let transaction: Option<TransactionHash> = transaction.and_then(|hash| hash.to_lowercase().parse().ok());
    let chain_id = match value.get("chainId").or_else(|| value.get("chain_id")) {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    Some(NodeContract { chain_id, address, transaction })
}

/// A proof request that was final.
#[derive(Debug, PartialEq)]
pub(super) struct OldProof {
    pub(super) id: ObjectId,
    pub(super) circuit: ObjectId,
    pub(super) user: Option<UserId>,
    pub(super) expires_at: Option<Timestamp>,
    /// The proof with its public signals; `None` if the request failed.
    pub(super) proof: Option<(Value, Value)>,
}

impl OldProof {
    /// Reads a document of the collection `proofrequests`. Its texts of errors are not read: they may contain inputs.
    pub(super) fn read(value: &Value) -> Result<Self, Refusal> {
        let mut fields = fields(value)?;
        let id = id(&fields)?;
        let circuit = fields.get("circuit_id").or_else(|| fields.get("circuitId"));
        let circuit = circuit.and_then(Value::as_str).and_then(|id| id.parse().ok());
        let circuit =
            circuit.ok_or_else(|| Refusal::malformed("circuit_id: expected the id of a circuit"))?;
        let user = fields.get("user_id").and_then(Value::as_str).and_then(|user| user.parse().ok());
        let expires_at = fields.get("expires_at").and_then(Value::as_str).and_then(|at| at.parse().ok());
        let artifacts = fields.remove("artifacts");
        let part = |names: &[&str]| {
            let artifacts = artifacts.as_ref()?.as_object()?;
            names.iter().find_map(|name| artifacts.get(*name)).cloned()
        };
        let proof = match fields.get("status").and_then(Value::as_str) {
            Some("failed") => None,
            Some("pending" | "queued" | "processing") => {
                let reason = "it is pending, and its inputs are in the queue of the Node service: let that service \
                              finish it, or request the proof again";
                return Err(Refusal::new("proof_pending", reason));
            }
            Some(_) => match (part(&["proof"]), part(&["public", "publicSignals", "public_signals"])) {
                (Some(proof), Some(public)) => Some((proof, public)),
                _ => return Err(Refusal::malformed("artifacts: expected proof and public")),
            },
            None => return Err(Refusal::malformed("status: expected a text")),
        };
        Ok(Self { id, circuit, user, expires_at, proof })
    }
}

/// The id of a document for the report, as far as there is one.
pub(super) fn shown_id(value: &Value) -> String {
    let id = &value["_id"];
    match id["$oid"].as_str().or(id.as_str()) {
        Some(text) => shortened(text),
        None => "unknown".to_owned(),
    }
}

fn id(fields: &Map<String, Value>) -> Result<ObjectId, Refusal> {
    let id = fields.get("_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    id.ok_or_else(|| Refusal::malformed("_id: expected an ObjectId"))
}

/// The fields of a document in plain JSON.
fn fields(value: &Value) -> Result<Map<String, Value>, Refusal> {
    let mut budget = LARGEST;
    match plain(value, 0, &mut budget)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Refusal::malformed("expected an object")),
    }
}

/// Replaces the objects of extended JSON by what they mean: `{"$oid": …}`, `{"$date": …}`, `{"$numberInt": …}` and their
/// like.
fn plain(value: &Value, depth: usize, budget: &mut usize) -> Result<Value, Refusal> {
    if depth > DEEPEST {
        return Err(Refusal::malformed(format!("it is nested more than {DEEPEST} levels deep")));
    }
    let mut spend = |cost: usize| {
        *budget = budget.checked_sub(cost).ok_or_else(|| Refusal::malformed("it is larger than 1 MiB"))?;
        Ok::<_, Refusal>(())
    };
    spend(1)?;
    Ok(match value {
        Value::String(text) => {
            spend(text.len())?;
            Value::String(text.clone())
        }
        Value::Array(items) => {
            let items: Result<_, Refusal> = items.iter().map(|item| plain(item, depth + 1, budget)).collect();
            Value::Array(items?)
        }
        Value::Object(fields) => match special(fields) {
            Some(value) => value,
            None => {
                let mut plain_fields = Map::new();
                for (name, value) in fields {
                    let cost = name.len();
                    *budget = budget
                        .checked_sub(cost)
                        .ok_or_else(|| Refusal::malformed("it is larger than 1 MiB"))?;
                    plain_fields.insert(name.clone(), plain(value, depth + 1, budget)?);
                }
                Value::Object(plain_fields)
            }
        },
        other => other.clone(),
    })
}

/// The meaning of an object of extended JSON; `None` for a plain one.
fn special(fields: &Map<String, Value>) -> Option<Value> {
    let (name, value) = fields.iter().next().filter(|_| fields.len() == 1)?;
    match name.as_str() {
        "$oid" | "$symbol" => value.as_str().map(Value::from),
        "$numberInt" | "$numberLong" | "$numberDouble" | "$numberDecimal" => {
            let text = value.as_str()?;
            // A number that JSON does not represent exactly stays a text.
            let number = text.parse::<i64>().ok().map(Number::from);
            Some(number.map_or_else(|| Value::from(text), Value::Number))
        }
        "$date" => {
            let millis = match value {
                Value::String(text) => return Some(Value::from(text.as_str())),
                Value::Number(number) => number.as_i64(),
                Value::Object(long) => long.get("$numberLong")?.as_str()?.parse().ok(),
                _ => None,
            };
            Some(Value::from(Timestamp::from_millis(millis?).to_string()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "65f1a2b3c4d5e6f708192a3b";

    fn circuit() -> Value {
        json!({
            "_id": {"$oid": ID}, "circuit_hash": "ab", "template": "ageCheck", "status": "ready",
            "params": {"min": {"$numberInt": "18"}, "max": 120, "wide": {"$numberLong": "9007199254740993"}},
            "artifacts": {
                "wasm": format!("circuits/{ID}/circuit.wasm"),
                "zkey": format!("s3://old/circuits/{ID}/circuit_final.zkey"),
                "deployment": {"address": format!("0x{}", "Ab".repeat(20)), "chainId": "31337", "txHash": "0x1"},
            },
            "createdAt": {"$date": {"$numberLong": "1700000000000"}},
        })
    }

    #[test]
    fn both_forms_of_extended_json_are_read() {
        let old = OldCircuit::read(&circuit()).unwrap();
        assert_eq!((old.id.as_str(), old.template.as_str()), (ID, "ageCheck"));
        let wide = 9_007_199_254_740_993_i64;
        assert_eq!(Value::Object(old.params.clone()), json!({"min": 18, "max": 120, "wide": wide}));
        let contract = old.contract.clone().unwrap();
        assert_eq!(contract.address.to_string(), format!("0x{}", "ab".repeat(20)));
        assert_eq!((contract.chain_id, contract.transaction), (Some(31_337), None));
        let usual = format!("circuits/{ID}/circuit_final.zkey");
        assert_eq!(old.names("zkey", "circuit_final.zkey"), [usual.clone(), usual]);
        assert_eq!(old.names("vkey", "verification_key.json").len(), 1);
    }

    #[test]
    fn a_request_has_its_moment_and_its_user() {
        let expires = "2999-01-31T12:00:00Z";
        let request = |more: Value| {
            let mut request = json!({
                "_id": ID, "circuit_id": {"$oid": ID}, "user_id": "ann", "expires_at": {"$date": expires},
                "error": "secret 42",
            });
            request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            OldProof::read(&request)
        };
        let done = json!({"status": "completed", "artifacts": {"proof": {"pi_a": []}, "public": ["1"]}});
        let done = request(done).unwrap();
        assert_eq!(done.user, Some("ann".parse().unwrap()));
        assert_eq!(done.expires_at, Some(expires.parse().unwrap()));
        assert_eq!(done.proof, Some((json!({"pi_a": []}), json!(["1"]))));
        assert_eq!(request(json!({"status": "failed"})).unwrap().proof, None);
        assert_eq!(request(json!({"status": "pending"})).unwrap_err().code, "proof_pending");
    }

    #[test]
    fn hostile_documents_are_refused_with_a_reason() {
        let with = |path: &str, value: Value| {
            let mut document = circuit();
            *document.pointer_mut(path).unwrap() = value;
            document
        };
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        for (document, part) in [
            (json!(null), "expected an object"),
            (json!([1, 2]), "expected an object"),
            (json!({}), "_id"),
            (with("/_id", json!(7)), "_id"),
            (with("/_id", json!({"$oid": {"$oid": ID}})), "_id"),
            (with("/_id", json!({"$oid": "../../etc/passwd"})), "_id"),
            (with("/status", json!({"$gt": ""})), "status"),
            (with("/template", json!("../secrets")), "template"),
            (with("/template", json!(["ageCheck"])), "template"),
            (with("/params", json!("min=18")), "params"),
            (with("/artifacts", json!([])), "artifacts"),
            (with("/params", json!({"min": deep})), "deep"),
            (with("/params", json!({"min": "9".repeat(2 << 20)})), "larger"),
            (with("/params", json!({ "9".repeat(2 << 20): 1 })), "larger"),
        ] {
            let refusal = OldCircuit::read(&document).unwrap_err();
            assert!(refusal.reason.contains(part), "{part}: {refusal:?}");
            assert!(refusal.reason.len() < 2000 && shown_id(&document).len() < 2000);
        }
        // What is beside the keys does not keep a circuit away.
        let strange = with("/artifacts/deployment", json!({"address": "0x12"}));
        let strange = OldCircuit::read(&strange).unwrap();
        assert!(strange.unreadable_contract && strange.contract.is_none());
        for name in ["../../etc/passwd", "/etc/passwd", "a//b", "a\0b", "..\\x", &"a".repeat(2000)] {
            let old = OldCircuit::read(&with("/artifacts/zkey", json!(name))).unwrap();
            assert_eq!(old.names("zkey", "circuit_final.zkey").len(), 1, "{name}");
        }
        for request in [json!({}), json!({"_id": ID, "status": "completed"})] {
            assert!(OldProof::read(&request).is_err());
        }
    }
}
