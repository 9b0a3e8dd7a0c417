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

/// A new id. The last bits of its random part name its queue.
///
/// The last two bits are the number of one of the first four queues, as in the ids of earlier versions. Ids of the fifth
/// queue end with [`CEREMONY`], and no other new id does.
pub(super) fn id_in(queue: QueueName, now: Timestamp) -> JobId {
    let id = JobId::generate(now);
    let (rest, last) = id.as_str().split_at(id.as_str().len() - 4);
    let random = u16::from_str_radix(last, 16).unwrap_or(0);
    let last = match queue {
        QueueName::Ceremony => CEREMONY,
        queue => match random & !QUEUE_BITS | queue as u16 {
            CEREMONY => CEREMONY ^ (QUEUE_BITS + 1),
            last => last,
        },
    };
    format!("{rest}{last:04x}").parse().unwrap_or(id)
}

/// The queue of a job with this id, whether or not the job exists.
pub(super) fn queue_of(id: &JobId) -> QueueName {
    let last = id.as_str().get(id.as_str().len() - 4..).and_then(|last| u16::from_str_radix(last, 16).ok());
    match last.unwrap_or(0) {
        CEREMONY => QueueName::Ceremony,
        last => QueueName::ALL[usize::from(last & QUEUE_BITS)],
    }
}

const QUEUE_BITS: u16 = 3;

/// Last 16 bits of the ids of [`QueueName::Ceremony`]. Of the ids of earlier versions, one of 2^14 of the clean-up ends so.
const CEREMONY: u16 = 0xce63;

const _: () = assert!(
    QueueName::ALL.len() == QUEUE_BITS as usize + 2 && QueueName::Ceremony as u16 == QUEUE_BITS + 1,
    "every value of the bits must be a queue, and the ceremonies are the one besides"
);

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
}
