//! The same calls for programs without a runtime. They must not be made on a thread of a tokio runtime.
//!
//! ```no_run
//! use std::time::Duration;
//! use zkflow_client::{Inputs, blocking::Client};
//! use serde_json::json;
//!
//! let client = Client::new("http://127.0.0.1:3000")?;
//! let inputs = Inputs { private: json!({"age": 42}), public: json!({"randomPublicSignal": 7}), user: None };
//! let proved = client.prove("0123456789abcdef0123456789abcdef", &inputs, Duration::from_secs(60))?;
//! # Ok::<(), zkflow_client::ClientError>(())
//! ```

use std::ops::Range;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::{
    CircuitFilter, ClientError, Inputs, JobFilter, OnChange, OnUpload, Page, ProofFilter, ProofOptions,
    Proved, Reply, SealingKey, UploadFile, UsageFilter, Verdict,
};

/// A client of one server; see [`crate::Client`].
#[derive(Debug)]
pub struct Client {
    client: crate::Client,
    runtime: Runtime,
}

/// Calls with the names and the errors of the async client.
macro_rules! calls {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)+) => {
        impl Client { $(
            #[doc = concat!("See [`crate::Client::", stringify!($name), "`].")]
            ///
            /// # Errors
            /// Those of the async call.
            pub fn $name(&self, $($argument: $kind),*) -> Result<$result, ClientError> {
                self.runtime.block_on(self.client.$name($($argument),*))
            }
        )+ }
    };
}

impl Client {
    /// Creates a client of the server at `base`.
    ///
    /// # Errors
    /// The runtime does not start.
    pub fn new(base: &str) -> Result<Self, ClientError> {
        Self::of(crate::Client::new(base))
    }

    /// Makes the calls of an async client, with its settings, blocking.
    ///
    /// # Errors
    /// The runtime does not start.
    pub fn of(client: crate::Client) -> Result<Self, ClientError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| ClientError::Start(error.to_string()))?;
        Ok(Self { client, runtime })
    }
}

calls! {
    circuit(template: &str, params: Value, patience: Duration) -> Value;
    request_circuit(template: &str, params: Value) -> Value;
    circuit_by_id(id: &str) -> Value;
    follow_circuit(id: &str, patience: Duration, on_change: OnChange<'_>) -> Value;
    circuits(filter: &CircuitFilter, page: &Page) -> Value;
    contract(circuit: &str) -> Value;
    prove(circuit: &str, inputs: &Inputs, patience: Duration) -> Proved;
    prove_with(circuit: &str, inputs: &Inputs, patience: Duration, options: ProofOptions<'_>) -> Proved;
    verify(circuit: &str, proof: &Value, public_signals: &[String]) -> Verdict;
    verify_on_chain(circuit: &str, deployment: &str, proof: &Value, public_signals: &[String]) -> Verdict;
    sealing_key() -> SealingKey;
    request_proof_with(circuit: &str, inputs: &Inputs, options: ProofOptions<'_>) -> String;
    proof_by_id(id: &str) -> Value;
    follow_proof(id: &str, patience: Duration, on_change: OnChange<'_>) -> Value;
    proofs(filter: &ProofFilter, page: &Page) -> Value;
    request_proof(circuit: &str, private_inputs: Value, public_inputs: Value) -> String;
    request_proofs(proofs: &[(String, Inputs)]) -> Vec<Result<String, ClientError>>;
    request_proofs_with(proofs: &[(String, Inputs)], options: ProofOptions<'_>) -> Vec<Result<String, ClientError>>;
    verify_all(circuit: &str, proofs: &[(Value, Vec<String>)]) -> Vec<Verdict>;
    proof(id: &str, patience: Duration) -> Value;
    calldata(id: &str) -> String;
    cancel_proof(id: &str) -> Value;
    delete_proof(id: &str) -> ();
    delete_circuit(id: &str, force: bool) -> ();
    file(circuit: &str, name: &str) -> Vec<u8>;
    wait_for_circuit(id: &str, patience: Duration) -> Value;
    create_upload(files: &[UploadFile]) -> Value;
    upload(id: &str) -> Value;
    send_upload(upload: &Value, files: &[UploadFile], on_upload: Option<OnUpload<'_>>) -> ();
    delete_upload(id: &str) -> ();
    put_part(upload: &str, file: usize, part: u64, bytes: Vec<u8>) -> ();
    sign_parts(upload: &str, file: usize, parts: &[(u64, String)]) -> Value;
    put_signed(signed: &Value, bytes: Vec<u8>) -> ();
    request_import(upload: &str, choices: &Value) -> Value;
    import_circuit(files: &[UploadFile], choices: &Value, patience: Duration, on_upload: Option<OnUpload<'_>>) -> Value;
    ceremony(id: &str) -> Value;
    ceremony_file(id: &str, name: &str, part: Range<u64>) -> Vec<u8>;
    join_ceremony(id: &str) -> Value;
    take_turn(id: &str, token: &str) -> Value;
    leave_ceremony(id: &str, token: &str) -> ();
    declare_contribution(id: &str, token: &str, size: u64, sha256: &str) -> Value;
    put_contribution_part(id: &str, token: &str, part: u64, bytes: Vec<u8>) -> ();
    submit_contribution(id: &str, token: &str) -> Value;
    ceremonies(status: Option<&str>, page: &Page) -> Value;
    create_ceremony(announced: &Value, idempotency_key: Option<&str>) -> Value;
    finish_ceremony(id: &str, value: &str) -> Value;
    delete_ceremony(id: &str, force: bool) -> ();
    circuit_with_files(sha256: &[&str]) -> Option<Value>;
    jobs(queue: &str, filter: &JobFilter, cursor: Option<&str>) -> Value;
    retry_matching_jobs(queue: &str, filter: &JobFilter, cursor: Option<&str>) -> Value;
    delete_matching_jobs(queue: &str, filter: &JobFilter, cursor: Option<&str>) -> Value;
    retry_jobs(queue: &str, subjects: &[String]) -> Value;
    delete_jobs(queue: &str, subjects: &[String]) -> Value;
    purge_jobs(before: &str) -> Value;
    remove_letters(queue: &str, subjects: Option<&[String]>) -> Value;
    pause_queue(queue: &str) -> Value;
    resume_queue(queue: &str) -> Value;
    overview() -> Value;
    usage(filter: &UsageFilter, page: &Page) -> Value;
    templates() -> Value;
    template(name: &str) -> Value;
    deploy(circuit: &str, request: &Value, patience: Duration) -> Value;
    request_deployment(circuit: &str, request: &Value, idempotency_key: &str) -> Value;
    unsigned_deployment(circuit: &str, chain_id: u64, from: Option<&str>) -> Value;
    deployment(circuit: &str, id: &str) -> Value;
    deployments(circuit: &str, page: &Page) -> Value;
    follow_deployment(circuit: &str, id: &str, patience: Duration, on_change: OnChange<'_>) -> Value;
    bind_contract(circuit: &str, chain_id: u64, address: &str) -> Value;
    get(path: &str) -> Reply;
    post(path: &str, body: &Value) -> Reply;
    put(path: &str, body: &Value) -> Reply;
    delete(path: &str) -> Reply;
    read(path: &str) -> Vec<u8>;
}
