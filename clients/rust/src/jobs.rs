//! Calls of operators: jobs and queues.

use reqwest::Method;
use serde_json::{Value, json};

use crate::transport::Call;
use crate::{Client, ClientError};

impl Client {
    /// Lists the jobs of a queue in a state (`pending`, `failed` or `dead`), newest first, from a cursor on. Returns a page:
    /// `jobs`, and `nextCursor` if there are more.
    ///
    /// # Errors
    /// The queue, the state or the cursor is unknown, or the key may not operate.
    pub async fn jobs(&self, queue: &str, state: &str, cursor: Option<&str>) -> Result<Value, ClientError> {
        let mut path = format!("/v1/jobs?queue={queue}&state={state}&limit=200");
        if let Some(cursor) = cursor {
            path.push_str(&format!("&cursor={cursor}"));
        }
        Call::new(Method::GET, &path).succeed(self).await
    }

    /// Repeats failed jobs, at most 200. Returns the `results` in order, each with `subject` and `outcome`.
    ///
    /// # Errors
    /// The queue is unknown, or the key may not operate.
    pub async fn retry_jobs(&self, queue: &str, subjects: &[String]) -> Result<Value, ClientError> {
        let body = json!({"queue": queue, "subjects": subjects});
        Call::new(Method::POST, "/v1/jobs/retry").body(&body).succeed(self).await
    }

    /// Deletes the documents of failed jobs, at most 200. Returns the `results` in order, each with `subject` and `outcome`.
    ///
    /// # Errors
    /// The queue is unknown, or the key may not operate.
    pub async fn delete_jobs(&self, queue: &str, subjects: &[String]) -> Result<Value, ClientError> {
        let body = json!({"queue": queue, "subjects": subjects});
        Call::new(Method::POST, "/v1/jobs/delete").body(&body).succeed(self).await
    }

    /// Removes the dead letters of all queues that died before a time, such as `2027-01-01T00:00:00Z`. Returns their number as
    /// `removed`.
    ///
    /// # Errors
    /// It is not a time, or the key may not operate.
    pub async fn purge_jobs(&self, before: &str) -> Result<Value, ClientError> {
        Call::new(Method::POST, "/v1/jobs/purge").body(&json!({"before": before})).succeed(self).await
    }

    /// Removes dead letters of a queue: those of these subjects, at most 200, or all. Returns their number as `removed`.
    ///
    /// # Errors
    /// The queue is unknown, or the key may not operate.
    pub async fn remove_letters(
        &self,
        queue: &str,
        subjects: Option<&[String]>,
    ) -> Result<Value, ClientError> {
        let mut body = json!({"queue": queue});
        if let Some(subjects) = subjects {
            body["subjects"] = json!(subjects);
        }
        Call::new(Method::POST, "/v1/jobs/purge").body(&body).succeed(self).await
    }

    /// Pauses a queue: running jobs end, and no further one starts.
    ///
    /// # Errors
    /// The queue is unknown, or the key may not operate.
    pub async fn pause_queue(&self, queue: &str) -> Result<Value, ClientError> {
        Call::new(Method::POST, &format!("/v1/queues/{queue}/pause")).succeed(self).await
    }

    /// Resumes a queue.
    ///
    /// # Errors
    /// The queue is unknown, or the key may not operate.
    pub async fn resume_queue(&self, queue: &str) -> Result<Value, ClientError> {
        Call::new(Method::POST, &format!("/v1/queues/{queue}/resume")).succeed(self).await
    }

    /// The queues with the numbers of their jobs, workers, backends and limits.
    ///
    /// # Errors
    /// The key may not operate.
    pub async fn overview(&self) -> Result<Value, ClientError> {
        Call::new(Method::GET, "/v1/overview").succeed(self).await
    }
}
