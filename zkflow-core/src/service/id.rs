//! Ids of documents, jobs and users, each parsed once.

use uuid::Uuid;
use zkflow_groth16::name;

use super::clock::Timestamp;

name!(
    /// Id of a proof request: a UUID of version 7, so ids sort by creation time.
    ProofId,
    "proof id",
    "a lower-case hyphenated UUID",
    is_uuid
);

name!(
    /// Id of a deployment: a UUID of version 7, so ids sort by creation time.
    DeploymentId,
    "deployment id",
    "a lower-case hyphenated UUID",
    is_uuid
);

name!(
    /// Id of the delivery of an event: a UUID of version 7, so ids sort by creation time.
    DeliveryId,
    "delivery id",
    "a lower-case hyphenated UUID",
    is_uuid
);

name!(
    /// Id of a job: a UUID of version 7.
    JobId,
    "job id",
    "a lower-case hyphenated UUID",
    is_uuid
);

name!(
    /// Id of an installation: a UUID of version 7. The catalog and the artifact store both contain it, which shows that
    /// they belong together.
    InstallationId,
    "installation id",
    "a lower-case hyphenated UUID",
    is_uuid
);

name!(
    /// Id of an upload: a UUID of version 7, so ids sort by creation time.
    UploadId,
    "upload id",
    "a lower-case hyphenated UUID",
    is_uuid
);

name!(
    /// Id of a ceremony: a UUID of version 7, so ids sort by creation time.
    CeremonyId,
    "ceremony id",
    "a lower-case hyphenated UUID",
    is_uuid
);

name!(
    /// Id of a key of the API: a UUID of version 7, so ids sort by creation time.
    KeyId,
    "key id",
    "a lower-case hyphenated UUID",
    is_uuid
);

name!(
    /// Id of a process that runs jobs: a UUID of version 7, so ids sort by the start of the processes.
    WorkerId,
    "worker id",
    "a lower-case hyphenated UUID",
    is_uuid
);

name!(
    /// Id of the user that a request is attributed to: 1 to 128 visible ASCII characters.
    UserId,
    "user id",
    "1 to 128 visible ASCII characters",
    |text| (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
);

name!(
    /// Id of a document of the Node service: 24 lower-case hex digits, as MongoDB makes them.
    ObjectId,
    "id of the Node service",
    "24 lower-case hex digits",
    |text| text.len() == 24 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);

name!(
    /// Id of a key that private inputs are sealed with: 16 lower-case hex digits, which do not reveal the key.
    SealKeyId,
    "id of a sealing key",
    "16 lower-case hex digits",
    |text| text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);

impl SealKeyId {
    /// The id with these bytes.
    pub fn of_bytes(bytes: [u8; 8]) -> Self {
        Self(format!("{:016x}", u64::from_be_bytes(bytes)))
    }
}

impl ObjectId {
    /// When it was generated: the first 32 bits are seconds.
    pub fn created_at(&self) -> Timestamp {
        let seconds = u32::from_str_radix(&self.0[..8], 16).unwrap_or(0);
        Timestamp::from_millis(i64::from(seconds) * 1000)
    }
}

impl ProofId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
    }

    /// The id of an imported proof request of the Node service: its time, and all other bits of `id`. Different ids give
    /// different ones.
    pub fn of_object(id: &ObjectId) -> Self {
        let rest = u64::from_str_radix(&id.as_str()[8..], 16).unwrap_or(0).to_be_bytes();
        // Ten bytes, of which the version and the variant replace six bits: in the first byte, and in the third one.
        let [a, b, c, d, e, f, g, h] = rest;
        let bytes = [b'n', a, 0, b, c, d, e, f, g, h];
        let millis = u64::try_from(id.created_at().as_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().to_string())
    }

    /// When it was generated.
    pub fn created_at(&self) -> Timestamp {
        time_of_uuid(&self.0)
    }
}

impl DeploymentId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
    }

    /// When it was generated.
    pub fn created_at(&self) -> Timestamp {
        time_of_uuid(&self.0)
    }
}

impl DeliveryId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
    }
}

impl UploadId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
    }

    /// When it was generated.
    pub fn created_at(&self) -> Timestamp {
        time_of_uuid(&self.0)
    }
}

impl CeremonyId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
    }

    /// When it was generated.
    pub fn created_at(&self) -> Timestamp {
        time_of_uuid(&self.0)
    }
}

impl InstallationId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
    }
}

impl KeyId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
    }

    /// Name of a caller with this key: `key:ID`.
    pub fn caller(&self) -> String {
        format!("key:{self}")
    }
}

impl WorkerId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
    }
}

impl JobId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
    }
}

/// Time of generation: the first 48 bits of a version 7 UUID are milliseconds. Other versions give the epoch.
fn time_of_uuid(text: &str) -> Timestamp {
    let millis = Uuid::parse_str(text)
        .ok()
        .filter(|uuid| uuid.get_version_num() == 7)
        .map_or(0, |uuid| (uuid.as_u128() >> 80) as i64);
    Timestamp::from_millis(millis)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && !text.contains(|c: char| c.is_ascii_uppercase()) && Uuid::parse_str(text).is_ok()
}

fn time_ordered_uuid(now: Timestamp) -> String {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    let mut random = [0; 10];
    getrandom::fill(&mut random).expect("the operating system's random generator failed");
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_node_service_gives_one_proof_id() {
        let ids = ["65f1a2b3c4d5e6f708192a3b", "65f1a2b3c4d5e6f708192a3c", "65f1a2b344d5e6f708192a3b"];
        let proofs = ids.map(|id| ProofId::of_object(&id.parse().unwrap()));
        assert_eq!(proofs[0], ProofId::of_object(&ids[0].parse().unwrap()));
        assert_eq!(proofs[0].as_str().parse(), Ok(proofs[0].clone()));
        assert_eq!(proofs[0].created_at(), Timestamp::from_millis(0x65f1_a2b3 * 1000));
        assert!(proofs[0] != proofs[1] && proofs[0] != proofs[2], "{proofs:?}");
        // Every bit but those of the time is a bit of the id.
        for bit in 0..64 {
            let other = format!("65f1a2b3{:016x}", 0xc4d5_e6f7_0819_2a3b_u64 ^ (1 << bit));
            assert_ne!(ProofId::of_object(&other.parse().unwrap()), proofs[0], "bit {bit}");
        }
        for text in
            ["", "65F1A2B3C4D5E6F708192A3B", "65f1a2b3c4d5e6f708192a3", "65f1a2b3c4d5e6f708192a3bb", "ä"]
        {
            assert!(text.parse::<ObjectId>().is_err(), "{text}");
        }
    }

    #[test]
    fn ids_sort_by_time_and_survive_their_text() {
        let early = ProofId::generate(Timestamp::from_millis(1_000));
        let late = ProofId::generate(Timestamp::from_millis(2_000));
        assert!(early < late);
        assert_eq!(late.created_at(), Timestamp::from_millis(2_000));
        assert_eq!(early.as_str().parse(), Ok(early.clone()));
    }
}
