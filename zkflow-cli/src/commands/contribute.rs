//! `zkflow contribute`: one contribution to a ceremony that a server hosts.
//!
//! The folder has everything that an interrupted run needs. Run the command again to continue.

mod place;

use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use zkflow_client::blocking::Client;
use zkflow_core::format::zkey::KeyHead;
use zkflow_core::own_folder;
use zkflow_core::rng::os_rng;
use zkflow_core::service::ceremony::{Attestation, CeremonyCircuit, CeremonyRules, ReceivedContribution};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::setup::phase2;

use super::Error;
use super::ceremony::described;
use super::evidence::open;
use super::files::{Watched, in_file};
use super::output::{write, written};
use super::progress::Progress;
use super::ptau::{ContributorArgs, LimitArgs, named, set_up_allocator};
use super::remote::{CeremonyArgs, Wanted};
use place::Place;

/// Arguments of `zkflow contribute`.
#[derive(Debug, Args)]
pub(crate) struct ContributeArgs {
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    ceremony: CeremonyArgs,
    #[command(flatten)]
    contributor: ContributorArgs,
    /// Folder for the keys and the attestation (default: ceremony-ID in the present folder)
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Pause between two questions.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) fn contribute(args: &ContributeArgs) -> Result<(), Error> {
    set_up_allocator();
    // A name that is too long is refused before a place is taken.
    args.contributor.read()?;
    let (id, client) = args.ceremony.open()?;
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(format!("ceremony-{id}")));
    own_folder::open(&folder).map_err(in_file(&folder))?;
    let work = Work { args, id, client, folder, progress: Progress::new() };
    if work.path(ATTESTATION).exists() {
        return Err(
            format!("this folder has a contribution already: {}", work.path(ATTESTATION).display()).into()
        );
    }
    let attestation = work.run()?;
    let path = work.path(ATTESTATION);
    write(&path, attestation.to_json().as_bytes())?;
    work.forget()?;
    drop(work);
    println!("contribution {:<7} {:?}", attestation.number, attestation.name.as_deref().unwrap_or_default());
    println!("  hash               {}", attestation.hash);
    println!("attestation          {}", path.display());
    println!(
        "Publish the hash, and keep the attestation: both show later that the final key contains your contribution."
    );
    Ok(())
}

const ATTESTATION: &str = "attestation.json";
const PREVIOUS: &str = "previous.zkey";
const CONTRIBUTED: &str = "contributed.zkey";
const KEY: &str = "proving_key.zkey";
/// Files of an interrupted run, beside its place.
const OWN: [&str; 3] = [PREVIOUS, CONTRIBUTED, "previous.part"];

struct Work<'a> {
    args: &'a ContributeArgs,
    id: String,
    client: Client,
    folder: PathBuf,
    progress: Progress,
}

impl Work<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Waits for the turn, contributes, and waits until the contribution is verified.
    fn run(&self) -> Result<Attestation, Error> {
        let ceremony = self.client.ceremony(&self.id)?;
        let announced = Announced::of(&ceremony)?;
        let (size, _) = described(&ceremony["key"])?;
        self.args.ceremony.allow(KEY, size)?;
        self.progress.line(&format!("key                  {size} bytes"));
        self.progress.line(&format!("deadline             {}", announced.rules.deadline));
        let beacon = &announced.rules.beacon;
        self.progress
            .line(&format!("beacon               {:?}, not known before {}", beacon.source, beacon.at));
        let mut place = self.place(size)?;
        let mut shown = String::new();
        loop {
            let turn = match self.client.take_turn(&self.id, place.token()) {
                Err(error) if error.code() == Some("place_not_found") => {
                    self.progress.line("the place does not exist any more: joining again");
                    place = self.join()?;
                    continue;
                }
                turn => turn?,
            };
            let state = turn["state"].as_str().unwrap_or_default();
            match state {
                "waiting" => {
                    let line = format!("contributors before  {}", turn["before"]);
                    if line != shown {
                        self.progress.line(&line);
                        shown = line;
                    }
                }
                "turn" => self.take(&mut place, &announced, &turn)?,
                "verifying" => {}
                "accepted" => return self.attest(&announced, &turn["contribution"]),
                "expired" if turn["taken"] == false => {
                    self.progress.line("the turn was not taken in time: joining again");
                    place = self.join()?;
                    continue;
                }
                _ => {
                    self.forget()?;
                    return Err(ended(state, &turn["error"]));
                }
            }
            sleep(PAUSE);
        }
    }

    /// The place of an interrupted run, or a new one.
    fn place(&self, size: u64) -> Result<Place, Error> {
        match Place::read(&self.folder, self.args.ceremony.url())? {
            Some(place) => Ok(place),
            None => {
                self.demand_free()?;
                self.demand_space(size)?;
                self.join()
            }
        }
    }

    /// Without a place, files of these names belong to something else: they would be removed.
    fn demand_free(&self) -> Result<(), Error> {
        match OWN.map(|name| self.path(name)).iter().find(|path| path.exists()) {
            Some(path) => Err(in_file(path)(
                "it is not of a contribution that was interrupted: use --folder with another folder",
            )),
            None => Ok(()),
        }
    }

    /// Fails if the disk has no room for the key, and for the next one.
    fn demand_space(&self, size: u64) -> Result<(), Error> {
        let disk = rustix::fs::statvfs(&self.folder).map_err(in_file(&self.folder))?;
        let (free, needed) = (disk.f_bavail.saturating_mul(disk.f_frsize), size.saturating_mul(2));
        match needed <= free {
            true => Ok(()),
            false => Err(in_file(&self.folder)(format!(
                "two keys need {needed} bytes, and {free} are free: use --folder on another disk"
            ))),
        }
    }

    fn join(&self) -> Result<Place, Error> {
        self.forget()?;
        let joined = self.client.join_ceremony(&self.id)?;
        self.progress.line(&format!("place                {}", joined["place"]));
        let token = joined["token"].as_str().ok_or("the server gave no token")?;
        let place = Place::new(self.args.ceremony.url(), token);
        place.write(&self.folder)?;
        Ok(place)
    }

    /// Downloads the key, contributes and submits, as far as an earlier run has not.
    fn take(&self, place: &mut Place, announced: &Announced, turn: &Value) -> Result<(), Error> {
        self.progress.line(&format!("turn until           {}", turn["until"].as_str().unwrap_or_default()));
        let (size, sha256) = described(&turn["key"])?;
        let (previous, contributed) = (self.path(PREVIOUS), self.path(CONTRIBUTED));
        if !place.has_contributed_to(&sha256) || !contributed.exists() {
            if !previous.exists() || Watched::open(&previous)?.digest(&previous)? != sha256 {
                let wanted = Wanted { name: KEY, size: Some(size), sha256 };
                self.progress.step("download the key", || {
                    self.args.ceremony.download(&self.client, &self.id, &wanted, &previous)
                })?;
            }
            // The list of now: it has the contributions of the key.
            let present = Announced::of(&self.client.ceremony(&self.id)?)?;
            announced.demand_same(&present)?;
            let mut key = open(&previous)?;
            present.demand_key(key.head()).map_err(in_file(&previous))?;
            let (name, text) = self.args.contributor.read()?;
            self.progress.measured("contribute", self.args.limits.options(), |options| {
                written(&contributed, |file| {
                    phase2::contribute(&mut key, BufWriter::new(file), name, text, &mut os_rng(), options)
                        .map_err(named(&previous, &contributed))
                })
            })?;
            place.contributed_to(sha256);
            place.write(&self.folder)?;
        }
        self.progress.step("send the key", || self.send(place))?;
        match self.client.submit_contribution(&self.id, place.token()) {
            // The answer to an earlier submission was lost.
            Err(error) if error.code() == Some("not_your_turn") => Ok(()),
            submitted => Ok(submitted.map(drop)?),
        }
    }

    /// Sends the missing parts of the key.
    fn send(&self, place: &Place) -> Result<(), Error> {
        let path = self.path(CONTRIBUTED);
        let digest = Watched::open(&path)?.digest(&path)?.to_string();
        let mut file = File::open(&path).map_err(in_file(&path))?;
        let size = file.metadata().map_err(in_file(&path))?.len();
        let upload = self.client.declare_contribution(&self.id, place.token(), size, &digest)?;
        let length = upload["partBytes"].as_u64().filter(|length| *length > 0).ok_or("no partBytes")?;
        for part in upload["missing"].as_array().into_iter().flatten().filter_map(Value::as_u64) {
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(part.saturating_mul(length))).map_err(in_file(&path))?;
            (&mut file).take(length).read_to_end(&mut bytes).map_err(in_file(&path))?;
            self.client.put_contribution_part(&self.id, place.token(), part, bytes)?;
        }
        Ok(())
    }

    /// The attestation of the accepted contribution: that of the key in the folder.
    fn attest(&self, announced: &Announced, accepted: &Value) -> Result<Attestation, Error> {
        let (previous, contributed) = (self.path(PREVIOUS), self.path(CONTRIBUTED));
        let digest = |path: &PathBuf| Watched::open(path)?.digest(path);
        let digests = [digest(&previous)?, digest(&contributed)?];
        let Announced { id, announced_at, rules, circuit, .. } = announced;
        let key = open(&contributed)?;
        let attestation =
            Attestation::new(id.clone(), *announced_at, rules.clone(), circuit.clone(), key.head(), digests)
                .ok_or("the key has no contribution")?;
        match accepted["hash"].as_str() == Some(&attestation.hash) {
            true => Ok(attestation),
            false => Err("the server accepted another contribution than the one in this folder".into()),
        }
    }

    /// Removes the keys and the place, which says that they are of this command.
    fn forget(&self) -> Result<(), Error> {
        for name in OWN.into_iter().chain([place::FILE]) {
            let path = self.path(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(in_file(&path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What the server says about a ceremony.
struct Announced {
    id: String,
    announced_at: Timestamp,
    rules: CeremonyRules,
    circuit: CeremonyCircuit,
    contributions: Vec<ReceivedContribution>,
}

impl Announced {
    fn of(ceremony: &Value) -> Result<Self, Error> {
        let failed = |error: serde_json::Error| format!("the answer is not that of a ceremony: {error}");
        if ceremony["circuit"].is_null() {
            return Err("the initial key is not ready: try again later".into());
        }
        Ok(Self {
            id: ceremony["ceremonyId"].as_str().ok_or("the server gave no ceremonyId")?.to_owned(),
            announced_at: serde_json::from_value(ceremony["announcedAt"].clone()).map_err(failed)?,
            rules: serde_json::from_value(ceremony["rules"].clone()).map_err(failed)?,
            circuit: serde_json::from_value(ceremony["circuit"].clone()).map_err(failed)?,
            contributions: serde_json::from_value(ceremony["contributions"].clone()).map_err(failed)?,
        })
    }

    fn demand_same(&self, later: &Self) -> Result<(), Error> {
        let of = |one: &Self| (one.id.clone(), one.announced_at, one.rules.clone(), one.circuit.clone());
        match of(self) == of(later) {
            true => Ok(()),
            false => Err("the server changed the announcement of the ceremony: do not contribute".into()),
        }
    }

    /// Checks that the key is the one of the announced circuit, with the contributions of the list.
    fn demand_key(&self, head: &KeyHead) -> Result<(), Error> {
        let hashes = head.contributions.iter().map(|one| hex::encode(phase2::contribution_hash(one)));
        match hex::encode(head.circuit_hash) == self.circuit.circuit_hash
            && hashes.eq(self.contributions.iter().map(|one| one.hash.clone()))
        {
            true => Ok(()),
            false => Err("not the key of this ceremony and its listed contributions".into()),
        }
    }
}

/// Why a place ended without a contribution.
fn ended(state: &str, error: &Value) -> Error {
    match state {
        "refused" => {
            let text = |name: &str| error[name].as_str().unwrap_or_default();
            format!("the contribution is refused: {} ({})", text("message"), text("code")).into()
        }
        "expired" => {
            "the turn is over, and the contribution was not submitted: run the command again to join again"
                .into()
        }
        "closed" => "the ceremony takes no contributions any more".into(),
        "left" => "the place was given back: run the command again to join again".into(),
        other => format!("the server gave an unknown state: {other:?}").into(),
    }
}
