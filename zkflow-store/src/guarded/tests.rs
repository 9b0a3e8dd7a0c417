use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{Catalog, Circuit};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::store::{Artifact, ArtifactKey, ArtifactMeta, ArtifactStore, PutMode, StoreError};

use super::*;
use crate::MemoryStore;

/// A store whose next calls fail before they take effect, fail after it, or never return.
#[derive(Debug, Default)]
struct Bad {
    store: MemoryStore,
    before: AtomicU32,
    after: AtomicU32,
    silent: AtomicU32,
    calls: AtomicU32,
}

fn take(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn lost<T>() -> Result<T, StoreError> {
    Err(StoreError::backend("testing", "the connection was reset"))
}

impl Bad {
    async fn call<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if take(&self.silent) {
            std::future::pending::<()>().await;
        }
        if take(&self.before) {
            return lost();
        }
        let result = call.await;
        if take(&self.after) { lost() } else { result }
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl ArtifactStore for Bad {
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError> {
        self.call(self.store.put(key, body, mode)).await
    }

    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        self.call(self.store.get(key)).await
    }

    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
        self.call(self.store.head(key)).await
    }

    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError> {
        self.call(self.store.delete(key)).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>> {
        self.store.list(prefix)
    }
}

/// The default policy with times divided by 100, except for a longer `rest`.
fn quick() -> Policy {
    let of = Policy::default();
    let [deadline, budget, pause, rest] =
        [of.deadline, of.budget, of.pause, of.rest * 20].map(|time| time / 100);
    Policy { deadline, budget, pause, rest, ..of }
}

fn guarded() -> (Arc<Bad>, GuardedStore) {
    let bad = Arc::new(Bad::default());
    (bad.clone(), GuardedStore::new(bad, quick()))
}

fn key() -> ArtifactKey {
    "a/b".parse().unwrap()
}

async fn create(store: &GuardedStore, body: &'static str) -> Result<ArtifactMeta, StoreError> {
    store.put(&key(), Bytes::from_static(body.as_bytes()), PutMode::Create).await
}

#[tokio::test]
async fn a_failure_that_passes_is_not_seen() {
    let (bad, store) = guarded();
    bad.before.store(3, Ordering::SeqCst);
    create(&store, "1").await.unwrap();
    bad.before.store(3, Ordering::SeqCst);
    assert_eq!(store.get(&key()).await.unwrap().body, "1");
    assert_eq!(bad.calls(), 8);
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_succeeds_and_another_does_not() {
    let (bad, store) = guarded();
    bad.after.store(1, Ordering::SeqCst);
    create(&store, "1").await.unwrap();
    bad.before.store(1, Ordering::SeqCst);
    assert!(matches!(create(&store, "2").await, Err(StoreError::Exists(_))));
    assert!(matches!(create(&store, "1").await, Err(StoreError::Exists(_))), "no answer was lost");
}

#[tokio::test]
async fn what_is_no_failure_of_the_backend_is_not_tried_again() {
    let (bad, store) = guarded();
    assert!(matches!(store.get(&key()).await, Err(StoreError::NotFound(_))));
    assert_eq!(bad.calls(), 1);
}

#[tokio::test]
async fn a_call_without_an_answer_ends() {
    let (bad, store) = guarded();
    bad.silent.store(u32::MAX, Ordering::SeqCst);
    let began = Instant::now();
    let error = store.head(&key()).await.unwrap_err();
    assert!(began.elapsed() >= quick().deadline, "{:?}", began.elapsed());
    assert_eq!(bad.calls(), 2, "an attempt began after the budget");
    assert!(
        std::error::Error::source(&error).unwrap().to_string().contains("no answer within 0.1 s"),
        "{error:?}"
    );
}

#[tokio::test]
async fn after_failures_in_a_row_one_call_a_rest_is_made_until_one_succeeds() {
    let (bad, store) = guarded();
    create(&store, "1").await.unwrap();
    bad.before.store(6, Ordering::SeqCst);
    for _ in 0..2 {
        store.head(&key()).await.unwrap_err();
    }
    let made = bad.calls();
    assert_eq!(made, 6, "expected one put and five failed heads");
    let error = store.head(&key()).await.unwrap_err();
    assert_eq!(bad.calls(), made, "a blocked call reached the backend");
    let reason = std::error::Error::source(&error).unwrap().to_string();
    assert!(reason.contains("5 failures in a row") && reason.contains("connection was reset"), "{reason}");
    tokio::time::sleep(quick().rest).await;
    store.head(&key()).await.unwrap_err();
    assert_eq!(bad.calls(), made + 1, "expected that one call is let through");
    tokio::time::sleep(quick().rest).await;
    store.head(&key()).await.unwrap();
    store.head(&key()).await.unwrap();
    assert_eq!(bad.calls(), made + 3, "expected that all calls are made again");
}

mod catalog {
    use zkflow_core::service::catalog::{
        CatalogError, Ceremony, Collection, Deployment, Idempotency, Page, ProofRequest, Stored,
    };
    use zkflow_core::service::id::{InstallationId, ProofId};

    use super::*;
    use crate::MemoryCatalog;

    /// A catalog whose next writes take effect but return an error.
    #[derive(Debug, Default)]
    struct Lossy {
        catalog: MemoryCatalog,
        lost: AtomicU32,
    }

    impl Lossy {
        fn answer<T>(&self, result: Result<T, CatalogError>) -> Result<T, CatalogError> {
            if take(&self.lost) {
                Err(CatalogError::backend("testing", "the connection was reset"))
            } else {
                result
            }
        }
    }

    #[async_trait]
    impl Catalog for Lossy {
        fn circuits(&self) -> &dyn Collection<Circuit> {
            self
        }
        fn proofs(&self) -> &dyn Collection<ProofRequest> {
            self
        }
        fn deployments(&self) -> &dyn Collection<Deployment> {
            self
        }
        fn ceremonies(&self) -> &dyn Collection<Ceremony> {
            self
        }
        fn deliveries(&self) -> &dyn Collection<zkflow_core::service::catalog::Delivery> {
            self
        }
        fn keys(&self) -> &dyn zkflow_core::service::catalog::ApiKeys {
            self.catalog.keys()
        }
        fn sessions(&self) -> &dyn zkflow_core::service::catalog::Sessions {
            self.catalog.sessions()
        }
        fn audit_log(&self) -> &dyn zkflow_core::service::catalog::AuditLog {
            self.catalog.audit_log()
        }
        fn usage_log(&self) -> &dyn zkflow_core::service::catalog::UsageLog {
            self.catalog.usage_log()
        }
        fn history(&self) -> &dyn zkflow_core::service::catalog::History {
            self.catalog.history()
        }
        fn workers(&self) -> &dyn zkflow_core::service::catalog::Workers {
            self.catalog.workers()
        }
        fn spending(&self) -> &dyn zkflow_core::service::catalog::Spending {
            self.catalog.spending()
        }
        async fn expired_proofs(
            &self,
            now: Timestamp,
            limit: usize,
        ) -> Result<Vec<ProofRequest>, CatalogError> {
            self.catalog.expired_proofs(now, limit).await
        }
        async fn installation(&self) -> Result<Option<InstallationId>, CatalogError> {
            self.catalog.installation().await
        }
        async fn bind(&self, id: &InstallationId, replace: bool) -> Result<InstallationId, CatalogError> {
            self.catalog.bind(id, replace).await
        }
    }

    #[async_trait]
    impl<D: Stored> Collection<D> for Lossy {
        async fn insert(&self, document: D) -> Result<(D, bool), CatalogError> {
            let all = D::collection(&self.catalog);
            let inserted = all.insert(document).await;
            // A worker begins before the answer arrives.
            if self.lost.load(Ordering::SeqCst) > 0
                && let Ok((document, true)) = &inserted
            {
                let mut begun = document.clone();
                begun.begin(1, Timestamp::from_millis(9)).unwrap();
                all.replace(begun).await.unwrap();
            }
            self.answer(inserted)
        }
        async fn get(&self, id: &D::Id) -> Result<Option<D>, CatalogError> {
            D::collection(&self.catalog).get(id).await
        }
        async fn by_key(&self, key: &D::Key) -> Result<Option<D>, CatalogError> {
            D::collection(&self.catalog).by_key(key).await
        }
        async fn replace(&self, document: D) -> Result<D, CatalogError> {
            self.answer(D::collection(&self.catalog).replace(document).await)
        }
        async fn delete(&self, document: &D) -> Result<(), CatalogError> {
            D::collection(&self.catalog).delete(document).await
        }
        async fn list(&self, filter: &D::Filter, page: &Page) -> Result<Vec<D>, CatalogError> {
            D::collection(&self.catalog).list(filter, page).await
        }
    }

    fn setup() -> (Arc<Lossy>, GuardedCatalog) {
        let lossy = Arc::new(Lossy::default());
        (lossy.clone(), GuardedCatalog::new(lossy, quick()))
    }

    fn circuit(created: i64) -> Circuit {
        let template = "rangeCheck".parse().unwrap();
        Circuit::new(Digest::of("c"), template, serde_json::Map::new(), Timestamp::from_millis(created))
    }

    #[tokio::test]
    async fn an_insert_whose_answer_was_lost_added_the_document_and_another_did_not() {
        let (lossy, catalog) = setup();
        let insert = async |created| {
            let (present, added) = catalog.circuits().insert(circuit(created)).await.unwrap();
            (present.life.created_at.as_millis(), present.life.attempt, added)
        };
        lossy.lost.store(1, Ordering::SeqCst);
        assert_eq!(insert(1).await, (1, 1, true), "work on it has begun");
        lossy.lost.store(1, Ordering::SeqCst);
        assert_eq!(insert(2).await, (1, 1, false), "another insert of the same circuit");
        assert_eq!(insert(1).await, (1, 1, false), "no answer was lost");
    }

    #[tokio::test]
    async fn a_request_whose_answer_was_lost_is_the_same_when_work_on_it_has_begun() {
        let (lossy, catalog) = setup();
        let now = Timestamp::from_millis(1);
        let proof = |key: &str| {
            let idempotency = Idempotency { key: key.to_owned(), fingerprint: "f".to_owned() };
            let (id, keep) = (ProofId::generate(now), Duration::from_secs(60));
            ProofRequest::new(id, circuit(1).id, None, Some(idempotency), now, keep)
        };
        let (first, second) = (proof("k"), proof("k"));
        lossy.lost.store(1, Ordering::SeqCst);
        let (present, added) = catalog.proofs().insert(first.clone()).await.unwrap();
        assert_eq!((&present.id, present.life.attempt, added), (&first.id, 1, true));
        lossy.lost.store(1, Ordering::SeqCst);
        let (present, added) = catalog.proofs().insert(second).await.unwrap();
        assert_eq!((present.id, added), (first.id, false), "another request under the same key");
    }

    #[tokio::test]
    async fn a_change_whose_answer_was_lost_was_made_and_a_stale_one_was_not() {
        let (lossy, catalog) = setup();
        let (read, _) = catalog.circuits().insert(circuit(1)).await.unwrap();
        lossy.lost.store(1, Ordering::SeqCst);
        let mut document = read.clone();
        document.life.attempt = 1;
        let changed = catalog.circuits().replace(document).await.unwrap();
        assert_eq!((changed.life.attempt, changed.life.epoch), (1, read.life.epoch + 1));
        lossy.lost.store(1, Ordering::SeqCst);
        let mut document = read;
        document.life.attempt = 2;
        let stale = catalog.circuits().replace(document).await;
        assert!(matches!(stale, Err(CatalogError::Stale(_))), "{stale:?}");
        assert_eq!(catalog.circuits().get(&changed.id).await.unwrap(), Some(changed));
    }
}
