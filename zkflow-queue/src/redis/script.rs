//! Lua scripts. The server executes each atomically.

use std::sync::LazyLock;

use redis::aio::ConnectionLike;
use redis::{ErrorKind, RedisResult, ServerErrorKind, Value};

/// A script, preceded by `common.lua`.
pub(super) struct Script {
    code: String,
    digest: String,
}

/// Declares scripts by name and file.
macro_rules! scripts {
    ($($name:ident: $file:literal;)+) => { $(
        pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(include_str!("lua/common.lua"), include_str!(concat!("lua/", $file))))
        });
    )+ };
}

scripts! {
    PUSH: "push.lua";
    LEASE: "lease.lua";
    RENEW: "renew.lua";
    COMPLETE: "complete.lua";
    FAIL: "fail.lua";
    RELEASE: "release.lua";
    CANCEL: "cancel.lua";
    JOB: "job.lua";
    STATS: "stats.lua";
    WAITING: "waiting.lua";
    DEAD: "dead.lua";
    PURGE_DEAD: "purge_dead.lua";
    REMOVE_DEAD: "remove_dead.lua";
}

/// Has a key of its own, and no part of the others.
pub(super) static RATE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/rate.lua")));

impl Script {
    fn new(code: &str) -> Self {
        Self { code: code.to_owned(), digest: redis::Script::new(code).get_hash().to_owned() }
    }

    /// Runs the script by its digest. The text is sent only if the server has not cached it.
    pub(super) async fn run(
        &self,
        connection: &mut impl ConnectionLike,
        keys: &[String],
        arguments: &[String],
    ) -> RedisResult<Value> {
        let call = |command: &str, script: &str| {
            let mut call = redis::cmd(command);
            call.arg(script).arg(keys.len()).arg(keys).arg(arguments);
            call
        };
        match call("EVALSHA", &self.digest).query_async(connection).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                call("EVAL", &self.code).query_async(connection).await
            }
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use zkflow_core::service::queue::{DEAD_LETTERS, LEASE_EXPIRED};

    #[test]
    fn the_scripts_know_the_constants() {
        let code = include_str!("lua/common.lua");
        assert!(code.contains(&format!("DEAD_LETTERS = {DEAD_LETTERS}\n")));
        assert!(code.contains(&format!("LEASE_EXPIRED = '{LEASE_EXPIRED}'\n")));
    }
}
