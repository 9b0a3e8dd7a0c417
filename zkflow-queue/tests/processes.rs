//! Worker processes on one Redis server: jobs that crash their process, and jobs longer than their leases.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use zkflow_core::service::clock::{Clock, SystemClock};
use zkflow_core::service::queue::{Job, JobQueue, JobState, NewJob, QueueName, QueueStats};
use zkflow_queue::{Handler, JobContext, JobError, RedisQueue, Worker, WorkerConfig};
use zkflow_testbed::{RedisOptions, RedisServer};

const Q: QueueName = QueueName::ProofGeneration;
const LEASE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(60);

/// Subject of the job that aborts its process.
const POISON: &str = "poison";

/// Variable that makes a process a worker: the URL of Redis, a space, the path of the log.
const WORKER: &str = "ZKFLOW_TEST_WORKER";

/// Not a test: the body of a worker process, started from this test binary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_process() {
    let Ok(settings) = std::env::var(WORKER) else { return };
    let (url, log) = settings.split_once(' ').unwrap();
    let queue = Arc::new(RedisQueue::connect(url, "zkflow").await.unwrap());
    let config = WorkerConfig { lease: LEASE, ..WorkerConfig::new(Q, 4) };
    let worker = Worker::new(queue, Arc::new(Logging(log.into())), config).unwrap();
    worker.run(CancellationToken::new()).await;
}

/// Logs the begin and end of each job. The subject begins with the duration of the job in milliseconds.
struct Logging(PathBuf);

impl Logging {
    fn write(&self, line: &str) {
        let mut log = OpenOptions::new().create(true).append(true).open(&self.0).unwrap();
        let now = SystemClock.now().as_millis();
        log.write_all(format!("{line} at {now}\n").as_bytes()).unwrap();
    }
}

#[async_trait]
impl Handler for Logging {
    async fn handle(&self, job: &Job, _: JobContext) -> Result<(), JobError> {
        self.write(&format!("begin {}", job.subject));
        if job.subject == POISON {
            // Other jobs have begun by then, and are interrupted too.
            sleep(Duration::from_millis(50)).await;
            std::process::abort();
        }
        let time = job.subject.split('-').next().unwrap().parse().unwrap();
        sleep(Duration::from_millis(time)).await;
        self.write(&format!("end {}", job.subject));
        Ok(())
    }
}

/// Worker processes, restarted by [`Fleet::revive`] when they end.
struct Fleet {
    server: RedisServer,
    folder: tempfile::TempDir,
    workers: Vec<Child>,
}

impl Fleet {
    fn start(count: usize) -> Self {
        let server = RedisServer::start(RedisOptions::default()).unwrap();
        let mut fleet = Self { server, folder: tempfile::tempdir().unwrap(), workers: Vec::new() };
        fleet.workers = (0..count).map(|_| fleet.worker()).collect();
        fleet
    }

    fn worker(&self) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "worker_process"])
            .env(WORKER, format!("{} {}", self.server.url(), self.log().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Number of times that the log contains `line`.
    fn count(&self, line: &str) -> usize {
        self.moments(line).len()
    }

    /// Moments at which `line` was logged, in milliseconds since the epoch.
    fn moments(&self, line: &str) -> Vec<i64> {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let of_line = log.lines().filter_map(|found| found.strip_prefix(line)?.strip_prefix(" at "));
        of_line.map(|moment| moment.parse().unwrap()).collect()
    }

    /// Restarts the processes that have ended; returns their number.
    fn revive(&mut self) -> usize {
        let mut ended = 0;
        for i in 0..self.workers.len() {
            if self.workers[i].try_wait().unwrap().is_some() {
                self.workers[i] = self.worker();
                ended += 1;
            }
        }
        ended
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.kill().unwrap();
            worker.wait().unwrap();
        }
    }
}

#[tokio::test]
async fn a_job_that_aborts_its_process_is_dead_after_three_hand_outs() {
    let mut fleet = Fleet::start(3);
    let queue = RedisQueue::connect(fleet.server.url(), "zkflow").await.unwrap();
    queue.push(NewJob::new(Q, POISON)).await.unwrap();
    let others: Vec<String> = (0..200).map(|i| format!("100-{i}")).collect();
    // A job interrupted by another's abort is charged an attempt too, so these have attempts to spare.
    let job = |subject: &str| NewJob { max_attempts: 9, ..NewJob::new(Q, subject) };
    for subject in &others {
        queue.push(job(subject)).await.unwrap();
    }
    let began = Instant::now();
    let mut aborts = 0;
    while queue.stats(Q).await.unwrap() != (QueueStats { dead: 1, ..QueueStats::default() }) {
        aborts += fleet.revive();
        assert!(began.elapsed() < PATIENCE, "{:?}", queue.stats(Q).await);
        sleep(Duration::from_millis(10)).await;
    }
    let dead = queue.dead(Q, 9).await.unwrap().remove(0);
    assert_eq!((dead.subject.as_str(), dead.attempt), (POISON, 3));
    assert!(matches!(dead.state, JobState::Dead { .. }));
    assert_eq!((fleet.count(&format!("begin {POISON}")), aborts), (3, 3));
    let (mut repeated, mut most, mut delay) = (0, 0, 0);
    for subject in &others {
        assert!(fleet.count(&format!("end {subject}")) >= 1, "{subject} was lost");
        let begun = fleet.moments(&format!("begin {subject}"));
        repeated += usize::from(begun.len() > 1);
        most = most.max(begun.len());
        delay = begun.windows(2).map(|pair| pair[1] - pair[0]).fold(delay, i64::max);
    }
    // Each abort interrupts at most the three jobs beside it, which are due again after one lease.
    println!(
        "| a job that aborts its process, 3 workers, 200 other jobs | dead after {} hand-outs; {repeated} \
         others were interrupted, begun at most {most} times, and again after at most {delay} ms with leases \
         of {} ms; all done in {:.1?} |",
        dead.attempt,
        LEASE.as_millis(),
        began.elapsed()
    );
    assert!(repeated <= 9, "{repeated} other jobs were begun again, expected at most 9");
}

#[tokio::test]
async fn a_job_ten_times_longer_than_its_lease_is_executed_once() {
    let fleet = Fleet::start(4);
    let queue = RedisQueue::connect(fleet.server.url(), "zkflow").await.unwrap();
    let subject = (LEASE * 10).as_millis().to_string();
    let id = queue.push(NewJob::new(Q, subject.as_str())).await.unwrap().id;
    let began = Instant::now();
    while let Some(job) = queue.job(&id).await.unwrap() {
        assert!(job.attempt <= 1, "it was handed out again: {job:?}");
        assert!(began.elapsed() < PATIENCE);
        sleep(Duration::from_millis(50)).await;
    }
    let begun = fleet.count(&format!("begin {subject}"));
    println!("| a job of 5 s with leases of 0.5 s, 4 workers | {begun} execution |");
    assert_eq!((begun, fleet.count(&format!("end {subject}"))), (1, 1));
}
