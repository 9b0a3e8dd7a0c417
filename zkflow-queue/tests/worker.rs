//! The worker: concurrency, renewal, failures, drain.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use zkflow_core::service::clock::SystemClock;
use zkflow_core::service::id::JobId;
use zkflow_core::service::queue::{Job, JobQueue, JobState, NewJob, QueueName, QueueStats};
use zkflow_queue::{Backoff, Handler, JobContext, JobError, MemoryQueue, Worker, WorkerConfig};

const Q: QueueName = QueueName::ProofGeneration;

/// Longer than any step of these tests.
const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_jobs_run_at_once_than_there_are_permits() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counters = (running.clone(), most.clone());
    let bench = Bench::start(config(3), move |_, _| {
        let (running, most) = counters.clone();
        Box::pin(async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(Duration::from_millis(30)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        })
    });
    for i in 0..12 {
        bench.push(&i.to_string()).await;
    }
    bench.until_empty().await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn jobs_that_write_their_results_leave_their_slots_to_others() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let written = CancellationToken::new();
    let until = written.clone();
    let bench = Bench::start(config(1), move |job, context| {
        let (told, until) = (told.clone(), until.clone());
        Box::pin(async move {
            told.send(job.subject).unwrap();
            context.work_is_done();
            until.cancelled().await;
            Ok(())
        })
    });
    for i in 0..12 {
        bench.push(&i.to_string()).await;
    }
    // Eight write, and the ninth keeps the slot.
    for _ in 0..9 {
        timeout(LIMIT, heard.recv()).await.unwrap().unwrap();
    }
    assert!(timeout(Duration::from_millis(300), heard.recv()).await.is_err(), "a tenth job has begun");
    written.cancel();
    bench.until_empty().await;
    assert_eq!(std::iter::from_fn(|| heard.try_recv().ok()).count(), 3);
}

#[tokio::test]
async fn a_user_with_many_jobs_leaves_a_slot_to_others() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let gate = CancellationToken::new();
    let until = gate.clone();
    let bench = Bench::start(WorkerConfig { crowd: LIMIT, ..config(2) }, move |job, _| {
        let (told, until) = (told.clone(), until.clone());
        Box::pin(async move {
            let held = job.subject.starts_with("held");
            if !held && job.user_id.is_some_and(|user| user.as_str() == "loud") {
                sleep(Duration::from_millis(20)).await;
            }
            told.send(job.subject).unwrap();
            if held {
                until.cancelled().await;
            }
            Ok(())
        })
    });
    let mut next = async || timeout(LIMIT, heard.recv()).await.unwrap().unwrap();
    for (user, subject) in [("loud", "1"), ("loud", "2"), ("loud", "3"), ("quiet", "4"), ("loud", "held 5")] {
        bench.push_for(user, subject).await;
        assert_eq!(next().await, subject);
    }
    bench.push_for("loud", "held 6").await;
    assert!(timeout(Duration::from_millis(300), next()).await.is_err(), "a job of the loud user has begun");
    bench.push_for("quiet", "7").await;
    assert_eq!(next().await, "7");
    gate.cancel();
    assert_eq!(next().await, "held 6");
    bench.until_empty().await;
}

/// The handler blocks every thread of the runtime for three times the length of its lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cpu_bound_work_does_not_lose_its_lease() {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let config = WorkerConfig { lease: Duration::from_millis(500), ..config(4) };
    let bench = Bench::start(config, move |_, context| {
        count.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let until = Instant::now() + Duration::from_millis(1500);
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            assert!(!context.cancelled().is_cancelled(), "the lease was lost");
            Ok(())
        })
    });
    for i in 0..4 {
        bench.push(&i.to_string()).await;
    }
    bench.until_empty().await;
    assert_eq!(runs.load(Ordering::SeqCst), 4, "a job was handed out twice");
}

#[tokio::test]
async fn a_cancelled_job_tells_its_handler() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let config = WorkerConfig { lease: Duration::from_millis(150), ..config(1) };
    let bench = Bench::start(config, move |_, context| {
        let told = told.clone();
        Box::pin(async move {
            told.send("begun").unwrap();
            context.cancelled().cancelled().await;
            told.send("told").unwrap();
            Err(JobError::retry("test", "cancelled"))
        })
    });
    let id = bench.push("s").await;
    assert_eq!(heard.recv().await, Some("begun"));
    assert!(bench.queue.cancel(&id).await.unwrap());
    assert_eq!(timeout(LIMIT, heard.recv()).await.unwrap(), Some("told"));
    bench.stop().await;
    assert_eq!(bench_stats(&bench.queue).await, QueueStats::default(), "a cancelled job came back");
}

#[tokio::test]
async fn a_panic_is_a_failure_whose_message_goes_nowhere() {
    let bench = Bench::start(config(1), |_, _| Box::pin(async { panic!("secret 31415926") }));
    bench.push("s").await;
    let (job, error) = bench.next_dead().await;
    assert_eq!((job.attempt, error.kind), (3, "panic"));
    let dead = &bench.queue.dead(Q, 9).await.unwrap()[0];
    assert_eq!(dead.last_error.as_deref(), Some("the handler panicked"));
}

#[tokio::test]
async fn what_cannot_be_retried_dies_at_once() {
    let bench = Bench::start(config(1), |_, _| Box::pin(async { Err(JobError::fatal("bad", "refused")) }));
    bench.push("s").await;
    let (job, error) = bench.next_dead().await;
    assert_eq!((job.attempt, error.kind, error.reason.as_str()), (1, "bad", "refused"));
}

#[tokio::test]
async fn a_failure_is_tried_again() {
    let bench = Bench::start(config(1), |job, _| {
        let result = if job.attempt < 3 { Err(JobError::retry("disk", "full")) } else { Ok(()) };
        Box::pin(async { result })
    });
    bench.push("s").await;
    bench.until_empty().await;
}

/// A worker that gives a job back goes on with the jobs after it.
#[tokio::test]
async fn a_job_that_is_given_back_pays_nothing_and_stands_in_nobodys_way() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let config = WorkerConfig { rest: Duration::from_millis(200), ..config(1) };
    let begun = Instant::now();
    let bench = Bench::start(config, move |job, _| {
        told.send((job.subject.clone(), job.attempt)).unwrap();
        let not_yet = job.subject == "large" && begun.elapsed() < Duration::from_millis(700);
        let result = if not_yet { Err(JobError::give_back("memory", "too large")) } else { Ok(()) };
        Box::pin(async { result })
    });
    bench.push("large").await;
    // Jobs pushed in the same millisecond have no defined order.
    sleep(Duration::from_millis(5)).await;
    bench.push("small").await;
    bench.until_empty().await;
    let order: Vec<_> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
    assert!(order.iter().all(|(_, attempt)| *attempt == 1), "an attempt was charged: {order:?}");
    assert_eq!(order[1].0, "small", "{order:?}");
    let larges = order.iter().filter(|(subject, _)| subject == "large").count();
    assert!((2..=5).contains(&larges), "expected a rest between attempts: {order:?}");
}

#[tokio::test]
async fn a_drain_lets_running_jobs_finish_and_takes_no_more() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let bench = Bench::start(config(1), move |_, _| {
        let told = told.clone();
        Box::pin(async move {
            told.send(()).unwrap();
            sleep(Duration::from_millis(300)).await;
            Ok(())
        })
    });
    bench.push("first").await;
    bench.push("second").await;
    heard.recv().await;
    bench.stop().await;
    let stats = bench_stats(&bench.queue).await;
    assert_eq!(
        (stats.ready, stats.leased, stats.dead),
        (1, 0, 0),
        "expected one finished and one unstarted job"
    );
}

#[tokio::test]
async fn what_outlasts_the_drain_is_given_back_and_not_charged() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let short = Duration::from_millis(100);
    let config = WorkerConfig { drain: short, grace: short, ..config(2) };
    let bench = Bench::start(config, move |job, context| {
        let (told, polite) = (told.clone(), job.subject == "polite");
        Box::pin(async move {
            told.send(()).unwrap();
            if polite {
                context.cancelled().cancelled().await;
                return Err(JobError::fatal("stopped", "told to stop"));
            }
            std::future::pending().await
        })
    });
    let ids = [bench.push("polite").await, bench.push("deaf").await];
    heard.recv().await;
    heard.recv().await;
    bench.stop().await;
    for id in ids {
        let job = bench.queue.job(&id).await.unwrap().unwrap();
        assert_eq!((job.state, job.attempt, job.last_error), (JobState::Waiting, 0, None));
    }
}

/// A worker on a memory queue with the system clock.
struct Bench {
    queue: Arc<MemoryQueue>,
    shutdown: CancellationToken,
    worker: std::sync::Mutex<Option<JoinHandle<()>>>,
    dead: tokio::sync::Mutex<mpsc::UnboundedReceiver<(Job, JobError)>>,
}

impl Bench {
    fn start<F>(config: WorkerConfig, handle: F) -> Self
    where
        F: Fn(Job, JobContext) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync + 'static,
    {
        let queue = Arc::new(MemoryQueue::new(Arc::new(SystemClock)));
        let shutdown = CancellationToken::new();
        let (sender, dead) = mpsc::unbounded_channel();
        let worker = Worker::new(queue.clone(), Arc::new(Closure { handle, dead: sender }), config).unwrap();
        let worker = tokio::spawn(worker.run(shutdown.clone()));
        Self { queue, shutdown, worker: Some(worker).into(), dead: dead.into() }
    }

    async fn push(&self, subject: &str) -> JobId {
        self.queue.push(NewJob::new(Q, subject)).await.unwrap().id
    }

    async fn push_for(&self, user: &str, subject: &str) {
        let job = NewJob { user_id: Some(user.parse().unwrap()), ..NewJob::new(Q, subject) };
        self.queue.push(job).await.unwrap();
    }

    async fn until_empty(&self) {
        let began = Instant::now();
        while bench_stats(&self.queue).await != QueueStats::default() {
            assert!(began.elapsed() < LIMIT, "jobs are left: {:?}", bench_stats(&self.queue).await);
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn next_dead(&self) -> (Job, JobError) {
        timeout(LIMIT, self.dead.lock().await.recv()).await.expect("a job dies").unwrap()
    }

    async fn stop(&self) {
        self.shutdown.cancel();
        let worker = self.worker.lock().unwrap().take().unwrap();
        timeout(LIMIT, worker).await.expect("the worker ends").unwrap();
    }
}

struct Closure<F> {
    handle: F,
    dead: mpsc::UnboundedSender<(Job, JobError)>,
}

#[async_trait]
impl<F> Handler for Closure<F>
where
    F: Fn(Job, JobContext) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync + 'static,
{
    async fn handle(&self, job: &Job, context: JobContext) -> Result<(), JobError> {
        (self.handle)(job.clone(), context).await
    }

    async fn dead(&self, job: &Job, error: &JobError) {
        self.dead.send((job.clone(), error.clone())).unwrap();
    }
}

fn config(concurrency: usize) -> WorkerConfig {
    let backoff = Backoff { base: Duration::from_millis(10), cap: Duration::from_millis(20) };
    WorkerConfig { wait: Duration::from_millis(100), backoff, ..WorkerConfig::new(Q, concurrency) }
}

async fn bench_stats(queue: &MemoryQueue) -> QueueStats {
    queue.stats(Q).await.unwrap()
}
