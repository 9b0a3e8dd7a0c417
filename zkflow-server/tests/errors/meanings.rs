//! Meaning and remedy of each code.

/// The sentences of a code.
pub(super) struct Meaning {
    pub(super) code: &'static str,
    pub(super) meaning: &'static str,
    pub(super) remedy: &'static str,
}

/// `code: meaning => remedy`.
macro_rules! meanings {
    ($($code:ident: $meaning:literal => $remedy:literal;)+) => {
        &[ $( Meaning { code: stringify!($code), meaning: $meaning, remedy: $remedy } ),+ ]
    };
}

const REQUEST: &[Meaning] = meanings! {
    route_not_found: "the server has no such path" => "see `/docs`";
    method_not_allowed: "the path does not support this method" => "see the `Allow` header";
    invalid_path: "a segment of the path is not valid" => "correct the path";
    invalid_query: "a query parameter is unknown or has the wrong type" => "see `/docs`";
    invalid_limit: "`limit` is out of range" => "use a value of the range in the message";
    invalid_cursor: "`cursor` is not from this list" => "use `nextCursor` of the last page";
    unsupported_media_type: "the `Content-Type` is not JSON" => "send `application/json`";
    unreadable_body: "the body ended early" => "send it again";
    malformed_json: "a body or a file of snarkjs is not JSON, or has the wrong form" => "correct the place in the message";
    invalid_body: "a field of the body is missing, unknown or of the wrong type" => "see `/docs`";
    body_too_large: "the body is larger than the route accepts; see `max_body_bytes`" => "send less, or change the setting";
    invalid_idempotency_key: "the `Idempotency-Key` is not 1 to 128 visible ASCII characters" => "correct the header";
    idempotency_key_reused: "another request has used this `Idempotency-Key`" => "use a new key";
    unauthenticated: "the request has no credentials" => "send `Authorization: Bearer` with a key";
    credentials_refused: "the credentials are unknown, revoked, expired or not valid" => "use others; see the message";
    issuer_unavailable: "the public keys of the token's issuer cannot be read" => "repeat; the operator finds the cause in the log";
    scope_missing: "the caller may not use this route" => "use a key with the scope in the message";
    too_many_requests: "the caller, or the callers of its tenant together, send more requests than `requests_per_second`, `requests_burst` and `tenant_pace` allow, the tenant makes more changes than `changes_per_hour` allows, or the address sends too many keys that are not accepted" => "repeat after `Retry-After`";
    no_session: "a session does not begin with these credentials, or the server has no authentication or no dashboard" => "send a key or a token in `Authorization`";
    not_owner: "the circuit or ceremony is public and belongs to another tenant" => "ask its owner, or request the circuit yourself";
    key_not_found: "there is no such key of the API, or it is not accepted any more" => "list the keys";
    no_webhooks: "the tenant has no address and secrets for events" => "set them with `PUT /v1/webhooks`";
    other_callback: "the circuit is pending with another callback" => "wait for it, or repeat the request without `callback`";
    delivery_not_found: "there is no such delivery; it may have been removed after a week" => "list the deliveries";
    delivery_pending: "the delivery waits for its receiver" => "wait; it is tried again";
    host_refused: "the header `Host` is none of the server's names" => "use its name, or add yours to `hosts`";
    origin_refused: "a web page of another site sends the request" => "add the page to `origins`";
    not_allowed: "a setting of the operator forbids this request" => "use a signer or a node of the operator";
    timeout: "the request took longer than `request_time_s`" => "repeat it";
    starting: "the server is starting" => "repeat after `Retry-After`";
    overloaded: "a queue has reached its limit of unfinished requests, or too many circuits are asked for at the same time" => "repeat after `Retry-After`";
    too_many_watchers: "`max_watchers` event streams and long-polls are open, or the address, the tenant or the key has its share of them" => "repeat after `Retry-After`";
    too_many_downloads: "`max_downloads` files are being downloaded, or the address, the tenant or the key has its share of them" => "repeat after `Retry-After`";
    bodies_over_budget: "the bodies being received fill `body_memory_mib`, or the address or the tenant has its share of it" => "repeat after `Retry-After`";
    body_too_slow: "the body arrives too slowly" => "send it again";
    range_not_satisfiable: "the `Range` begins behind the end of the file" => "see `Content-Range`";
    too_many_verifications: "too many proofs wait for verification" => "repeat after `Retry-After`";
    internal: "a fault of the server" => "send the `x-request-id` to the operator";
};

const CIRCUITS: &[Meaning] = meanings! {
    circuit_not_found: "there is no circuit with this id" => "request the circuit first";
    circuit_pending: "the keys of the circuit are not ready" => "wait, then repeat";
    circuit_failed: "key generation has failed" => "see its `error`, then request it again";
    circuit_busy: "the circuit has unfinished work" => "wait for its work, or cancel it";
    circuit_deleting: "the circuit is being deleted" => "wait; repeat an interrupted DELETE";
    circuit_in_use: "the circuit has a contract on a chain, or keys of a ceremony" => "repeat the DELETE with `?force=true` to lose its keys for good";
    ceremony_not_found: "there is no ceremony with this id" => "list the ceremonies";
    ceremony_file_not_found: "the ceremony has no such file yet: the record exists after the end" => "see `GET /v1/ceremonies/{ceremonyId}`";
    ceremony_closed: "the ceremony takes no contributions now or any more" => "see its `deadline` and `status`";
    ceremony_full: "too many contributors wait for their turn" => "repeat after `Retry-After`";
    already_contributed: "the caller has contributed to the ceremony" => "nothing is left to do";
    too_many_attempts: "the caller had too many places without a contribution" => "ask the operator for another key of the API";
    place_not_found: "there is no place with this `Contributor-Token`" => "join the ceremony";
    not_your_turn: "the contributor does not have the turn, or has submitted" => "see the state of the place";
    ceremony_not_due: "the announced time of the beacon has not come" => "wait until then";
    too_few_contributions: "the ceremony has fewer contributions than announced" => "announce another ceremony";
    ceremony_busy: "a worker makes or verifies a key of the ceremony" => "wait, then repeat";
    ceremony_ended: "the ceremony is completed, or has failed" => "see its `result` and its `error`";
    too_many_ceremonies: "the tenant has 16 unfinished ceremonies" => "finish or delete some";
    upload_not_found: "there is no such upload: it has expired, was deleted, or its import has ended" => "upload the files again";
    upload_part_not_found: "the upload has no such file, or the file has fewer parts" => "see `GET /v1/uploads/{uploadId}`";
    upload_not_direct: "the server signs no URLs of its bucket: `s3_upload_s` is 0, or there is no bucket" => "send the parts to the server";
    upload_part_length: "a part does not have the length of its place" => "send `partBytes` bytes, and the rest as the last part";
    upload_incomplete: "parts of the upload are missing" => "send those in `missing`";
    upload_in_use: "a circuit is being imported from the upload" => "wait";
    upload_too_large: "declared files exceed a limit" => "send smaller files, or raise the setting: `upload_mib`, `upload_parts_mib`, `compile_source_mib`";
    too_many_circuits: "the tenant or the key has `max_circuits` circuits, or `circuits_mib` of files" => "delete circuits that are not needed";
    plan_exhausted: "the tenant or the key has reached a limit of its plan" => "repeat after `Retry-After`, or ask the operator for another plan";
    too_many_uploads: "the tenant has 64 unfinished uploads, or `tenant_upload_mib` of them" => "import or delete them, or repeat after `Retry-After`";
    invalid_upload: "a declared file is not valid" => "correct the fields in `errors`";
    upload_digest: "an uploaded file is not the declared one" => "upload it again";
    upload_gone: "the upload was removed before its import began" => "upload the files again";
    failed_before_import: "the request had failed in the Node service, before it was imported" => "request the proof again";
    import_incomplete: "files of the import are missing and cannot be made, or contradict each other" => "add the files in `errors`";
    invalid_archive: "the archive of a source is damaged, too large when it is unpacked, or has an entry that no source has" => "pack only the circom files, as a zip, tar or tar.gz";
    not_of_source: "an r1cs, wasm or sym is not what the compiler makes from the source" => "omit the file, or give `simplification`";
    circom_version_missing: "the given wasm says a version of circom that the server does not have, and another given file is not what its own version makes from the source" => "give all of r1cs, wasm and sym; the operator can set `circom_versions`";
    parts_differ: "r1cs, wasm and sym are not of one circuit, or the module has other inputs" => "use files of one compilation";
    key_of_other_circuit: "the proving key is not of the constraints" => "give the key of this r1cs";
    transcript_of_other_key: "the record of a ceremony is malformed, or is not of the proving key and its powers of tau" => "give the `ceremony.json` of this key";
    verification_key_of_other_key: "the verification key is not of the proving key" => "export it again from the proving key";
    deleting: "the circuit is being deleted" => "nothing";
    circuit_gone: "the circuit of a proof request was deleted or is no longer ready" => "request the circuit again";
    template_changed: "template, includes or compiler changed after the request" => "request the circuit again";
    artifact_missing: "the circuit has no file of this kind" => "request the circuit again";
    compiler_output_corrupt: "a file written by the compiler cannot be read" => "tell the operator";
    circuit_too_large: "the circuit has more constraints than a key can have" => "use a smaller circuit";
    circuit_too_few_wires: "an R1CS has fewer wires than public signals and the constant" => "compile the circuit again";
    circuit_not_rank_one: "a circuit of arkworks has a constraint that is not `a * b = c`" => "outline linear combinations, or use rank-1 constraints only";
    circuit_too_many_variables: "a circuit of arkworks has more variables than a key can have" => "use a smaller circuit";
    synthesis_failed: "a circuit of arkworks gives no constraints or values" => "see the message";
    no_compiler: "a blueprint was built without a compiler, by a bug" => "call `BlueprintBuilder::compiler`";
    circuit_unknown_wire: "a constraint of an R1CS names a wire that does not exist" => "compile the circuit again";
};

const TEMPLATES: &[Meaning] = meanings! {
    unknown_template: "there is no template with this name" => "see `GET /v1/templates`";
    unknown_parameter: "the template has no such parameter" => "use the names in the message";
    missing_parameter: "a parameter without a default is missing" => "add it";
    invalid_parameter: "a parameter has the wrong type or is out of range" => "use a value of the form in the message";
    inconsistent_parameters: "parameters contradict a rule of the manifest" => "correct the parameters in the message";
    invalid_template: "a template or its manifest is not valid" => "correct it: [templates.md](templates.md)";
    invalid_template_folder: "a folder of templates cannot be read" => "correct the setting `templates`";
    duplicate_template: "two templates have the same name" => "rename one";
    template_key_unreadable: "a file of a key that a template names cannot be read" => "correct `keys` in the manifest: [templates.md](templates.md#keys)";
    template_key_digest: "a file of a key that a template names has another SHA-256 than in the manifest" => "restore the file, or correct the manifest after you checked the new one";
    powers_not_published: "the key of an import or a template is verified with published powers of tau, and others are configured" => "set `ptau_path` to a published file";
    template_not_rendered: "a template could not be rendered" => "correct it: [templates.md](templates.md)";
    circom_rejected: "circom refuses the source" => "correct the line in the message";
    include_not_found: "a file that the source includes does not exist" => "correct the path of the include";
    include_outside_roots: "an include leads out of the template's folder and the include roots" => "move the file into one of them";
    invalid_file_name: "the name of a source is not the name of a file" => "rename the file";
    compile_limit: "the compiler reached a limit on time, memory, source or output" => "use a smaller circuit, or raise the setting in the message";
    compile_io: "a source or a working folder cannot be read or written" => "check the disk";
    compiler_failed: "circom is missing, crashed, or wrote unusable output" => "`zkflow doctor`";
    tool_altered: "a file of an installed tool differs from its digest" => "`zkflow setup`";
    circom_not_found: "circom or circomlib is not installed" => "`zkflow doctor`";
};

const INPUTS: &[Meaning] = meanings! {
    invalid_inputs: "inputs do not fit the circuit, or fields of a deployment are missing or contradict each other" => "correct the fields in `errors`";
    wrong_place: "a public input is in `privateInputs`, or a private one in `publicInputs`" => "move the fields in `errors`; a proof discloses its public inputs";
    invalid_json: "inputs are not a JSON object" => "correct the place in the message";
    unknown_input: "the circuit has no such input" => "remove it";
    missing_input: "an input is missing" => "add it";
    duplicate_input: "an input occurs twice" => "remove one";
    wrong_shape: "the number of values of an input does not fit its signal" => "use the shape in the message";
    not_decimal: "a value is not a decimal number" => "write it in decimal digits, or set `inputs` to `lenient`";
    not_in_field: "a value is negative, or not below the modulus of the field" => "reduce it modulo the modulus if that is intended, or set `inputs` to `lenient`";
    unsafe_number: "a JSON number is too large to be exact" => "write it as a string";
    not_a_value: "a value is neither a number nor a string of digits" => "write it as a string of digits";
    too_deep: "arrays are nested too deeply" => "use the shape of the signal";
    constraint_failed: "the inputs do not satisfy the circuit" => "correct the inputs; the message names template and line";
    witness_length: "the length of a witness does not fit the key" => "use files of the same circuit";
    witness_unsatisfied: "a witness does not satisfy the constraints" => "calculate it again with the module of the circuit";
    witness_limit: "the calculation reached its limit on time or memory" => "raise `witness_time_s` or `witness_memory_mib`";
    witness_calculator_failed: "the module of the circuit failed" => "compile the circuit again";
    signals_mismatch: "the inputs of the module, the names and the constraints differ" => "use files of the same circuit";
    input_mismatch: "the module calculates the witness of other inputs" => "compile the circuit again; do not trust the module";
};

const PROOFS: &[Meaning] = meanings! {
    proof_not_found: "there is no proof request with this id, or it has expired" => "request the proof again";
    proof_final: "the proof request has ended and cannot be cancelled" => "nothing";
    no_proof: "the proof request has no proof" => "wait, or see its `error`";
    public_signal_count: "the number of public signals does not fit the key" => "use files of the same circuit";
    invalid_point: "a point of a proof or a key is not on the curve or not in the subgroup" => "get the file again";
    invalid_verification_key: "a verification key has no points for its public signals" => "get the file again";
    proof_does_not_fit: "a proof needs more memory than this worker has left" => "raise `proof_memory_mib`, or use larger workers";
    unknown_prover: "no prover has the chosen name" => "use a name of the message, or build with the feature that the message names";
    kernel_unavailable: "the processor does not have the chosen instructions" => "use the portable kernel";
    key_folder_unusable: "the folder of prepared keys cannot be used" => "correct `key_cache`";
    threads_unavailable: "the threads of the prover cannot be started" => "lower `prover_threads`";
};

const KEYS: &[Meaning] = meanings! {
    file_unreadable: "a file cannot be read" => "check path and permissions";
    file_unwritable: "a file cannot be written" => "check the disk";
    malformed_file: "a file is damaged, or of the wrong kind" => "get it again; `zkflow inspect` shows its kind";
    unreadable_proving_key: "a proving key cannot be read" => "check path and permissions";
    malformed_proving_key: "a proving key is damaged" => "get it again";
    inconsistent_proving_key: "parts of a proving key contradict each other" => "get it again";
    power_out_of_range: "the power of a setup is out of range" => "use a power of the range in the message";
    powers_truncated: "the powers of tau were truncated, so this step is not possible" => "use the complete file";
    powers_not_prepared: "the powers of tau are not prepared for phase 2" => "`zkflow ptau prepare`";
    too_few_powers: "the powers of tau are too small for the circuit" => "use a larger file";
    invalid_beacon: "a beacon is not VALUE:EXPONENT, or is out of range" => "correct it";
    powers_refused: "the secrets of the powers of tau are public, or they are for development" => "use powers of tau with a secret contribution";
    record_malformed: "not a record of `zkflow zkey verify`" => "make the record again";
    record_not_sealed: "the record was changed, or another user or machine made it" => "make the record again, or give `--r1cs` and `--ptau`";
    record_of_other_key: "the record belongs to another key" => "give the record of this key";
    key_refused: "proofs for the key can be forged" => "see [trusted-setup.md](trusted-setup.md)";
    contribution_not_next: "the key does not continue the present key of the ceremony" => "download the present key in your turn, and contribute to it";
    contribution_not_secret: "the secret of the contribution is a number that anyone can compute, or one that was used before" => "contribute again with another program or more entropy";
    powers_changed: "the server has other powers of tau than at the beginning of the ceremony" => "set `PTAU_PATH` to that file, then finish again";
    ceremony_invalid: "a contribution or a file of a ceremony is not valid" => "get the file again from its maker";
};

const CHAIN: &[Meaning] = meanings! {
    deployment_not_found: "the circuit has no deployment with this id" => "see its list of deployments";
    not_deployed: "the deployment is not confirmed" => "wait, or see its `error`";
    unknown_chain: "the operator has no node of this chain" => "use another `chainId`";
    unknown_signer: "the operator has no signer of this name" => "use another `signer`";
    wrong_chain: "a node belongs to another chain" => "correct `chainId` or the URL";
    rpc_refused: "a URL of a request is not allowed" => "use https and a public address";
    signer_failed: "a signer cannot be used or refuses to sign" => "correct the setting `signers`, or the key";
    chain_unavailable: "the node does not answer" => "the server retries; check the node";
    chain_refused: "the node refuses the transaction" => "see the message";
    insufficient_funds: "the account cannot pay for the deployment" => "fund it, then request again";
    foreign_node: "the request names its own node and a signer of the operator" => "omit `rpcUrl`, or give a `privateKey` of your own";
    spending_limit: "fee, gas or cost of the transaction exceed a limit of the signer" => "repeat when gas is cheaper, or change the limits in the settings";
    nonce_contested: "other transactions used the nonces of four transactions of the deployment" => "let nothing else use the account, then request the deployment again";
    nonce_taken: "another transaction used the nonce, and the key is destroyed" => "request the deployment again";
    transaction_failed: "the transaction was mined and reverted" => "see the transaction on the chain";
    deployment_timeout: "the deployment was not confirmed within `deploy_time_s`" => "check the chain, then request again";
    key_forgeable: "proofs for the key can be forged" => "see [trusted-setup.md](trusted-setup.md)";
    key_claimed: "the key was not compared with its circuit and its powers of tau" => "`zkflow zkey verify`, then use its record";
    contract_altered: "the contract is not the one that the key and its label determine" => "export the contract again, or tell the operator";
    key_for_development: "a key for development is not allowed on this chain" => "set `PTAU_PATH` and request the circuit again";
    contract_other_key: "the contract was made for another key" => "tell the operator";
    contract_unreadable: "the source of the contract has no readable key" => "tell the operator";
    key_unusual: "a coordinate of the key occurs twice, is small, or has 64 equal bits in a row" => "make other keys";
    contract_too_long: "the code is longer than EIP-170 allows" => "use fewer public signals";
    contract_rejected: "solc refuses the source of the contract" => "tell the operator";
    solc_version: "the version of solc is not 0.8.30" => "`zkflow doctor`";
    solc_failed: "solc is missing or fails" => "`zkflow doctor`";
    code_differs: "the code on the chain is not that of the order" => "do not use the contract";
    contract_wrong: "the contract gives a wrong answer about a proof" => "do not use the contract";
    no_contract: "there is no code at the address" => "give the address and the chain of the contract";
    contract_not_verifier: "the code at the address is no verifier whose key can be read" => "give the address of the verifier itself, not that of a proxy or of its user";
    contract_key_differs: "the contract at the address has another verification key than the circuit" => "give the contract of this circuit, or import the key of that contract";
    contract_unsafe: "the contract at the address does not check proofs or public signals, has a wrong modulus, or could not be run" => "deploy a sound contract";
    no_proof_to_check: "there is no proof to check the contract with" => "make a proof first";
};

const STORAGE: &[Meaning] = meanings! {
    catalog_unavailable: "the catalog does not answer" => "repeat; check the database";
    stale_document: "another process changed the document first" => "repeat";
    corrupt_document: "a stored document cannot be read" => "restore it from a backup";
    queue_unavailable: "the queue does not answer" => "repeat; check Redis or the database";
    lease_lost: "another worker has the job" => "nothing: the job continues there";
    artifact_not_found: "there is no file of this name" => "see the list of artifacts";
    artifact_exists: "the artifact is already stored" => "nothing";
    artifact_corrupt: "an artifact differs from its digest" => "restore it from a backup, or request the circuit again";
    artifact_store_unavailable: "the artifact store does not answer" => "repeat; check the bucket or the disk";
    other_installation: "the catalog and the artifact store belong to two installations" => "check the names of database and bucket; see operations.md, Protection of keys";
    new_catalog: "the artifact store is in use, but the catalog is new" => "check the name of the database; see operations.md, Protection of keys";
    new_store: "the catalog is in use, but the artifact store is new" => "check the name of the bucket; see operations.md, Protection of keys";
    no_installation: "the catalog and the artifact store are new" => "check the settings of the command";
    backup_invalid: "a backup is incomplete, or belongs to another installation or key" => "see the message";
    file_unavailable: "a file of a backup cannot be read or written" => "check the disk and the path";
    database_unavailable: "the database cannot be opened" => "check the disk and `data_dir`";
    inputs_not_found: "the sealed inputs no longer exist" => "request the proof again";
    inputs_wrong_key: "the inputs were sealed with a secret key that the process does not have" => "add the earlier key to `ZKFLOW_SECRET_KEY`; the work waits";
    inputs_altered: "sealed inputs were changed in the store" => "request the proof again; check access to the store";
    vault_other_key: "the store needs a secret key that the process does not have" => "add it behind the present one; see operations.md, Changing the secret key";
    secret_key_malformed: "the secret key is not 64 hex digits" => "correct `ZKFLOW_SECRET_KEY`";
    secret_keys_too_many: "there are more than eight secret keys" => "run `zkflow vault rotate`, then remove the earlier ones";
    secret_key_weak: "the secret key repeats few bytes" => "make one with `openssl rand -hex 32`";
    secret_key_exposed: "other users can read or replace the file of the secret key" => "`chown` and `chmod 600` the file";
    secret_key_unavailable: "the file of the secret key cannot be read or created" => "check the data folder";
    artifact_unreadable: "a file of a circuit is missing or cannot be read" => "build the circuit again";
    artifact_malformed: "a file of a circuit cannot be read" => "request the circuit again";
    witness_calculator_unusable: "the module of a circuit cannot be used" => "request the circuit again";
    verification_key_unusable: "the verification key of a circuit cannot be used" => "request the circuit again";
    proving_key_unusable: "the proving key of a circuit cannot be used" => "request the circuit again";
    sandbox_unavailable: "the WebAssembly sandbox cannot be created" => "`zkflow doctor`";
    sandbox_cache_folder: "the folder of compiled modules cannot be used" => "correct `module_cache`";
    invalid_module: "a WebAssembly module is not valid" => "compile the circuit again";
};

const WORK: &[Meaning] = meanings! {
    callback_failed: "the receiver of an event did not accept it within `callback_time_s`" => "repair the receiver, then replay the delivery";
    callback_early: "an event waits for the end of its document" => "no action: the event is sent when the document ends";
    callback_moved: "the tenant has set another host since the request of an event" => "set the former host again, then replay the delivery";
    callback_rate: "the addresses of a tenant get as many events a second as they may" => "nothing: the event waits";
    callbacks_off: "a worker sends no events, because `callbacks` is off there" => "set it for workers too";
    subject_gone: "the document of an event was deleted before the event was sent" => "nothing";
    attempts_exhausted: "a job failed `job_attempts` times" => "see the log, then request again";
    panic: "the work panicked, which is a bug" => "report it with the log; the job is retried";
    invalid_transition: "the status of a document does not allow the step" => "report it with the log";
};

/// The sections of the page.
pub(super) const MEANINGS: &[(&str, &[Meaning])] = &[
    ("Requests", REQUEST),
    ("Circuits", CIRCUITS),
    ("Templates and compiler", TEMPLATES),
    ("Inputs and witnesses", INPUTS),
    ("Proofs", PROOFS),
    ("Keys and ceremonies", KEYS),
    ("Contracts and chains", CHAIN),
    ("Storage", STORAGE),
    ("Jobs", WORK),
];
