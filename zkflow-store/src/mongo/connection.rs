//! [`Connection`]: the client, replaced when it answers no more.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mongodb::bson::RawDocumentBuf;
use mongodb::error::Error;
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};

use super::document::Kept;

/// Calls in a row that got no answer and were given up, after which the client is replaced.
///
/// The driver (3.9) lets a pool open two connections at a time, and waits for their greeting without end: two
/// that a network swallowed while they were opened hold up every call from then on, though the server and
/// its monitor are well.
const SILENCE: u32 = 3;

/// A call that was given up sooner says nothing: whoever asked went away.
const PATIENT: Duration = Duration::from_secs(1);

/// The database, through a client that can be replaced.
pub(super) struct Connection {
    options: ClientOptions,
    state: Mutex<State>,
}

struct State {
    database: Database,
    silent: u32,
}

/// A call that waits for its answer.
pub(super) struct Call<'a> {
    connection: &'a Connection,
    database: Database,
    began: Instant,
    answered: bool,
}

impl Connection {
    /// Makes a client; nothing is sent yet.
    pub(super) fn new(options: ClientOptions) -> Result<Self, Error> {
        let state = Mutex::new(State { database: database(&options)?, silent: 0 });
        Ok(Self { options, state })
    }

    /// The database.
    pub(super) fn database(&self) -> Database {
        self.lock().database.clone()
    }

    /// Begins a call. Dropped before it is [`answered`](Call::answered) it counts as silence.
    pub(super) fn call(&self) -> Call<'_> {
        let mut state = self.lock();
        if state.silent >= SILENCE
            && let Ok(fresh) = database(&self.options)
        {
            tracing::warn!(calls = state.silent, "MongoDB left calls without an answer: connecting anew");
            *state = State { database: fresh, silent: 0 };
        }
        Call { connection: self, database: state.database.clone(), began: Instant::now(), answered: false }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What is changed under the lock is never half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call<'_> {
    /// The collection to ask.
    pub(super) fn collection<T: Kept>(&self) -> Collection<RawDocumentBuf> {
        self.database.collection(T::COLLECTION)
    }

    /// Notes that there was an answer, be it an error.
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
        // The options hold the password.
        f.debug_tuple("Connection").field(&self.lock().database.name()).finish()
    }
}

fn database(options: &ClientOptions) -> Result<Database, Error> {
    let client = Client::with_options(options.clone())?;
    Ok(client.default_database().unwrap_or_else(|| client.database("zkflow")))
}
