//! `zkflow jobs`: the jobs and the queues of a server.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use zkflow_client::blocking::Client;
use zkflow_client::{ClientError, JobFilter};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::queue::QueueName;

use super::output::tell;
use super::server::ServerArgs;
use super::{Error, printable};

/// Jobs that the server changes with one request.
const AT_A_TIME: usize = 200;
/// Every process obeys a pause after this time: it reads the pauses every 5 seconds, and may just look for a job.
const KNOWN_EVERYWHERE: Duration = Duration::from_secs(8);

/// Subcommands of `zkflow jobs`.
#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List the queues with the numbers of their jobs
    Queues(ServerArgs),
    /// List the jobs of a queue, newest first
    List(ListArgs),
    /// Repeat failed jobs and dead letters. Failed proofs and deployments cannot be repeated: their inputs and secrets are
    /// destroyed
    Retry(ChangeArgs),
    /// Delete the circuits, proof requests, deployments, ceremonies or deliveries of failed jobs
    Delete(ChangeArgs),
    /// Remove dead letters: of jobs, of a queue, or of all queues; the documents of their jobs remain
    Purge(PurgeArgs),
    /// Pause a queue: running jobs end, and no further one starts in any process. With --wait, the queue is drained when the
    /// command ends
    Pause(PauseArgs),
    /// Resume a queue
    Resume(QueueArgs),
}

/// A queue, and the state of its jobs.
#[derive(Debug, Args)]
struct Place {
    /// Queue: key-generation, proof-generation, deploy, ceremony, webhooks or cleanup
    queue: QueueName,
    /// State of the jobs
    #[arg(long, value_enum, default_value_t = State::Failed)]
    state: State,
    /// Only jobs with this text in their id, tenant, stage or error, in upper or lower case
    #[arg(long, value_name = "TEXT")]
    containing: Option<String>,
    /// Only jobs that failed with this code, such as constraint_failed
    #[arg(long, value_name = "CODE")]
    error_code: Option<String>,
    /// Only jobs of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only jobs requested before, and dead letters that died before, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    before: Option<Timestamp>,
}

/// State of a job.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    /// It waits for a worker, or runs
    Pending,
    /// Its circuit, proof request, deployment, ceremony or delivery has failed
    Failed,
    /// Its attempts are used up: a dead letter
    Dead,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }
}

/// Arguments of `zkflow jobs list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    server: ServerArgs,
}

/// Arguments of `zkflow jobs retry` and `zkflow jobs delete`.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    #[command(flatten)]
    place: Place,
    /// Ids of jobs, as `zkflow jobs list` prints them
    #[arg(required_unless_present = "all", conflicts_with_all = ["all", "state", "containing", "error_code", "tenant", "before"])]
    ids: Vec<String>,
    /// All jobs of this state that meet the other conditions
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Arguments of `zkflow jobs purge`.
#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    /// Queue: key-generation, proof-generation, deploy, ceremony, webhooks or cleanup
    #[arg(required_unless_present = "before", conflicts_with = "before")]
    queue: Option<QueueName>,
    /// Ids of jobs, as `zkflow jobs list` prints them
    #[arg(required_unless_present_any = ["all", "before"], conflicts_with_all = ["all", "before"])]
    ids: Vec<String>,
    /// All dead letters of the queue
    #[arg(long, conflicts_with = "before")]
    all: bool,
    /// Those of all queues that died before, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    before: Option<Timestamp>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Arguments of `zkflow jobs pause`.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    queue: QueueArgs,
    /// Wait until no job of the queue runs in any process
    #[arg(long)]
    wait: bool,
    /// Time limit of --wait in seconds; the queue stays paused
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, requires = "wait")]
    patience: u64,
}

/// A queue of a server.
#[derive(Debug, Args)]
pub(crate) struct QueueArgs {
    /// Queue: key-generation, proof-generation, deploy, ceremony, webhooks or cleanup
    queue: QueueName,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn jobs(command: &JobsCommand) -> Result<ExitCode, Error> {
    match command {
        JobsCommand::Queues(server) => queues(&server.client()?)?,
        JobsCommand::List(ListArgs { place, server }) => {
            for job in place.jobs(&server.client()?)? {
                show(&job);
            }
        }
        JobsCommand::Retry(args) => return change(args, Client::retry_jobs, Client::retry_matching_jobs),
        JobsCommand::Delete(args) => return change(args, Client::delete_jobs, Client::delete_matching_jobs),
        JobsCommand::Purge(args) => {
            println!("{} dead letters are removed", purge(args)?);
        }
        JobsCommand::Pause(args) => pause(args)?,
        JobsCommand::Resume(args) => paused(&args.server.client()?.resume_queue(args.queue.as_str())?),
    }
    Ok(ExitCode::SUCCESS)
}

impl Place {
    fn filter(&self) -> JobFilter {
        JobFilter {
            state: self.state.as_str().to_owned(),
            error_code: self.error_code.clone(),
            tenant: self.tenant.clone(),
            containing: self.containing.clone(),
            before: self.before.map(|before| before.to_string()),
        }
    }

    /// The jobs of this queue that match.
    fn jobs(&self, client: &Client) -> Result<Vec<Value>, Error> {
        let (filter, mut jobs, mut cursor) = (self.filter(), Vec::new(), None);
        loop {
            let mut page = client.jobs(self.queue.as_str(), &filter, cursor.as_deref())?;
            jobs.extend(serde_json::from_value::<Vec<Value>>(page["jobs"].take())?);
            cursor = page["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(jobs);
            }
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("-")
}

fn show(job: &Value) {
    let error = &job["error"];
    let why = match error["code"].as_str() {
        Some(code) => format!("  {code}: {}", text(error, "message")),
        None => job["lastError"].as_str().map_or_else(String::new, |why| format!("  {why}")),
    };
    let [id, tenant, stage, at] = ["subject", "tenant", "stage", "updatedAt"].map(|name| text(job, name));
    // Messages have several lines, and texts of tenants.
    let why = printable(&why).replace('\n', " ");
    println!("{id}  {at}  {tenant}  {stage}  {} attempts{why}", job["attempt"]);
}

/// Changes the chosen jobs: those with the ids, or all that match. The exit code is a failure if one of them is not changed.
fn change(
    args: &ChangeArgs,
    chosen: fn(&Client, &str, &[String]) -> Result<Value, ClientError>,
    matching: fn(&Client, &str, &JobFilter, Option<&str>) -> Result<Value, ClientError>,
) -> Result<ExitCode, Error> {
    let (client, queue) = (args.server.client()?, args.place.queue.as_str());
    let mut all = true;
    if args.all {
        let (filter, mut cursor) = (args.place.filter(), None);
        loop {
            let answer = matching(&client, queue, &filter, cursor.as_deref())?;
            cursor = answer["nextCursor"].as_str().map(str::to_owned);
            all &= show_results(answer)?;
            if cursor.is_none() {
                break;
            }
        }
    }
    for part in args.ids.chunks(AT_A_TIME) {
        all &= show_results(chosen(&client, queue, part)?)?;
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the outcomes. Returns whether all jobs are changed.
fn show_results(mut answer: Value) -> Result<bool, Error> {
    let results: Vec<Value> = serde_json::from_value(answer["results"].take())?;
    let mut all = true;
    for result in &results {
        let outcome = text(result, "outcome");
        all &= matches!(outcome, "retried" | "deleted");
        println!("{}  {}", printable(text(result, "subject")), outcome.replace('_', " "));
    }
    Ok(all)
}

/// Returns the number of removed dead letters.
fn purge(args: &PurgeArgs) -> Result<u64, Error> {
    let client = args.server.client()?;
    let removed = |answer: Value| answer["removed"].as_u64().unwrap_or(0);
    match (args.queue, args.before) {
        (Some(queue), _) if args.all => Ok(removed(client.remove_letters(queue.as_str(), None)?)),
        (Some(queue), _) => {
            let parts = args.ids.chunks(AT_A_TIME);
            parts.map(|ids| Ok(removed(client.remove_letters(queue.as_str(), Some(ids))?))).sum()
        }
        (None, before) => Ok(removed(client.purge_jobs(&before.unwrap_or(Timestamp::LATEST).to_string())?)),
    }
}

fn pause(args: &PauseArgs) -> Result<(), Error> {
    let (client, queue) = (args.queue.server.client()?, args.queue.queue.as_str());
    let answer = client.pause_queue(queue)?;
    if args.wait {
        drained(&client, queue, Duration::from_secs(args.patience))?;
    }
    paused(&answer);
    Ok(())
}

/// Waits until no job of a paused queue runs.
fn drained(client: &Client, queue: &str, patience: Duration) -> Result<(), Error> {
    let began = Instant::now();
    let mut shown = 0;
    loop {
        let queues = queues_of(client)?;
        let place = queues.iter().find(|one| one["queue"] == *queue);
        let place = place.ok_or_else(|| format!("the server's overview has no queue {queue}"))?;
        if place["paused"] != true && began.elapsed() >= KNOWN_EVERYWHERE {
            return Err(format!("{queue} was resumed").into());
        }
        let running =
            place["leased"].as_u64().ok_or("the server's overview has no number of running jobs")?;
        if running == 0 && began.elapsed() >= KNOWN_EVERYWHERE {
            return Ok(());
        }
        if began.elapsed() >= patience {
            let patience = patience.as_secs();
            return Err(
                format!("{queue} is paused and not drained after {patience} s: {running} running").into()
            );
        }
        if running != shown {
            tell(format_args!("{queue}  {running} running"));
            shown = running;
        }
        sleep(Duration::from_secs(1).min(patience.saturating_sub(began.elapsed())));
    }
}

fn queues_of(client: &Client) -> Result<Vec<Value>, Error> {
    Ok(serde_json::from_value(client.overview()?["queues"].take())?)
}

fn queues(client: &Client) -> Result<(), Error> {
    for queue in &queues_of(client)? {
        let waiting = queue["ready"].as_u64().unwrap_or(0) + queue["delayed"].as_u64().unwrap_or(0);
        let (running, dead) = (&queue["leased"], &queue["dead"]);
        let paused = if queue["paused"] == true { "  paused" } else { "" };
        println!("{:<16}  {waiting} waiting  {running} running  {dead} dead{paused}", text(queue, "queue"));
    }
    Ok(())
}

fn paused(queue: &Value) {
    let state = if queue["paused"] == true { "paused" } else { "running" };
    println!("{}  {state}", text(queue, "queue"));
}
