//! Rows of `queue_jobs`.

use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::queue::{Job, JobState};
use zkflow_store::sqlite::rusqlite::{self, Row, types::Type};

/// A job, read from a row with all columns.
pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let moment = |column: &str| row.get(column).map(Timestamp::from_millis);
    let state: String = row.get("state")?;
    let state = match &*state {
        "waiting" => JobState::Waiting,
        "leased" => JobState::Leased { until: moment("lease_until")? },
        _ => JobState::Dead { at: moment("dead_at")? },
    };
    Ok(Job {
        id: parsed(row, "id")?,
        queue: parsed(row, "queue")?,
        subject: row.get("subject")?,
        user_id: row
            .get::<_, Option<String>>("user_id")?
            .map(|text| parse(row, "user_id", &text))
            .transpose()?,
        priority: row.get("priority")?,
        attempt: row.get("attempt")?,
        max_attempts: row.get("max_attempts")?,
        created_at: moment("created_at")?,
        run_at: moment("run_at")?,
        state,
        last_error: row.get("last_error")?,
    })
}

/// The text of a column, parsed.
pub(super) fn parsed<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    parse(row, column, &row.get::<_, String>(column)?)
}

fn parse<T>(row: &Row<'_>, column: &str, text: &str) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let index = row.as_ref().column_index(column)?;
    text.parse().map_err(|e: T::Err| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, e.into()))
}
