//! A local server and a local chain, for `zkflow demo`, tests and benchmarks. The calls are those of `zkflow-client`.

mod chain;

pub use chain::LocalChain;
pub use zkflow_client::{Client, ClientError, Reply};

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server process on a free port; killed on drop.
#[derive(Debug)]
pub struct LocalServer {
    child: Child,
    base: String,
}

impl LocalServer {
    /// Starts `executable serve` with `data_dir` and `args`, and waits until it listens. `log` receives its
    /// standard error.
    ///
    /// # Errors
    /// The server does not start; its log contains the reason.
    pub fn start(executable: &Path, data_dir: &Path, args: &[&str], log: Stdio) -> Result<Self, ClientError> {
        Self::start_with(executable, data_dir, args, &[], log)
    }

    /// As [`start`](Self::start), with additional environment variables.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub fn start_with(
        executable: &Path,
        data_dir: &Path,
        args: &[&str],
        variables: &[(&str, &str)],
        log: Stdio,
    ) -> Result<Self, ClientError> {
        let mut command = Command::new(executable);
        command.args(["serve", "--port", "0", "--data-dir"]).arg(data_dir).args(args);
        command.envs(variables.iter().copied()).stderr(log);
        Self::spawn(command)
    }

    /// Starts a server or worker with the given command and waits until it listens.
    ///
    /// # Errors
    /// The process does not start; its log contains the reason.
    pub fn spawn(mut command: Command) -> Result<Self, ClientError> {
        let failed = |error: std::io::Error| ClientError::Start(error.to_string());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let stdout =
            child.stdout.take().ok_or_else(|| ClientError::Start("no standard output".to_owned()))?;
        // The first line contains the address. It is incomplete only if the process ends.
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
        match line.trim().strip_prefix("listening on ") {
            Some(base) => Ok(Self { child, base: base.to_owned() }),
            None => {
                let _ = child.kill();
                let status = child.wait().map_err(failed)?;
                Err(ClientError::Start(format!("the process ended with {status}")))
            }
        }
    }

    /// URL of the server, such as `http://127.0.0.1:43210`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Creates a client of this server.
    pub fn client(&self) -> Client {
        Client::new(&self.base)
    }

    /// Kills the process with SIGKILL.
    pub fn kill(mut self) {
        self.end();
    }

    /// Process id of the server.
    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Sends SIGTERM, waits for the end and returns the exit code; `None` after death by a signal.
    ///
    /// # Errors
    /// The process cannot be signalled or waited for.
    pub fn terminate(mut self) -> std::io::Result<Option<i32>> {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::TERM)?;
        Ok(self.child.wait()?.code())
    }

    fn end(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.end();
    }
}
