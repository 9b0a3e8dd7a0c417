//! `pending → open`, again for every contribution, then `pending → completed`; `failed` if a key cannot be made.
//!
//! No timer runs: [`Ceremony::settle`] ends what is over by now, and is called before every other transition.

use std::time::Duration;

use crate::service::catalog::{
    Accepted, Ceremony, CeremonyResult, CeremonyStage, CeremonyStatus, CeremonyTask, Document, EndedPlace,
    Failure, Idempotency, InvalidTransition, Life, Place, PlaceEnd, Visibility,
};
use crate::service::ceremony::{
    CeremonyCircuit, CeremonyRecord, CeremonyRules, FORMAT, GivenBeacon, ReceivedContribution,
};
use crate::service::clock::Timestamp;
use crate::service::id::{CeremonyId, UploadId};
use crate::service::store::ArtifactMeta;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;
use zkflow_groth16::provenance::Provenance;

/// Largest number of contributions: a key with more than 256, the beacon included, is not judged by its head alone.
pub const MOST_CONTRIBUTIONS: usize = 250;
/// Largest number of contributors that wait at a time.
pub const MOST_PLACES: usize = 100;
/// Largest number of places without a contribution that one caller may have had.
pub const MOST_ATTEMPTS: usize = 3;
/// Places without a contribution that are remembered.
const REMEMBERED: usize = 256;
/// Time in which a contributor must take the turn.
const TO_TAKE: Duration = Duration::from_secs(120);

/// A contributor that asks for a place.
#[derive(Debug, Clone)]
pub struct Contributor {
    /// SHA-256 of the token.
    pub token: Digest,
    /// Digest of the caller's name; `None` without authentication.
    pub caller: Option<Digest>,
}

/// What a contributor's place is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// So many places are before it.
    Waiting(usize),
    /// It has the turn.
    Turn(&'a Place),
    /// Its contribution is being verified.
    Verifying,
    /// Its contribution is in the key.
    Accepted(&'a Accepted),
    /// It ended without a contribution.
    Ended(&'a EndedPlace),
}

/// A contributor gets no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    /// The ceremony takes no contributions now or any more.
    Closed,
    /// Too many contributors wait.
    Full,
    /// The caller has contributed.
    Contributed,
    /// The caller had too many places without a contribution.
    TooManyAttempts,
}

impl Ceremony {
    /// A pending ceremony of the default tenant.
    pub fn new(
        id: CeremonyId,
        circuit_id: CircuitId,
        rules: CeremonyRules,
        idempotency: Option<Idempotency>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            circuit_id,
            rules,
            life: Life::new(now),
            visibility: Visibility::default(),
            circuit: None,
            key: None,
            contributions: Vec::new(),
            places: Vec::new(),
            ended: Vec::new(),
            places_given: 0,
            free_since: None,
            spent_upload: None,
            beacon: None,
            result: None,
            idempotency,
        }
    }

    /// Whether contributions are taken at `now`, apart from the time that a worker needs.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.key.is_some()
            && !self.is_final()
            && self.beacon.is_none()
            && now < self.rules.deadline
            && self.contributions.len() < MOST_CONTRIBUTIONS
    }

    /// Ends the places whose time is over, and gives the turn to the next one. Returns whether something changed.
    ///
    /// A place that is being verified does not end.
    pub fn settle(&mut self, now: Timestamp) -> bool {
        if self.is_verifying() {
            return false;
        }
        let mut changed = false;
        if !self.places.is_empty() && self.key.is_some() && !self.is_open(now) {
            for place in std::mem::take(&mut self.places) {
                self.end_place(place, PlaceEnd::Closed, None, now);
            }
            return true;
        }
        while let Some(first) = self.places.first_mut() {
            let free = self.free_since.map_or(first.joined_at, |free| free.max(first.joined_at));
            let until = *first.until.get_or_insert_with(|| {
                changed = true;
                (free + TO_TAKE).min(self.rules.deadline)
            });
            if now < until {
                break;
            }
            let place = self.places.remove(0);
            self.free_since = Some(until);
            self.end_place(place, PlaceEnd::Expired, None, until);
            changed = true;
        }
        changed
    }

    /// Gives a place to a contributor; returns its number. A caller that has a place keeps it, with the new token.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub fn join(&mut self, contributor: Contributor, now: Timestamp) -> Result<u32, NoPlace> {
        self.settle(now);
        if !self.is_open(now) {
            return Err(NoPlace::Closed);
        }
        let Contributor { token, caller } = contributor;
        if let Some(caller) = &caller {
            let is_own = |other: &Option<Digest>| other.as_ref() == Some(caller);
            if self.contributions.iter().any(|one| is_own(&one.caller)) {
                return Err(NoPlace::Contributed);
            }
            if let Some(place) = self.places.iter_mut().find(|place| is_own(&place.caller)) {
                place.token = token;
                return Ok(place.number);
            }
            if self.ended.iter().filter(|place| is_own(&place.caller)).count() >= MOST_ATTEMPTS {
                return Err(NoPlace::TooManyAttempts);
            }
        }
        if self.places.len() >= MOST_PLACES {
            return Err(NoPlace::Full);
        }
        self.places_given += 1;
        let number = self.places_given;
        self.places.push(Place {
            number,
            token,
            caller,
            joined_at: now,
            until: None,
            taken: false,
            upload: None,
            submitted_at: None,
        });
        self.settle(now);
        Ok(number)
    }

    /// What became of the place with this token; `None` if there is none, or it is forgotten.
    pub fn standing(&self, token: &Digest) -> Option<Standing<'_>> {
        if let Some(position) = self.places.iter().position(|place| place.token == *token) {
            let place = &self.places[position];
            return Some(match position {
                0 if place.submitted_at.is_some() => Standing::Verifying,
                0 if place.until.is_some() && !self.is_verifying() => Standing::Turn(place),
                _ => Standing::Waiting(position),
            });
        }
        if let Some(one) = self.contributions.iter().find(|one| one.token == *token) {
            return Some(Standing::Accepted(one));
        }
        self.ended.iter().find(|place| place.token == *token).map(Standing::Ended)
    }

    /// The contributor with this token takes the turn, if it is due. Returns whether something changed.
    pub fn take_turn(&mut self, token: &Digest, now: Timestamp) -> bool {
        let changed = self.settle(now);
        let end = (now + Duration::from_secs(self.rules.turn_seconds)).min(self.rules.deadline);
        match self.places.first_mut() {
            Some(first) if first.token == *token && first.until.is_some() && !first.taken => {
                first.taken = true;
                first.until = Some(end);
                true
            }
            _ => changed,
        }
    }

    /// The contributor with this token leaves. A contribution that is being verified stays.
    pub fn leave(&mut self, token: &Digest, now: Timestamp) {
        self.settle(now);
        let waits = |place: &Place| place.token == *token && place.submitted_at.is_none();
        if let Some(position) = self.places.iter().position(waits) {
            let place = self.places.remove(position);
            if position == 0 {
                self.free_since = Some(now);
            }
            self.end_place(place, PlaceEnd::Left, None, now);
            self.settle(now);
        }
    }

    /// Records the upload of the contributor that has the turn. The previous one is spent.
    pub fn attach(&mut self, upload: UploadId, now: Timestamp) {
        if let Some(first) = self.places.first_mut() {
            let spent = first.upload.replace(upload);
            if spent.is_some() {
                self.spent_upload = spent;
            }
            self.life.updated_at = now;
        }
    }

    /// Hands the contribution of the present turn to a worker.
    ///
    /// # Errors
    /// The ceremony is not open, or there is no turn.
    pub fn submit(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        self.require_open()?;
        let Some(first) = self.places.first_mut().filter(|first| first.taken) else {
            return Err(InvalidTransition::of(self));
        };
        first.submitted_at = Some(now);
        self.life.restart(now);
        Ok(())
    }

    /// Opens the ceremony with its initial key.
    ///
    /// # Errors
    /// The ceremony is final.
    pub fn prepared(
        &mut self,
        circuit: CeremonyCircuit,
        key: ArtifactMeta,
        spent: Duration,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.owed()?.complete(CeremonyStatus::Open, spent, now);
        (self.circuit, self.key) = (Some(circuit), Some(key));
        Ok(())
    }

    /// Accepts the contribution that was verified: `key` contains it.
    ///
    /// # Errors
    /// No contribution is being verified.
    pub fn accept(
        &mut self,
        contribution: ReceivedContribution,
        key: ArtifactMeta,
        spent: Duration,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        let Place { number, token, caller, upload, .. } = self.verified()?;
        self.life.complete(CeremonyStatus::Open, spent, now);
        self.contributions.push(Accepted { contribution, place: number, token, caller });
        self.key = Some(key);
        (self.free_since, self.spent_upload) = (Some(now), upload);
        self.settle(now);
        Ok(())
    }

    /// Refuses the contribution that was verified.
    ///
    /// # Errors
    /// No contribution is being verified.
    pub fn refuse(&mut self, error: Failure, now: Timestamp) -> Result<(), InvalidTransition> {
        let place = self.verified()?;
        self.life.complete(CeremonyStatus::Open, Duration::ZERO, now);
        (self.free_since, self.spent_upload) = (Some(now), place.upload.clone());
        self.end_place(place, PlaceEnd::Refused, Some(error), now);
        self.settle(now);
        Ok(())
    }

    /// Hands the end of the ceremony to a worker. A failed end is tried again.
    ///
    /// # Errors
    /// The ceremony is neither open, nor failed with this value.
    pub fn end(&mut self, beacon: GivenBeacon, now: Timestamp) -> Result<(), InvalidTransition> {
        let again = self.life.status == CeremonyStatus::Failed
            && self.beacon.as_ref().is_some_and(|given| given.value == beacon.value);
        if !again {
            self.require_open()?;
            self.beacon = Some(beacon);
        }
        self.life.restart(now);
        Ok(())
    }

    /// The record of the ceremony; `None` if it has no initial key or no beacon.
    pub fn record(&self, zkey: Digest, provenance: Provenance) -> Option<CeremonyRecord> {
        Some(CeremonyRecord {
            format: FORMAT,
            program: concat!("zkflow ", env!("CARGO_PKG_VERSION")).to_owned(),
            ceremony: self.id.to_string(),
            announced_at: self.life.created_at,
            rules: self.rules.clone(),
            circuit: self.circuit.clone()?,
            contributions: self.contributions.iter().map(|one| one.contribution.clone()).collect(),
            beacon: self.beacon.clone()?,
            zkey,
            provenance,
        })
    }

    /// Completes the ceremony with its final key.
    ///
    /// # Errors
    /// The ceremony is final.
    pub fn complete(
        &mut self,
        key: ArtifactMeta,
        result: CeremonyResult,
        spent: Duration,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.owed()?.complete(CeremonyStatus::Completed, spent, now);
        (self.key, self.result) = (Some(key), Some(result));
        Ok(())
    }

    /// Nothing is left to do for a worker: its job was late.
    ///
    /// # Errors
    /// The ceremony is final.
    pub fn rest(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        let life = self.owed()?;
        (life.status, life.stage, life.updated_at) = (CeremonyStatus::Open, CeremonyStage::Done, now);
        Ok(())
    }

    fn is_verifying(&self) -> bool {
        self.places.first().is_some_and(|first| first.submitted_at.is_some())
    }

    /// Removes the place whose contribution was verified.
    fn verified(&mut self) -> Result<Place, InvalidTransition> {
        match self.task() {
            Some(CeremonyTask::Verify) => Ok(self.places.remove(0)),
            _ => Err(InvalidTransition::of(self)),
        }
    }

    fn require_open(&self) -> Result<(), InvalidTransition> {
        match self.life.status {
            CeremonyStatus::Open => Ok(()),
            _ => Err(InvalidTransition::of(self)),
        }
    }

    fn end_place(&mut self, place: Place, end: PlaceEnd, error: Option<Failure>, at: Timestamp) {
        let Place { number, token, caller, taken, upload, .. } = place;
        if upload.is_some() {
            self.spent_upload = upload;
        }
        self.ended.push(EndedPlace { number, token, caller, end, taken, error, at });
        let surplus = self.ended.len().saturating_sub(REMEMBERED);
        self.ended.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ceremony::AnnouncedBeacon;
    use crate::service::store::ArtifactPath;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn contributor(name: &str) -> Contributor {
        Contributor { token: Digest::of(name), caller: Some(Digest::of(format!("caller {name}"))) }
    }

    fn key(content: &str) -> ArtifactMeta {
        let sha256 = Digest::of(content);
        ArtifactMeta { key: ArtifactPath::Probe.key(), size: 1, sha256 }
    }

    fn failure() -> Failure {
        Failure { code: "malformed_file".to_owned(), message: "no key".to_owned() }
    }

    fn open() -> Ceremony {
        let beacon = AnnouncedBeacon { source: "round 7".to_owned(), exponent: 10, at: at(2_000) };
        let rules = CeremonyRules { min_contributions: 1, deadline: at(2_000), turn_seconds: 300, beacon };
        let circuit = CircuitId::from_hash(&Digest::of("c"));
        let mut ceremony = Ceremony::new(CeremonyId::generate(at(0)), circuit, rules, None, at(0));
        assert_eq!(ceremony.join(contributor("early"), at(0)), Err(NoPlace::Closed), "there is no key yet");
        assert_eq!(ceremony.task(), Some(CeremonyTask::Prepare));
        let circuit = CeremonyCircuit {
            r1cs: Digest::of("r1cs"),
            circuit_hash: "00".to_owned(),
            powers: "01".to_owned(),
            powers_origin: "a file".to_owned(),
        };
        ceremony.prepared(circuit, key("0"), Duration::ZERO, at(0)).unwrap();
        assert_eq!((ceremony.life.status, ceremony.task()), (CeremonyStatus::Open, None));
        ceremony
    }

    fn received(number: u32, seconds: i64) -> ReceivedContribution {
        let zkey = Digest::of(number.to_string());
        ReceivedContribution { number, name: None, hash: "ab".to_owned(), zkey, received_at: at(seconds) }
    }

    /// The contributor takes the turn and submits; the contribution is accepted.
    fn contribute(ceremony: &mut Ceremony, name: &str, seconds: i64) {
        assert!(ceremony.take_turn(&Digest::of(name), at(seconds)));
        ceremony.submit(at(seconds)).unwrap();
        let number = ceremony.contributions.len() as u32 + 1;
        ceremony.accept(received(number, seconds), key(name), Duration::ZERO, at(seconds + 1)).unwrap();
    }

    #[test]
    fn contributors_take_turns_in_their_order() {
        let mut ceremony = open();
        for name in ["ann", "ben", "cleo"] {
            ceremony.join(contributor(name), at(10)).unwrap();
        }
        let standing = |ceremony: &Ceremony, name: &str| match ceremony.standing(&Digest::of(name)).unwrap() {
            Standing::Waiting(before) => format!("waits behind {before}"),
            Standing::Turn(place) => format!("turn until {}", place.until.unwrap().as_millis() / 1000),
            Standing::Verifying => "verifying".to_owned(),
            Standing::Accepted(one) => format!("contribution {}", one.contribution.number),
            Standing::Ended(place) => format!("{:?}", place.end),
        };
        assert_eq!(standing(&ceremony, "ann"), "turn until 130", "the turn must be taken");
        assert_eq!(standing(&ceremony, "cleo"), "waits behind 2");
        assert!(!ceremony.take_turn(&Digest::of("ben"), at(20)), "it is not ben's turn");
        assert!(ceremony.take_turn(&Digest::of("ann"), at(20)));
        assert_eq!(standing(&ceremony, "ann"), "turn until 320");
        assert!(!ceremony.take_turn(&Digest::of("ann"), at(200)), "a turn is not prolonged");
        ceremony.submit(at(300)).unwrap();
        assert_eq!(
            (standing(&ceremony, "ann").as_str(), ceremony.task()),
            ("verifying", Some(CeremonyTask::Verify))
        );
        assert!(!ceremony.settle(at(5_000)), "what is being verified does not expire");
        assert_eq!(standing(&ceremony, "ben"), "waits behind 1");
        ceremony.accept(received(1, 300), key("1"), Duration::ZERO, at(400)).unwrap();
        assert_eq!(standing(&ceremony, "ann"), "contribution 1");
        assert_eq!(standing(&ceremony, "ben"), "turn until 520");
        assert_eq!(ceremony.standing(&Digest::of("unknown")), None);
    }

    #[test]
    fn no_contributor_blocks_the_queue() {
        let mut ceremony = open();
        for name in ["absent", "slow", "rubbish", "ann"] {
            ceremony.join(contributor(name), at(0)).unwrap();
        }
        // Does not take the turn; takes it and does not contribute; is refused.
        assert!(ceremony.take_turn(&Digest::of("slow"), at(130)));
        assert!(ceremony.take_turn(&Digest::of("rubbish"), at(440)));
        let upload = UploadId::generate(at(440));
        ceremony.attach(upload.clone(), at(440));
        ceremony.submit(at(450)).unwrap();
        // Also when the job dies, and the reconciler fails the document.
        ceremony.fail(failure(), at(460)).unwrap();
        assert_eq!(
            (ceremony.life.status, ceremony.spent_upload.as_ref()),
            (CeremonyStatus::Open, Some(&upload))
        );
        contribute(&mut ceremony, "ann", 470);
        let ends: Vec<_> = ceremony.ended.iter().map(|place| (place.end, place.taken)).collect();
        assert_eq!(ends, [(PlaceEnd::Expired, false), (PlaceEnd::Expired, true), (PlaceEnd::Refused, true)]);
        assert_eq!(ceremony.ended[2].error, Some(failure()));
        assert!(ceremony.places.is_empty() && ceremony.contributions.len() == 1);
    }

    #[test]
    fn a_caller_has_one_place_one_contribution_and_few_attempts() {
        let mut ceremony = open();
        assert_eq!(ceremony.join(contributor("ann"), at(0)), Ok(1));
        // The token was lost: the place stays, and the old token is void.
        let again = Contributor { token: Digest::of("new"), ..contributor("ann") };
        assert_eq!(ceremony.join(again, at(1)), Ok(1));
        assert_eq!(ceremony.standing(&Digest::of("ann")), None);
        contribute(&mut ceremony, "new", 2);
        assert_eq!(ceremony.join(contributor("ann"), at(4)), Err(NoPlace::Contributed));
        for _ in 0..MOST_ATTEMPTS {
            ceremony.join(contributor("ben"), at(5)).unwrap();
            ceremony.leave(&Digest::of("ben"), at(6));
        }
        assert_eq!(ceremony.join(contributor("ben"), at(7)), Err(NoPlace::TooManyAttempts));
        let stranger = |number: usize| Contributor { token: Digest::of(number.to_string()), caller: None };
        for number in 0..MOST_PLACES {
            ceremony.join(stranger(number), at(8)).unwrap();
        }
        assert_eq!(ceremony.join(stranger(MOST_PLACES), at(8)), Err(NoPlace::Full));
        // However many come and go, the document stays small.
        for number in 0..3 * REMEMBERED {
            ceremony.leave(&Digest::of(number.to_string()), at(9));
            ceremony.join(stranger(number + MOST_PLACES), at(9)).unwrap();
        }
        assert!(ceremony.ended.len() == REMEMBERED && ceremony.places.len() == MOST_PLACES);
    }

    #[test]
    fn the_deadline_closes_and_the_value_is_given_once() {
        let mut ceremony = open();
        for name in ["ann", "ben"] {
            ceremony.join(contributor(name), at(1_900)).unwrap();
        }
        assert!(ceremony.take_turn(&Digest::of("ann"), at(1_900)));
        assert_eq!(ceremony.places[0].until, Some(at(2_000)), "no turn lasts beyond the deadline");
        ceremony.submit(at(1_999)).unwrap();
        ceremony.accept(received(1, 1_999), key("1"), Duration::ZERO, at(2_050)).unwrap();
        assert_eq!(ceremony.ended[0].end, PlaceEnd::Closed);
        assert_eq!(ceremony.join(contributor("cleo"), at(2_000)), Err(NoPlace::Closed));
        let beacon = |value: &str| GivenBeacon { value: value.to_owned(), given_at: at(2_100) };
        ceremony.end(beacon("aa"), at(2_100)).unwrap();
        assert_eq!(ceremony.task(), Some(CeremonyTask::Finish));
        assert!(ceremony.end(beacon("bb"), at(2_100)).is_err(), "the value is given");
        ceremony.fail(failure(), at(2_200)).unwrap();
        assert!(ceremony.end(beacon("bb"), at(2_300)).is_err(), "another value after a failure");
        ceremony.end(beacon("aa"), at(2_300)).unwrap();
        let record = ceremony.record(Digest::of("final"), Provenance::SingleOperator).unwrap();
        let parsed = CeremonyRecord::from_json(record.to_json().as_bytes()).unwrap();
        assert_eq!(parsed, record);
        let result = CeremonyResult {
            provenance: Provenance::SingleOperator,
            record: key("record"),
            circuit_id: None,
            problem: Some(failure()),
        };
        ceremony.complete(key("final"), result, Duration::ZERO, at(2_400)).unwrap();
        assert!(ceremony.is_final() && ceremony.task().is_none());
        assert!(ceremony.end(beacon("aa"), at(2_500)).is_err() && ceremony.submit(at(2_500)).is_err());
    }
}
