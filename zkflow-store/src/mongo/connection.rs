//! [`Connection`]: a client that is replaced when calls remain unanswered.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mongodb::bson::RawDocumentBuf;
use mongodb::error::Error;
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};
use zkflow_core::service::catalog::Document;

/// Number of consecutive unanswered calls after which the client is replaced.
///
/// The driver (3.9) opens at most two connections of a pool at a time, and waits for their handshakes without
/// limit. If the network swallows two of them, every later call hangs, although server and monitor are fine.
const SILENCE: u32 = 3;

/// Name of the collection of what belongs to the database as a whole.
pub(super) const META: &str = "meta";

/// Name of the collection of the keys of the API.
pub(super) const KEYS: &str = "keys";

/// Name of the collection of the logins of the dashboard.
pub(super) const SESSIONS: &str = "sessions";

/// Name of the collection of the audit log.
const AUDIT_LOG: &str = "audit_log";

/// Name of the collection of the counts of usage.
pub(super) const USAGE: &str = "usage";

/// Name of the collection of the counts of proofs.
const HISTORY: &str = "history";

/// Name of the collection of the processes that run jobs.
const WORKERS: &str = "workers";

/// Name of the collection of what accounts of signers can have paid.
const SPENDING: &str = "spending";

/// A call that is dropped sooner does not count as unanswered: its caller is gone.
const PATIENT: Duration = Duration::from_secs(1);

/// A database whose client can be replaced.
pub(super) struct Connection {
    options: ClientOptions,
    state: Mutex<State>,
}

struct State {
    database: Database,
    silent: u32,
}

/// A call without an answer yet.
pub(super) struct Call<'a> {
    connection: &'a Connection,
    database: Database,
    began: Instant,
    answered: bool,
}

impl Connection {
    /// Creates a client. Sends nothing yet.
    pub(super) fn new(options: ClientOptions) -> Result<Self, Error> {
        let state = Mutex::new(State { database: database(&options)?, silent: 0 });
        Ok(Self { options, state })
    }

    /// The database through the present client.
    pub(super) fn database(&self) -> Database {
        self.lock().database.clone()
    }

    /// Begins a call. It counts as unanswered if it is dropped before [`answered`](Call::answered).
    pub(super) fn call(&self) -> Call<'_> {
        let mut state = self.lock();
        if state.silent >= SILENCE
            && let Ok(fresh) = database(&self.options)
        {
            tracing::warn!(calls = state.silent, "MongoDB did not answer several calls: reconnecting");
            *state = State { database: fresh, silent: 0 };
        }
        Call { connection: self, database: state.database.clone(), began: Instant::now(), answered: false }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Changes under the lock are never left half done, so a poisoned lock is usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call<'_> {
    /// Collection of `D` in the database.
    pub(super) fn collection<D: Document>(&self) -> Collection<RawDocumentBuf> {
        self.database.collection(D::COLLECTION)
    }

    /// The keys of the API.
    pub(super) fn keys(&self) -> Collection<mongodb::bson::Document> {
        self.database.collection(KEYS)
    }

    /// The logins of the dashboard.
    pub(super) fn sessions(&self) -> Collection<mongodb::bson::Document> {
        self.database.collection(SESSIONS)
    }

    /// The counts of usage.
    pub(super) fn usage(&self) -> Collection<mongodb::bson::Document> {
        self.database.collection(USAGE)
    }

    /// The counts of proofs.
    pub(super) fn history(&self) -> Collection<mongodb::bson::Document> {
        self.database.collection(HISTORY)
    }

    /// The processes that run jobs.
    pub(super) fn workers(&self) -> Collection<mongodb::bson::Document> {
        self.database.collection(WORKERS)
    }

    /// What accounts of signers can have paid.
    pub(super) fn spending(&self) -> Collection<mongodb::bson::Document> {
        self.database.collection(SPENDING)
    }

    /// The present time of the server.
    pub(super) async fn time(&self) -> Result<mongodb::bson::Document, Error> {
        self.database.run_command(mongodb::bson::doc! { "hello": 1 }).await
    }

    /// The audit log.
    pub(super) fn audit_log(&self) -> Collection<mongodb::bson::Document> {
        self.database.collection(AUDIT_LOG)
    }

    /// The collection of what belongs to the database as a whole.
    pub(super) fn meta(&self) -> Collection<mongodb::bson::Document> {
        self.database.collection(META)
    }

    /// Records that there was an answer, which may be an error.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let mut state = self.connection.lock();
        if self.answered {
            state.silent = 0;
        } else if self.began.elapsed() >= PATIENT {
            state.silent = state.silent.saturating_add(1);
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options contain the password.
        f.debug_tuple("Connection").field(&self.lock().database.name()).finish()
    }
}

fn database(options: &ClientOptions) -> Result<Database, Error> {
    let client = Client::with_options(options.clone())?;
    Ok(client.default_database().unwrap_or_else(|| client.database("zkflow")))
}
