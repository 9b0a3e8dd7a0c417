//! Calls of operators: jobs and queues. Changes of jobs are sent once: if the answer is lost, a repetition could change others.

use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::paths::{Page, segment, with_query};
use crate::transport::Call;
use crate::{Client, ClientError};

/// Conditions on jobs. The default is every failed job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobFilter {
    /// `pending`, `failed` or `dead`.
    pub state: String,
    /// Only jobs whose document has failed with this code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Only jobs of documents of this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Only jobs with this text in their subject, tenant, stage or error, in upper or lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub containing: Option<String>,
    /// Only jobs whose document was made before this time, such as `2027-01-01T00:00:00Z`; dead letters that died before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

impl Default for JobFilter {
    fn default() -> Self {
        let state = "failed".to_owned();
        Self { state, error_code: None, tenant: None, containing: None, before: None }
    }
}

impl JobFilter {
    /// The body of a call that changes the jobs of `queue` that match, from a cursor on.
    fn body(&self, queue: &str, cursor: Option<&str>) -> Value {
        let mut matching = json!(self);
        if let Some(cursor) = cursor {
            matching["cursor"] = json!(cursor);
        }
        json!({"queue": queue, "matching": matching})
    }

    /// The path of the list of the jobs of `queue` that match, from a cursor on.
    fn path(&self, queue: &str, cursor: Option<&str>) -> String {
        let given = [
            ("queue", &Some(queue.to_owned())),
            ("state", &Some(self.state.clone())),
            ("errorCode", &self.error_code),
            ("tenant", &self.tenant),
            ("containing", &self.containing),
            ("before", &self.before),
        ];
        with_query("/v1/jobs", &given, &Page { limit: Some(200), cursor: cursor.map(str::to_owned) })
    }
}

impl Client {
    /// Lists the jobs of a queue that match, newest first, from a cursor on. Returns a page: `jobs`, and `nextCursor` if there
    /// are more. A page may have fewer jobs than the next one.
    ///
    /// # Errors
    /// The queue, a condition or the cursor is unknown, or the key may not operate.
    pub async fn jobs(
        &self,
        queue: &str,
        filter: &JobFilter,
        cursor: Option<&str>,
    ) -> Result<Value, ClientError> {
        Call::new(Method::GET, &filter.path(queue, cursor)).succeed(self).await
    }

    /// Repeats the jobs of a queue that match, at most 200, newest first, from a cursor on. Returns the `results` in order, each
    /// with `subject` and `outcome`, the number `retried`, and `nextCursor` if more jobs match.
    ///
    /// # Errors
    /// The queue, a condition or the cursor is unknown, or the key may not operate.
    pub async fn retry_matching_jobs(
        &self,
        queue: &str,
        filter: &JobFilter,
        cursor: Option<&str>,
    ) -> Result<Value, ClientError> {
        self.change_matching_jobs("/v1/jobs/retry", queue, filter, cursor).await
    }

    /// Deletes the documents of the failed jobs of a queue that match, at most 200, newest first, from a cursor on. Returns the
    /// `results` in order, each with `subject` and `outcome`, the number `deleted`, and `nextCursor` if more jobs match.
    ///
    /// # Errors
    /// The queue, a condition or the cursor is unknown, or the key may not operate.
    pub async fn delete_matching_jobs(
        &self,
        queue: &str,
        filter: &JobFilter,
        cursor: Option<&str>,
    ) -> Result<Value, ClientError> {
        self.change_matching_jobs("/v1/jobs/delete", queue, filter, cursor).await
    }

    async fn change_matching_jobs(
        &self,
        path: &str,
        queue: &str,
        filter: &JobFilter,
        cursor: Option<&str>,
    ) -> Result<Value, ClientError> {
        Call::new(Method::POST, path).body(&filter.body(queue, cursor)).once(self).await
    }

    /// Repeats failed jobs, at most 200. Returns the `results` in order, each with `subject` and `outcome`.
    ///
    /// # Errors
    /// The queue is unknown, or the key may not operate.
    pub async fn retry_jobs(&self, queue: &str, subjects: &[String]) -> Result<Value, ClientError> {
        let body = json!({"queue": queue, "subjects": subjects});
        Call::new(Method::POST, "/v1/jobs/retry").body(&body).once(self).await
    }

    /// Deletes the documents of failed jobs, at most 200. Returns the `results` in order, each with `subject` and `outcome`.
    ///
    /// # Errors
    /// The queue is unknown, or the key may not operate.
    pub async fn delete_jobs(&self, queue: &str, subjects: &[String]) -> Result<Value, ClientError> {
        let body = json!({"queue": queue, "subjects": subjects});
        Call::new(Method::POST, "/v1/jobs/delete").body(&body).once(self).await
    }

    /// Removes the dead letters of all queues that died before a time, such as `2027-01-01T00:00:00Z`. Returns their number as
    /// `removed`.
    ///
    /// # Errors
    /// It is not a time, or the key may not operate.
    pub async fn purge_jobs(&self, before: &str) -> Result<Value, ClientError> {
        Call::new(Method::POST, "/v1/jobs/purge").body(&json!({"before": before})).once(self).await
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
        Call::new(Method::POST, "/v1/jobs/purge").body(&body).once(self).await
    }

    /// Pauses a queue: running jobs end, and no further one starts.
    ///
    /// # Errors
    /// The queue is unknown, or the key may not operate.
    pub async fn pause_queue(&self, queue: &str) -> Result<Value, ClientError> {
        Call::new(Method::POST, &format!("/v1/queues/{}/pause", segment(queue))).succeed(self).await
    }

    /// Resumes a queue.
    ///
    /// # Errors
    /// The queue is unknown, or the key may not operate.
    pub async fn resume_queue(&self, queue: &str) -> Result<Value, ClientError> {
        Call::new(Method::POST, &format!("/v1/queues/{}/resume", segment(queue))).succeed(self).await
    }

    /// The queues with the numbers of their jobs, workers, backends and limits.
    ///
    /// # Errors
    /// The key may not operate.
    pub async fn overview(&self) -> Result<Value, ClientError> {
        Call::new(Method::GET, "/v1/overview").succeed(self).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_query_and_a_body_with_what_is_given() {
        let every = JobFilter::default();
        assert_eq!(every.path("deploy", None), "/v1/jobs?queue=deploy&state=failed&limit=200");
        assert_eq!(every.body("deploy", None), json!({"queue": "deploy", "matching": {"state": "failed"}}));
        let some = JobFilter {
            error_code: Some("panic".to_owned()),
            containing: Some("a&b=ü".to_owned()),
            ..JobFilter::default()
        };
        let path = "/v1/jobs?queue=deploy&state=failed&errorCode=panic&containing=a%26b%3D%C3%BC&limit=200&cursor=00";
        assert_eq!(some.path("deploy", Some("00")), path);
        let matching =
            json!({"state": "failed", "errorCode": "panic", "containing": "a&b=ü", "cursor": "00"});
        assert_eq!(some.body("deploy", Some("00"))["matching"], matching);
    }
}
