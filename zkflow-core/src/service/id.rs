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
    /// Id of a key of the API: a UUID of version 7, so ids sort by creation time.
    KeyId,
    "key id",
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

impl ProofId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
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
    fn ids_sort_by_time_and_survive_their_text() {
        let early = ProofId::generate(Timestamp::from_millis(1_000));
        let late = ProofId::generate(Timestamp::from_millis(2_000));
        assert!(early < late);
        assert_eq!(late.created_at(), Timestamp::from_millis(2_000));
        assert_eq!(early.as_str().parse(), Ok(early.clone()));
    }
}
