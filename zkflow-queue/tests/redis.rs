//! Redis only: recovery after outages, wake-ups across processes, and bounded memory.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{clock, redis_queue};
use futures::future;
use zkflow_core::digest::Digest;
use zkflow_core::service::clock::{ManualClock, Timestamp};
use zkflow_core::service::queue::{DEAD_LETTERS, JobQueue, NewJob, QueueError, QueueName, QueueStats, Retry};
use zkflow_queue::{Pace, RedisQueue, Taken};
use zkflow_testbed::{RedisOptions, RedisServer};

const Q: QueueName = QueueName::ProofGeneration;
const LEASE: Duration = Duration::from_secs(30);
const LONG_WAIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_push_of_one_process_wakes_another() {
    let server = RedisServer::for_tests().unwrap();
    let namespace = RedisServer::fresh_namespace();
    let one = RedisQueue::connect(server.url(), &namespace).await.unwrap();
    let other = Arc::new(RedisQueue::connect(server.url(), &namespace).await.unwrap());
    let mut times = Vec::new();
    for i in 0..10 {
        let waiting = tokio::spawn({
            let other = other.clone();
            async move { (other.lease(Q, 1, LEASE, LONG_WAIT).await.unwrap(), Instant::now()) }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let pushed = Instant::now();
        one.push(NewJob::new(Q, i.to_string())).await.unwrap();
        let (leases, leased) = waiting.await.unwrap();
        assert_eq!(leases.len(), 1);
        times.push(leased - pushed);
    }
    times.sort();
    println!("from a push to the lease of another process: {times:?}");
    assert!(times[5] < Duration::from_millis(250), "found by polling, not by a message: {times:?}");
}

#[tokio::test]
async fn a_redis_that_refuses_writes_fails_the_check_of_writes() {
    let server = RedisServer::start(RedisOptions::default()).unwrap();
    let queue = RedisQueue::connect(server.url(), "zkflow").await.unwrap();
    queue.check_writes().await.unwrap();
    server.command("CONFIG SET maxmemory 1").unwrap();
    let full = queue.check_writes().await.unwrap_err();
    assert!(format!("{full:?}").contains("OOM"), "{full:?}");
    server.command("CONFIG SET maxmemory 0").unwrap();
    queue.check_writes().await.unwrap();
}

#[tokio::test]
async fn what_one_process_tells_the_others_hear() {
    let server = RedisServer::for_tests().unwrap();
    let namespace = RedisServer::fresh_namespace();
    let one = RedisQueue::connect(server.url(), &namespace).await.unwrap();
    let other = RedisQueue::connect(server.url(), &namespace).await.unwrap();
    let mut messages = other.messages();
    // The other process may not be subscribed yet.
    let told = async {
        loop {
            one.tell("a document changed").await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        message = messages.recv() => assert_eq!(message.unwrap(), "a document changed"),
        () = told => unreachable!(),
        () = tokio::time::sleep(LONG_WAIT) => panic!("no message was received"),
    }
}

#[tokio::test]
async fn it_comes_back_by_itself_after_redis_went_away() {
    let options = RedisOptions { append_only: true, ..RedisOptions::default() };
    let mut server = RedisServer::start(options).unwrap();
    let queue = Arc::new(RedisQueue::connect(server.url(), "zkflow").await.unwrap());
    let id = queue.push(NewJob::new(Q, "before")).await.unwrap().id;

    server.stop().unwrap();
    // The first call is retried until it succeeds; later calls fail fast.
    let first = tokio::spawn({
        let (queue, id) = (queue.clone(), id.clone());
        async move { queue.job(&id).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    assert!(matches!(queue.job(&id).await, Err(QueueError::Backend { .. })));
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "a call to a stopped server took {:?}",
        began.elapsed()
    );

    server.start_again().unwrap();
    let found = first.await.unwrap().unwrap();
    assert_eq!(found.unwrap().subject, "before", "the append-only file was lost");
    let lease = queue.lease(Q, 1, LEASE, Duration::ZERO).await.unwrap().remove(0);
    queue.complete(&lease.token).await.unwrap();
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.lease(Q, 1, LEASE, LONG_WAIT).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    queue.push(NewJob::new(Q, "after")).await.unwrap();
    assert_eq!(waiting.await.unwrap()[0].job.subject, "after");
}

#[tokio::test]
async fn a_call_during_a_restart_is_repeated_until_it_succeeds() {
    let options = RedisOptions { append_only: true, ..RedisOptions::default() };
    let mut server = RedisServer::start(options).unwrap();
    let queue = RedisQueue::connect(server.url(), "zkflow").await.unwrap();
    server.stop().unwrap();
    let restart = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(700));
        server.start_again().unwrap();
        server
    });
    queue.push(NewJob::new(Q, "s")).await.unwrap();
    drop(restart.await.unwrap());
}

#[tokio::test]
async fn after_a_flush_it_is_an_empty_queue() {
    let server = RedisServer::start(RedisOptions::default()).unwrap();
    let queue = RedisQueue::connect(server.url(), "zkflow").await.unwrap();
    queue.push(NewJob::new(Q, "s")).await.unwrap();
    let lease = queue.lease(Q, 1, LEASE, Duration::ZERO).await.unwrap().remove(0);
    server.command("FLUSHALL").unwrap();
    server.command("SCRIPT FLUSH").unwrap();
    assert!(matches!(queue.complete(&lease.token).await, Err(QueueError::LeaseLost(_))));
    assert_eq!(queue.stats(Q).await.unwrap(), QueueStats::default());
    assert!(!queue.push(NewJob::new(Q, "s")).await.unwrap().duplicate);
}

/// As after an eviction: one key of the queue is missing.
#[tokio::test]
async fn a_queue_that_lost_a_part_is_emptied_and_goes_on() {
    let server = RedisServer::start(RedisOptions::default()).unwrap();
    let queue = RedisQueue::connect(server.url(), "zkflow").await.unwrap();
    for subject in ["waits", "is leased"] {
        queue.push(NewJob::new(Q, subject)).await.unwrap();
    }
    queue.lease(Q, 1, LEASE, Duration::ZERO).await.unwrap();
    server.command("DEL {zkflow:proof-generation}:jobs").unwrap();
    let error = queue.lease(Q, 1, LEASE, Duration::ZERO).await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("noeviction"), "{error:?}");
    assert_eq!(queue.stats(Q).await.unwrap(), QueueStats::default());
    assert!(!queue.push(NewJob::new(Q, "waits")).await.unwrap().duplicate);
    assert_eq!(queue.lease(Q, 9, LEASE, Duration::ZERO).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_password_is_in_no_error_and_no_debug_text() {
    let password = Some("right-271828".to_owned());
    let server = RedisServer::start(RedisOptions { password, ..RedisOptions::default() }).unwrap();
    let queue = RedisQueue::connect(server.url(), "zkflow").await.unwrap();
    assert!(!format!("{queue:?}").contains("271828"));
    let port = server.port().unwrap();
    let urls = [
        format!("redis://:wrong-271828@127.0.0.1:{port}"),
        format!("redis://user:wrong-271828@127.0.0.1:{port},redis://user:wrong-271828@127.0.0.1:{port}"),
        "redis://:wrong-271828@127.0.0.1:1".to_owned(),
        "http://:wrong-271828@127.0.0.1".to_owned(),
        "redis://:wrong-271828@[::1".to_owned(),
    ];
    for outcome in future::join_all(urls.iter().map(|url| RedisQueue::connect(url, "zkflow"))).await {
        let error = outcome.unwrap_err();
        let mut text = format!("{error:?}");
        let mut next: Option<&dyn Error> = Some(&error);
        while let Some(error) = next {
            text += &format!(" {error}");
            next = error.source();
        }
        assert!(!text.contains("271828"), "{text}");
    }
}

#[tokio::test]
async fn finished_jobs_leave_nothing_and_dead_letters_have_a_limit() {
    let server = RedisServer::start(RedisOptions::default()).unwrap();
    let clock = clock();
    let queue = redis_queue(&server, clock.clone()).await;
    let job = |i: usize| NewJob {
        max_attempts: 1,
        user_id: Some(format!("user{i}").parse().unwrap()),
        ..NewJob::new(Q, i.to_string())
    };
    let push = |range: std::ops::Range<usize>| future::try_join_all(range.map(|i| queue.push(job(i))));
    push(0..20).await.unwrap();
    for (i, lease) in queue.lease(Q, 20, LEASE, Duration::ZERO).await.unwrap().iter().enumerate() {
        match i % 4 {
            0 => assert!(queue.cancel(&lease.job.id).await.unwrap()),
            1 => assert!(queue.fail(&lease.token, "no", Retry::Never).await.is_ok()),
            _ => queue.complete(&lease.token).await.unwrap(),
        }
    }
    clock.advance(LEASE);
    assert_eq!(queue.purge_dead(zkflow_core::service::clock::Clock::now(&*clock)).await.unwrap(), 5);
    let keys = server.command("KEYS *").unwrap();
    // One key is left, and does not grow: the last round of each priority.
    assert!(keys.starts_with("*1\r\n") && keys.contains(":rounds"), "{keys}");

    push(0..DEAD_LETTERS + 30).await.unwrap();
    let mut leased = 0;
    while leased < DEAD_LETTERS + 30 {
        leased += queue.lease(Q, 10_000, LEASE, Duration::ZERO).await.unwrap().len();
    }
    clock.advance(LEASE);
    let stats = queue.stats(Q).await.unwrap();
    assert_eq!(stats, QueueStats { dead: DEAD_LETTERS as u64, ..QueueStats::default() });
    let letters = queue.dead(Q, usize::MAX).await.unwrap();
    assert_eq!(letters.len(), DEAD_LETTERS);
}

#[tokio::test]
async fn processes_count_the_requests_of_a_caller_together() {
    let server = RedisServer::for_tests().unwrap();
    let (namespace, clock) = (RedisServer::fresh_namespace(), clock());
    let open = async |namespace: &str| {
        RedisQueue::connect(server.url(), namespace).await.unwrap().with_clock(clock.clone())
    };
    let (one, other) = (open(&namespace).await, open(&namespace).await);
    let take = async |queue: &RedisQueue, caller: &str| {
        let taken = queue.take("acme", &[pace(caller, 2, 4)], 1).await.unwrap();
        (taken.remaining, taken.wait.map(|wait| wait.as_millis()))
    };
    for (queue, remaining) in [(&one, 3), (&other, 2), (&one, 1), (&other, 0)] {
        assert_eq!(take(queue, "ann").await, (remaining, None));
    }
    for queue in [&one, &other, &other] {
        assert_eq!(take(queue, "ann").await, (0, Some(500)));
    }
    // Refused requests do not count, and other callers and installations have a pace of their own.
    assert_eq!(take(&other, "bob").await, (3, None));
    assert_eq!(take(&open(&RedisServer::fresh_namespace()).await, "ann").await, (3, None));
    clock.advance(Duration::from_millis(499));
    assert_eq!(take(&one, "ann").await, (0, Some(1)));
    clock.advance(Duration::from_millis(1));
    assert_eq!(take(&other, "ann").await, (0, None));
    assert_eq!(take(&one, "ann").await, (0, Some(500)));
    // A long pause allows no more than the burst.
    clock.advance(Duration::from_secs(3600));
    assert_eq!(take(&one, "ann").await, (3, None));
    // After a step of the clock backwards, the caller waits no longer than for a whole burst.
    let behind = open(&namespace).await.with_clock(Arc::new(ManualClock::new(Timestamp::from_millis(1000))));
    assert_eq!(take(&behind, "ann").await, (0, Some(500)));
    // A higher limit holds at once.
    assert!(one.take("acme", &[pace("ann", 1000, 2000)], 1).await.unwrap().wait.is_none());
}

fn pace(name: &str, per_second: u32, burst: u32) -> Pace<'_> {
    Pace { name, per_second, burst }
}

#[tokio::test]
async fn a_request_takes_of_all_its_paces_or_of_none() {
    let server = RedisServer::for_tests().unwrap();
    let queue = RedisQueue::connect(server.url(), &RedisServer::fresh_namespace()).await.unwrap();
    let queue = queue.with_clock(clock());
    let take = async |group: &str, caller: &str, most: u32| {
        let paces = [pace(caller, 1, 4), pace("tenant", 2, 6)];
        let Taken { taken, remaining, wait } = queue.take(group, &paces, most).await.unwrap();
        (taken, remaining, wait.map(|wait| wait.as_millis()))
    };
    // The tighter pace decides how many are left.
    assert_eq!(take("acme", "ann", 1).await, (1, 3, None));
    assert_eq!(take("acme", "ann", 2).await, (2, 1, None));
    assert_eq!(take("acme", "bob", 1).await, (1, 2, None));
    // No more than there are.
    assert_eq!(take("acme", "ann", 9).await, (1, 0, None));
    assert_eq!(take("acme", "ann", 1).await, (0, 0, Some(1000)));
    // The refused one took nothing of the tenant.
    assert_eq!(take("acme", "bob", 9).await, (1, 0, None));
    // Nor does a tenant without requests take of its callers.
    assert_eq!(take("acme", "eve", 9).await, (0, 0, Some(500)));
    assert_eq!(queue.take("acme", &[pace("eve", 1, 4)], 1).await.unwrap().remaining, 3);
    // Another tenant has paces of its own, whatever the names of its callers.
    assert_eq!(take("example", "ann", 1).await, (1, 3, None));
}

#[tokio::test]
async fn a_count_of_requests_goes_by_itself() {
    let server = RedisServer::start(RedisOptions::default()).unwrap();
    let queue = RedisQueue::connect(server.url(), "zkflow").await.unwrap();
    for caller in ["ann", "a caller of any name \u{1f600} {x}"] {
        assert_eq!(queue.take("acme", &[pace(caller, 1, 10)], 1).await.unwrap().wait, None);
        let key = format!("{{zkflow:rate:{}}}:{}", Digest::of("acme"), Digest::of(caller));
        let answer = server.command(&format!("PTTL {key}")).unwrap();
        let left: u64 = answer.trim().trim_start_matches(':').parse().unwrap();
        assert!((1..=61_001).contains(&left), "{left} ms");
    }
}
