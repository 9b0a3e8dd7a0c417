//! A file that an earlier release wrote is opened, read and changed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use zkflow_core::service::catalog::{
    ApiKeys as _, Catalog as _, CircuitFilter, CircuitStatus, Page, ProofFilter, ProofKey, ProofRequest,
    ProofStatus, Scope,
};
use zkflow_core::service::clock::{SystemClock, Timestamp};
use zkflow_core::service::ledger::Ledger as _;
use zkflow_core::service::queue::{JobQueue as _, QueueName};
use zkflow_core::service::tenant::TenantId;
use zkflow_queue::{SqliteLedger, SqliteQueue};
use zkflow_store::{SqliteCatalog, sqlite};

/// All of a file of the last release with the driver sqlx: a circuit, proofs that are completed, failed and owed, a key.
const SQLX: &str = include_str!("sqlx.sql");

fn with_status(status: ProofStatus) -> ProofFilter {
    ProofFilter { tenant: Some(TenantId::default()), status: Some(status), ..ProofFilter::default() }
}

#[tokio::test]
async fn a_file_of_the_driver_sqlx_keeps_its_documents_keys_and_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    sqlite::rusqlite::Connection::open(&path).unwrap().execute_batch(SQLX).unwrap();
    let database = sqlite::open(&path).await.unwrap();
    let catalog = SqliteCatalog::open(database.clone()).await.unwrap();
    let queue = Arc::new(SqliteQueue::open(database, Arc::new(SystemClock)).await.unwrap());
    let ledger = SqliteLedger::new(queue.clone());

    assert!(catalog.installation().await.unwrap().is_some());
    let circuits = catalog.circuits().list(&CircuitFilter::default(), &Page::first(9)).await.unwrap();
    let [circuit] = circuits.try_into().unwrap();
    assert_eq!((circuit.life.status, circuit.artifacts.len()), (CircuitStatus::Ready, 9));
    for (status, number) in [(ProofStatus::Completed, 1), (ProofStatus::Failed, 1), (ProofStatus::Pending, 2)]
    {
        let found = catalog.proofs().list(&with_status(status), &Page::first(9)).await.unwrap();
        assert_eq!(found.len(), number, "{status:?}");
        assert!(found.iter().all(|proof| proof.artifacts.is_some() == (status == ProofStatus::Completed)));
    }
    // Columns and tables of later versions.
    let [failed]: [ProofRequest; 1] = catalog
        .proofs()
        .list(&with_status(ProofStatus::Failed), &Page::first(9))
        .await
        .unwrap()
        .try_into()
        .unwrap();
    let code = failed.life.error.as_ref().unwrap().code.clone();
    let by_code = ProofFilter { error_code: Some(code), ..with_status(ProofStatus::Failed) };
    assert_eq!(catalog.proofs().list(&by_code, &Page::first(9)).await.unwrap(), [failed]);
    assert_eq!(catalog.workers().workers().await.unwrap(), []);
    let digest = "c4b97bcc6e6e275ba7da976f79b8ffadc6bc29b02e453ede981133c22eb37011".parse().unwrap();
    let key = catalog.by_digest(&digest).await.unwrap().unwrap();
    assert_eq!((key.tenant.as_str(), &*key.name), ("acme", "CI"));
    assert!(key.scopes.contains(&Scope::ProofsRead) && !key.scopes.contains(&Scope::Admin));

    // The job of an owed proof is handed out, and ends with its document.
    let user = Some("ann".parse().unwrap());
    let wanted = ProofKey { tenant: TenantId::default(), user_id: user, key: "pending-30".to_owned() };
    let owed: ProofRequest = catalog.proofs().by_key(&wanted).await.unwrap().unwrap();
    let lease = Duration::from_secs(60);
    let leases = queue.lease(QueueName::ProofGeneration, 2, lease, Duration::ZERO).await.unwrap();
    let [first, second] = leases.try_into().unwrap();
    assert_eq!(first.job.subject, owed.id.to_string());
    let mut ended = owed.clone();
    ended.cancel(Timestamp::from_millis(1)).unwrap();
    let (ended, completed) = ledger.proofs().finish(ended, &first.token).await.unwrap();
    assert!(completed && ended.life.status == ProofStatus::Cancelled);
    assert_eq!(queue.job(&first.job.id).await.unwrap(), None);
    queue.complete(&second.token).await.unwrap();
}
