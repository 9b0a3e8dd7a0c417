//! JSON form of a job, and the queue number in its id.

use redis::{FromRedisValue, Value};
use serde::Deserialize;
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::{JobId, UserId};
use zkflow_core::service::queue::{Job, JobState, Lease, LeaseToken, QueueError, QueueName};

/// A job as the scripts store it; moments are texts.
#[derive(Deserialize)]
pub(super) struct Record {
    id: JobId,
    subject: String,
    user: Option<UserId>,
    priority: i32,
    attempt: u32,
    max_attempts: u32,
    #[serde(deserialize_with = "moment")]
    created: Timestamp,
    #[serde(deserialize_with = "moment")]
    run_at: Timestamp,
    #[serde(default, deserialize_with = "optional_moment")]
    ends: Option<Timestamp>,
    state: State,
    nonce: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Waiting,
    Leased,
    Dead,
}

impl Record {
    /// Parses the JSON of a job that a script returned.
    pub(super) fn read(value: Value) -> Result<Self, QueueError> {
        let text: String = get(value)?;
        serde_json::from_str(&text).map_err(|error| QueueError::backend("reading a job", error))
    }

    /// The job; `queue` is not part of the record.
    pub(super) fn into_job(self, queue: QueueName) -> Job {
        let ends = self.ends.unwrap_or(self.run_at);
        Job {
            id: self.id,
            queue,
            subject: self.subject,
            user_id: self.user,
            priority: self.priority,
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            created_at: self.created,
            run_at: self.run_at,
            state: match self.state {
                State::Waiting => JobState::Waiting,
                State::Leased => JobState::Leased { until: ends },
                State::Dead => JobState::Dead { at: ends },
            },
            last_error: self.error,
        }
    }

    /// The lease of a job in state [`State::Leased`].
    pub(super) fn into_lease(mut self, queue: QueueName) -> Lease {
        let nonce = self.nonce.take().unwrap_or_default();
        let until = self.ends.unwrap_or(self.run_at);
        let job = self.into_job(queue);
        Lease { token: LeaseToken { job: job.id.clone(), nonce }, job, until }
    }
}

/// Converts the answer of a script.
pub(super) fn get<T: FromRedisValue>(value: Value) -> Result<T, QueueError> {
    redis::from_redis_value(value).map_err(|error| QueueError::backend("reading an answer of Redis", error))
}

/// Parses a moment from a script: milliseconds since the epoch, as text.
pub(super) fn read_moment(text: &str) -> Result<Timestamp, QueueError> {
    text.parse()
        .map(Timestamp::from_millis)
        .map_err(|error| QueueError::backend("reading an answer of Redis", error))
}

fn moment<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Timestamp::from_millis).map_err(serde::de::Error::custom)
}

fn optional_moment<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    moment(deserializer).map(Some)
}

/// A new id, which contains the number of its queue: the last two bits of the random part, and the version of the UUID for
/// the rest, from 7. Ids of the first four queues, which are older than the others, are of version 7.
pub(super) fn id_in(queue: QueueName, now: Timestamp) -> JobId {
    let id = JobId::generate(now);
    let number = queue as u32;
    let digit = digit_at(&id, LAST) & !QUEUE_BITS | number & QUEUE_BITS;
    let version = FIRST_VERSION + number / (QUEUE_BITS + 1);
    let text = id.as_str();
    let (begin, middle) = (&text[..VERSION], &text[VERSION + 1..LAST]);
    format!("{begin}{version:x}{middle}{digit:x}").parse().unwrap_or(id)
}

/// The queue of a job with this id, whether or not the job exists.
pub(super) fn queue_of(id: &JobId) -> QueueName {
    let rest = digit_at(id, VERSION).saturating_sub(FIRST_VERSION) * (QUEUE_BITS + 1);
    let number = rest + (digit_at(id, LAST) & QUEUE_BITS);
    // A foreign id has no job, in whatever queue.
    QueueName::ALL.get(number as usize).copied().unwrap_or(QueueName::Cleanup)
}

fn digit_at(id: &JobId, place: usize) -> u32 {
    id.as_str().chars().nth(place).and_then(|digit| digit.to_digit(16)).unwrap_or(0)
}

const QUEUE_BITS: u32 = 3;
/// Place of the version in the text of a UUID.
const VERSION: usize = 14;
/// Place of the last digit.
const LAST: usize = 35;
/// Version of the ids of the first four queues.
const FIRST_VERSION: u32 = 7;

const _: () = assert!(QueueName::ALL.len() <= 8, "the version of a UUID is 7 or 8");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_queue() {
        for queue in QueueName::ALL {
            for _ in 0..50 {
                assert_eq!(queue_of(&id_in(queue, Timestamp::from_millis(1))), queue);
            }
        }
    }

    #[test]
    fn ids_of_earlier_versions_and_foreign_ids_have_a_queue() {
        for (last, queue) in ["4", "9", "e", "3"].into_iter().zip(QueueName::ALL) {
            let id = format!("01890a5d-ac96-774b-bcce-b302099a805{last}").parse().unwrap();
            assert_eq!(queue_of(&id), queue);
        }
        for id in ["ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000000"] {
            let _ = queue_of(&id.parse().unwrap());
        }
    }
}
