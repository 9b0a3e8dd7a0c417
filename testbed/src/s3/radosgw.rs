//! [`Radosgw`]: the S3 server of Ceph, over the Ceph that `testbed/radosgw.sh` started.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

/// A radosgw process, killed on drop. Its data is in the Ceph behind it.
#[derive(Debug)]
pub(super) struct Radosgw {
    configuration: OsString,
    process: Option<Child>,
}

/// Time limit of a start, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

impl Radosgw {
    pub(super) fn new(configuration: OsString) -> Self {
        Self { configuration, process: None }
    }

    pub(super) async fn serve(&mut self, address: SocketAddr) {
        let spawned = Command::new("radosgw")
            .args(["--name", "client.rgw", "--foreground", "--conf"])
            .arg(&self.configuration)
            .args(["--rgw-frontends", &format!("beast endpoint={address}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(spawned.expect("radosgw can be started: testbed/radosgw.sh installs it"));
        let began = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            let ended =
                self.process.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(Some(_)) | Err(_)));
            let logs = self.configuration.display();
            assert!(
                !ended && began.elapsed() < PATIENCE,
                "radosgw did not start: see the logs beside {logs}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Fails if the process has already ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Radosgw {
    fn drop(&mut self) {
        self.stop();
    }
}
