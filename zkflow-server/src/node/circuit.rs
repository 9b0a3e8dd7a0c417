//! One circuit of the Node service: its files are gathered, checked and stored.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use zkflow_core::audit::audit_source;
use zkflow_core::circuit::{CircuitFiles, FileName, Forgeable, ImportedKey, ImportedParts};
use zkflow_core::compile::{CompileOptions, Compilers, Simplification, SourceTree};
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::rng::os_rng;
use zkflow_core::service::catalog::{
    AuditAction, Circuit, CircuitStage, Document as _, FileRole, Given, GivenPowers, Import as Imported,
    NodeCircuit, Origin,
};
use zkflow_core::service::id::{JobId, UploadId};
use zkflow_core::service::store::Generation;
use zkflow_core::service::tenant::TenantId;
use zkflow_core::setup::KeyOptions;
use zkflow_core::template::TemplateLibrary;
use zkflow_core::witness::module_version;
use zkflow_queue::{JobError, Then};

use super::document::OldCircuit;
use super::objects::{Copied, Objects};
use super::report::{Arrival, Outcome, Refusal, shortened};
use super::source::{OTHER_CIRCUIT, Source, foreign_version, gives_no_circuit, of_template};
use super::source::{other_constraints, other_module, other_names};
use super::{Import, NodeError, Trouble};
use crate::config::Limits;
use crate::maintenance::{manifest, tombstone};
use crate::service::{audit, circuits, names};
use crate::state::App;
use crate::work::made::{Checked, Made};
use crate::work::scratch::Scratch;

/// Largest verification key and contract.
const LARGEST_TEXT: u64 = 32 << 20;

/// The parts of a circuit that replace its template.
const PARTS: &str = "circuit.r1cs, circuit.wasm and circuit.sym";

/// Imports a circuit, unless it is there.
pub(super) async fn import(import: &Import<'_>, old: &OldCircuit) -> Result<Outcome, Trouble> {
    let (app, tenant) = (import.app, import.tenant);
    if let Some(id) = names::find(&*app.store, tenant, &old.id).await?
        && let Some(circuit) = app.catalog.circuits().get(&id).await?
    {
        let circuit = add_contract(app, circuits::ready(circuit)?, old).await?;
        return Ok(Outcome::Present(Arrival::of(&circuit, Vec::new())));
    }
    let began = Instant::now();
    let folder = app.scratch.clone();
    let scratch = blocking(move || Scratch::create(folder.as_deref())).await?;
    let scratch = Arc::new(scratch.map_err(|error| Refusal::new("file_unwritable", error.to_string()))?);
    let files = Files::gather(&import.sources.objects, old, scratch.folder(), &app.config.limits).await?;
    let contract = files.contract.clone();
    let zkey = files.zkey.path.clone();
    let (shared, templates) = (Arc::clone(app), Arc::clone(&import.sources.templates));
    let (owner, wanted) = (tenant.clone(), Wanted::of(old));
    let assemble = move || assemble(&shared, &templates, &owner, &wanted, &files);
    let Assembled { files, given, id, hash, checked, mut notes } = blocking(assemble).await??;
    notes.extend(contract.and_then(|contract| other_key(&contract.path, &files)));
    if old.unreadable_contract {
        notes.push("artifacts.deployment cannot be read".to_owned());
    }

    if let Some(circuit) = app.catalog.circuits().get(&id).await? {
        // Another document of the Node service has the same circuit and key.
        let circuit = add_contract(app, circuits::ready(circuit)?, old).await?;
        names::record(&*app.store, tenant, &old.id, &id).await?;
        return Ok(Outcome::Present(Arrival::of(&circuit, notes)));
    }
    let now = app.now();
    let node = NodeCircuit {
        id: old.id.clone(),
        template: old.template.clone(),
        params: old.params.clone(),
        contract: old.contract.clone(),
    };
    let upload = UploadId::generate(now);
    let origin = Imported { node: Some(node), ..Imported::new(upload, given) };
    let mut circuit = Circuit::imported(hash, origin, now);
    circuit.life.tenant = tenant.clone();
    circuit.replaces = tombstone::removed(&*app.store, &id).await?;
    let invalid = |error: zkflow_core::service::catalog::InvalidTransition| {
        Refusal::new("invalid_transition", error.to_string())
    };
    circuit.begin(1, now).map_err(invalid)?;
    circuit.advance(CircuitStage::Store, began.elapsed(), now).map_err(invalid)?;
    let generation = Generation { circuit: id.clone(), job: JobId::generate(now), attempt: 1 };
    let made = Made::imported(files, Some((scratch, zkey)), checked);
    made.store(app, &mut circuit, &generation).await.map_err(stored)?;
    audit::record(app, tenant, &import.actor, AuditAction::CircuitImport, id.as_str()).await?;
    let (circuit, _) = app.catalog.circuits().insert(circuit).await?;
    let circuit = circuits::ready(circuit)?;
    names::record(&*app.store, tenant, &old.id, &id).await?;
    if import.dry_run {
        // The store is in memory, which need not hold the keys of all circuits.
        app.store.delete(&generation.file(FileName::ProvingKey).key()).await?;
    }
    warn(&circuit, old);
    Ok(Outcome::Imported(Arrival::of(&circuit, notes)))
}

/// Adds the recorded contract to a circuit without one: it was deployed since, or belongs to another document.
async fn add_contract(app: &App, mut circuit: Circuit, old: &OldCircuit) -> Result<Circuit, Trouble> {
    match &mut circuit.origin {
        Origin::Import(import) => match &mut import.node {
            Some(node) if node.contract.is_none() && old.contract.is_some() => {
                node.contract.clone_from(&old.contract);
            }
            _ => return Ok(circuit),
        },
        Origin::Template { .. } => return Ok(circuit),
    }
    let saved = app.save(circuit).await?;
    manifest::write(&*app.store, &saved).await?;
    Ok(saved)
}

/// Says loudly that a key is forgeable.
fn warn(circuit: &Circuit, old: &OldCircuit) {
    let Some(weakness) = &circuit.forgeable else { return };
    let contract = old.contract.as_ref().map_or_else(|| "none".to_owned(), |found| found.address.to_string());
    tracing::warn!(circuit = %circuit.id, old_id = %old.id, weakness, %contract, "any person can forge proofs for the imported key: replace its contract");
}

/// The files were not stored.
fn stored(error: JobError) -> Trouble {
    let reason = error.causes.unwrap_or(error.reason);
    match error.then {
        Then::Bury => Refusal::new(error.kind, reason).into(),
        Then::Retry | Then::GiveBack => Trouble::Stopped(NodeError::Store(reason)),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.map_err(|_| Refusal::new("internal", "the work panicked"))
}

/// Copies of the files of a circuit.
struct Files {
    zkey: Copied,
    vkey: Option<Copied>,
    wasm: Option<Copied>,
    r1cs: Option<Copied>,
    sym: Option<Copied>,
    contract: Option<Copied>,
}

impl Files {
    async fn gather(
        objects: &Objects,
        old: &OldCircuit,
        folder: &Path,
        limits: &Limits,
    ) -> Result<Self, Refusal> {
        let copy = async |field: &str, file: &str, most: u64| {
            objects.copy(&old.names(field, file), &folder.join(file), most).await
        };
        let (key, part) = (limits.upload_mib << 20, limits.upload_parts_mib << 20);
        let zkey = copy("zkey", "circuit_final.zkey", key).await?;
        let missing = || Refusal::new("import_incomplete", "the proving key (circuit_final.zkey) is missing");
        Ok(Self {
            zkey: zkey.ok_or_else(missing)?,
            vkey: copy("vkey", FileName::VerificationKey.as_str(), LARGEST_TEXT).await?,
            wasm: copy("wasm", FileName::Wasm.as_str(), part).await?,
            r1cs: copy("r1cs", FileName::R1cs.as_str(), part).await?,
            sym: copy("sym", FileName::Sym.as_str(), part).await?,
            contract: copy("verifier", FileName::VerifierContract.as_str(), LARGEST_TEXT).await?,
        })
    }

    /// Whether the circuit can be taken without its template.
    fn has_parts(&self) -> bool {
        self.r1cs.is_some() && self.wasm.is_some() && self.sym.is_some()
    }
}

/// A circuit that was checked.
struct Assembled {
    files: CircuitFiles,
    given: Given,
    id: CircuitId,
    hash: Digest,
    checked: Checked,
    notes: Vec<String>,
}

/// The template of a circuit, and its parameters.
struct Wanted {
    template: zkflow_core::template::TemplateName,
    params: serde_json::Map<String, serde_json::Value>,
}

impl Wanted {
    fn of(old: &OldCircuit) -> Self {
        Self { template: old.template.clone(), params: old.params.clone() }
    }
}

/// Compiles the circuit and checks the key. If the template does not give the circuit of the key, takes the parts beside the
/// key.
fn assemble(
    app: &App,
    templates: &TemplateLibrary,
    tenant: &TenantId,
    wanted: &Wanted,
    files: &Files,
) -> Result<Assembled, Refusal> {
    let compile = |compilers: &Compilers| {
        of_template(app, compilers, templates, &wanted.template, &wanted.params)
            .and_then(|sources| first_that_fits(app, compilers, tenant, sources, files))
    };
    let compiled = match of_module(app, files).map(|compilers| compile(&compilers)) {
        Some(Err(refusal)) if !gives_no_circuit(&refusal) => Err(refusal),
        Some(Ok(found)) => Ok(found),
        Some(Err(_)) | None => compile(&app.compilers),
    };
    let refusal = match compiled {
        Err(refusal) if gives_no_circuit(&refusal) => refusal,
        found => return found,
    };
    if !files.has_parts() {
        let made_by =
            files.wasm.as_ref().and_then(|file| foreign_version(&file.path, app.compilers.own().version()));
        let made_by = made_by.map(|made_by| format!("{made_by}; ")).unwrap_or_default();
        let reason = format!(
            "{made_by}give the template of the key (--templates), or {PARTS} beside it: {}",
            refusal.reason
        );
        return Err(Refusal::new(&refusal.code, reason));
    }
    let mut found = first_that_fits(app, &app.compilers, tenant, vec![None], files)?;
    let note =
        format!("the circuit comes from {PARTS}, because the template does not give it: {}", refusal.reason);
    found.notes.push(shortened(&note));
    Ok(found)
}

/// The compiler of the version that the old module says; `None` if it is the own one, or the settings have none.
fn of_module(app: &App, files: &Files) -> Option<Compilers> {
    let version = module_version(&fs::read(&files.wasm.as_ref()?.path).ok()?)?;
    let found = app.compilers.of_version(&version)?;
    (found.version() != app.compilers.own().version()).then(|| Compilers::new(found.clone(), Vec::new()))
}

/// Checks the key with each source until one gives its circuit.
fn first_that_fits(
    app: &App,
    compilers: &Compilers,
    tenant: &TenantId,
    sources: Vec<Source>,
    files: &Files,
) -> Result<Assembled, Refusal> {
    let configured = app.config.circuits.ptau_path.is_some();
    let powers: &[GivenPowers] =
        if configured { &[GivenPowers::Configured, GivenPowers::None] } else { &[GivenPowers::None] };
    let mut refused = None;
    for source in sources {
        for powers in powers {
            let refusal = match check(app, compilers, tenant, source.clone(), *powers, files) {
                Ok(mut found) => {
                    if configured && *powers == GivenPowers::None {
                        let note =
                            "the key is not the one of this circuit and the powers of tau of the settings";
                        found.notes.push(note.to_owned());
                    }
                    return Ok(found);
                }
                Err(refusal) => refusal,
            };
            let of_powers = matches!(refusal.code.as_str(), "ceremony_invalid" | "too_few_powers");
            let goes_on = of_powers && *powers == GivenPowers::Configured;
            if !goes_on && refusal.code != OTHER_CIRCUIT {
                return Err(refusal);
            }
            refused = Some(refusal);
            if !goes_on {
                break;
            }
        }
    }
    Err(refused.unwrap_or_else(|| Refusal::new("import_incomplete", "there is no source")))
}

/// Checks one combination.
fn check(
    app: &App,
    compilers: &Compilers,
    tenant: &TenantId,
    source: Source,
    powers: GivenPowers,
    files: &Files,
) -> Result<Assembled, Refusal> {
    let given = given(compilers.own().version(), source.as_ref(), powers, files);
    let hash = tenant.scoped(&given.hash());
    let id = CircuitId::from_hash(&hash);
    let is_compiled = source.is_some();
    let read = |file: &Option<Copied>| match file {
        Some(file) if !is_compiled => fs::read(&file.path).map(Some).map_err(unreadable),
        _ => Ok(None),
    };
    let (r1cs, wasm, sym) = (read(&files.r1cs)?, read(&files.wasm)?, read(&files.sym)?);
    let parts = ImportedParts { source, r1cs, wasm, sym };
    let checked = parts.check(compilers, &app.sandbox, app.config.limits.witness());
    let checked = checked.map_err(|error| Refusal::of(&error))?;
    let found = Checked::of(&checked);
    let verification_key = files.vkey.as_ref().map(|file| fs::read(&file.path)).transpose();
    let verification_key = verification_key.map_err(unreadable)?;
    let key = ImportedKey::Given {
        file: &files.zkey.path,
        digest: files.zkey.sha256,
        verification_key: verification_key.as_deref(),
        powers: match powers {
            GivenPowers::Configured => Some(&*app.powers),
            GivenPowers::None | GivenPowers::Uploaded | GivenPowers::Published => None,
        },
        transcript: None,
        steps: app.config.limits.import(),
        forgeable: Forgeable::Mark,
    };
    let options = KeyOptions::default().with_record_key(&app.record_key);
    let made = checked.finish(id.clone(), key, &app.sandbox, options, &mut os_rng());
    let made = made.map_err(|error| Refusal::of(&error))?;
    let mut notes = Vec::new();
    if verification_key.is_none() {
        notes.push("verification_key.json is missing: it was made from the proving key".to_owned());
    }
    match &files.wasm {
        None => notes.push("circuit.wasm is missing: it was compiled again".to_owned()),
        Some(file) => notes.extend(other_module(&file.path, &made, compilers.own().version())),
    }
    notes.extend(files.r1cs.as_ref().and_then(|file| other_constraints(&file.path, &made)));
    notes.extend(files.sym.as_ref().and_then(|file| other_names(&file.path, &made)));
    Ok(Assembled { files: made, given, id, hash, checked: found, notes })
}

fn unreadable(error: std::io::Error) -> Refusal {
    Refusal::new("file_unreadable", error.to_string())
}

/// What the circuit is made from.
fn given(
    compiler: &str,
    source: Option<&(SourceTree, CompileOptions)>,
    powers: GivenPowers,
    files: &Files,
) -> Given {
    let mut digests = BTreeMap::from([(FileRole::ProvingKey, files.zkey.sha256)]);
    digests.extend(files.vkey.as_ref().map(|file| (FileRole::VerificationKey, file.sha256)));
    match source {
        Some((tree, options)) => {
            digests.insert(FileRole::Source, tree.digest());
            Given {
                files: digests,
                main: Some(tree.main().to_owned()),
                compiler: Some(format!("{compiler} {}", options.flags().join(" "))),
                simplification: options.simplification,
                powers,
            }
        }
        None => {
            let parts =
                [(FileRole::R1cs, &files.r1cs), (FileRole::Wasm, &files.wasm), (FileRole::Sym, &files.sym)];
            digests.extend(parts.into_iter().filter_map(|(role, file)| Some((role, file.as_ref()?.sha256))));
            Given {
                files: digests,
                main: None,
                compiler: None,
                simplification: Simplification::default(),
                powers,
            }
        }
    }
}

/// Whether the old contract contains another key than the circuit.
fn other_key(path: &Path, files: &CircuitFiles) -> Option<String> {
    let source = fs::read_to_string(path).ok()?;
    let found = audit_source(&source).and_then(|audit| audit.key);
    let own = files.get(FileName::VerificationKey).map(Digest::of);
    match found {
        Some(found) if Some(found) == own => None,
        Some(_) => Some("verifier.sol contains another key than circuit_final.zkey".to_owned()),
        None => Some("verifier.sol contains no readable key".to_owned()),
    }
}
