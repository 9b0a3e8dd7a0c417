//! Conformance suite of [`Catalog`].

mod audit;
mod history;
mod keys;
mod kinds;
pub(super) mod sample;
mod sessions;
mod spending;
mod usage;
mod workers;

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use futures::future;

use crate::service::catalog::{
    Catalog, CatalogError, Ceremony, Circuit, Collection, Delivery, Deployment, Document, Failure, Life,
    Page, ProofRequest, Stage, Status,
};
use crate::service::clock::Timestamp;
use crate::service::id::InstallationId;
use crate::service::tenant::TenantId;
use sample::Sample;

/// The catalog under test.
type Subject = Arc<dyn Catalog>;

/// Runs every check, each on a new, empty catalog from `make`.
///
/// # Panics
/// A check fails.
pub async fn catalog<T: Catalog>(make: impl AsyncFn() -> T) {
    let make = async || shared(make().await);
    every_kind::<Circuit>(&make).await;
    every_kind::<ProofRequest>(&make).await;
    every_kind::<Deployment>(&make).await;
    every_kind::<Ceremony>(&make).await;
    every_kind::<Delivery>(&make).await;

    kinds::a_ready_circuit_survives_as_it_was_written(make().await).await;
    kinds::an_imported_circuit_survives_as_it_was_written(make().await).await;
    kinds::circuits_are_filtered(make().await).await;
    kinds::circuits_are_filtered_by_their_keys(make().await).await;
    kinds::circuits_are_searched(make().await).await;
    kinds::a_completed_proof_survives_as_it_was_written(make().await).await;
    kinds::a_user_has_keys_of_their_own(make().await).await;
    kinds::a_tenant_has_keys_and_lists_of_its_own(make().await).await;
    kinds::requests_without_a_user_share_their_keys(make().await).await;
    kinds::proofs_are_filtered(make().await).await;
    kinds::expired_proofs_come_earliest_first(make().await).await;
    kinds::a_confirmed_deployment_survives_as_it_was_written(make().await).await;
    kinds::a_circuit_has_keys_of_its_own(make().await).await;
    kinds::deployments_are_filtered(make().await).await;
    kinds::a_completed_ceremony_survives_as_it_was_written(make().await).await;
    kinds::ceremonies_are_filtered_and_have_keys_by_tenant(make().await).await;
    kinds::a_delivery_is_found_by_its_subject_and_tenant(make().await).await;
    kinds::a_callback_survives_as_it_was_written(make().await).await;

    a_catalog_belongs_to_one_installation(make().await).await;
    keys::a_key_is_found_by_its_digest_and_id(make().await).await;
    keys::changes_of_a_key_do_not_undo_each_other(make().await).await;
    keys::keys_are_listed_by_tenant(make().await).await;
    sessions::a_session_survives_as_it_was_written_until_it_ends(make().await).await;
    sessions::the_oldest_sessions_of_a_caller_end(make().await).await;
    sessions::sessions_that_are_over_are_removed(make().await).await;
    audit::entries_are_read_back_in_order(make().await).await;
    audit::one_of_many_entries_gets_a_number(make().await).await;
    usage::counts_of_many_calls_are_all_added(make().await).await;
    usage::usage_is_listed_by_day_and_tenant(make().await).await;
    usage::sums_are_by_account_and_period(make().await).await;
    history::counts_of_many_calls_are_all_added(make().await).await;
    history::old_slots_are_removed(make().await).await;
    spending::a_change_of_an_older_value_is_refused(make().await).await;
    spending::accounts_spend_apart(make().await).await;
    spending::sums_of_many_writers_are_all_counted(make().await).await;
    workers::a_process_is_listed_as_it_announced_itself_last(make().await).await;
    workers::a_process_that_withdraws_is_gone(make().await).await;
    workers::the_last_seen_processes_are_kept(make().await).await;
}

/// The first of several ids stays, until another one replaces it.
async fn a_catalog_belongs_to_one_installation(catalog: Subject) {
    assert_eq!(catalog.installation().await.expect("installation"), None, "a new catalog has an id");
    let ids: Vec<_> = (0..16).map(|i| InstallationId::generate(moment(i))).collect();
    let bound = future::join_all(ids.iter().map(|id| catalog.bind(id, false))).await;
    let bound: Vec<_> = bound.into_iter().map(|id| id.expect("bind")).collect();
    assert!(bound.iter().all(|id| *id == bound[0] && ids.contains(id)), "{bound:?}");
    assert_eq!(catalog.installation().await.expect("installation").as_ref(), Some(&bound[0]));
    let other = InstallationId::generate(moment(99));
    assert_eq!(catalog.bind(&other, false).await.expect("bind"), bound[0], "the id was replaced");
    assert_eq!(catalog.bind(&other, true).await.expect("bind"), other, "the id was not replaced");
    assert_eq!(catalog.installation().await.expect("installation"), Some(other));
}

/// The checks of one [`Collection`].
async fn every_kind<D: Sample>(make: &impl AsyncFn() -> Subject) {
    a_document_survives_as_it_was_written::<D>(make().await).await;
    a_key_is_inserted_once::<D>(make().await).await;
    documents_without_a_key_are_all_added::<D>(make().await).await;
    one_of_many_inserts_adds_the_document::<D>(make().await).await;
    a_key_is_free_after_deletion::<D>(make().await).await;
    a_missing_document_is_none::<D>(make().await).await;
    a_replaced_document_has_the_next_epoch::<D>(make().await).await;
    a_stale_document_is_refused::<D>(make().await).await;
    one_of_many_writers_wins::<D>(make().await).await;
    a_deleted_document_is_gone::<D>(make().await).await;
    a_document_that_changed_is_not_deleted::<D>(make().await).await;
    a_document_that_was_added_again_is_not_deleted::<D>(make().await).await;
    documents_are_listed_newest_first::<D>(make().await).await;
    pages_have_no_gap_and_no_repeat::<D>(make().await).await;
    a_list_follows_the_status::<D>(make().await).await;
}

/// Every field is read back unchanged.
async fn a_document_survives_as_it_was_written<D: Sample>(catalog: Subject) {
    for mut document in [D::sample(1_000), D::keyed(2_000, "k"), D::sample(3_000)] {
        document.begin(7, moment(4_000)).expect("it is pending");
        document.advance(D::Stage::DONE, Duration::from_millis(12), moment(5_000)).expect("it is pending");
        if document.life().created_at == moment(3_000) {
            document.fail(failure(), moment(6_000)).expect("it is pending");
        }
        let (stored, added) = all::<D>(&catalog).insert(document.clone()).await.expect("insert");
        assert!(added, "a new document was not added");
        assert_eq!(stored, document, "insert changed the document");
        assert_eq!(read(&catalog, &document).await, document, "the document was read back changed");
    }
}

/// A second insert under a key returns the first document and writes nothing.
async fn a_key_is_inserted_once<D: Sample>(catalog: Subject) {
    let (first, again) = (D::keyed(1_000, "k"), D::keyed(9_000, "k"));
    all::<D>(&catalog).insert(first.clone()).await.expect("insert");
    let (stored, added) = all::<D>(&catalog).insert(again).await.expect("insert");
    assert!(!added, "a key was added twice");
    assert_eq!(stored, first, "the second insert did not return the first document");
    assert_eq!(read(&catalog, &first).await, first, "the second insert overwrote the first document");
    let key = first.key().expect("it has a key");
    assert_eq!(all::<D>(&catalog).by_key(&key).await.expect("by_key"), Some(first));
    let other = D::keyed(0, "K").key().expect("it has a key");
    assert_eq!(all::<D>(&catalog).by_key(&other).await.expect("by_key"), None, "keys differ in their case");
    let (_, added) = all::<D>(&catalog).insert(D::keyed(1_000, "K")).await.expect("insert");
    assert!(added, "a key blocks another one");
}

/// Documents without a key are never duplicates, unless the id is equal: then an answer was lost.
async fn documents_without_a_key_are_all_added<D: Sample>(catalog: Subject) {
    for _ in 0..3 {
        assert!(all::<D>(&catalog).insert(D::sample(0)).await.expect("insert").1, "a document was not added");
    }
    let document = D::sample(0);
    if document.key().is_some() {
        return;
    }
    all::<D>(&catalog).insert(document.clone()).await.expect("insert");
    let changed = all::<D>(&catalog).replace(document.clone()).await.expect("replace");
    let again = all::<D>(&catalog).insert(document).await.expect("insert");
    assert_eq!(again, (changed, true), "a repeated insert does not return the document");
}

/// Concurrent inserts under one key add one document, and all return it.
async fn one_of_many_inserts_adds_the_document<D: Sample>(catalog: Subject) {
    let inserts = (0..16).map(|i| all::<D>(&catalog).insert(D::keyed(i, "k")));
    let results: Vec<_> = future::join_all(inserts).await.into_iter().map(|r| r.expect("insert")).collect();
    let added = results.iter().filter(|(_, added)| *added).count();
    assert_eq!(added, 1, "{added} of 16 inserts under one key were added");
    assert!(results.iter().all(|(one, _)| *one == results[0].0), "the inserts returned different documents");
}

/// Removing a document frees its key.
async fn a_key_is_free_after_deletion<D: Sample>(catalog: Subject) {
    let document = D::keyed(0, "k");
    all::<D>(&catalog).insert(document.clone()).await.expect("insert");
    all::<D>(&catalog).delete(&document).await.expect("delete");
    let key = document.key().expect("it has a key");
    assert_eq!(
        all::<D>(&catalog).by_key(&key).await.expect("by_key"),
        None,
        "a deleted document is found by its key"
    );
    assert!(all::<D>(&catalog).insert(D::keyed(0, "k")).await.expect("insert").1, "the key is still taken");
}

/// A missing document reads as `None`; replacing it is stale; deleting it succeeds.
async fn a_missing_document_is_none<D: Sample>(catalog: Subject) {
    let document = D::keyed(0, "k");
    assert_eq!(all::<D>(&catalog).get(document.id()).await.expect("get"), None);
    let key = document.key().expect("it has a key");
    assert_eq!(all::<D>(&catalog).by_key(&key).await.expect("by_key"), None);
    all::<D>(&catalog).delete(&document).await.expect("deleting a missing document succeeds");
    assert_stale(all::<D>(&catalog).replace(document).await, "replacing a missing document");
}

/// `replace` stores and returns the document with `epoch + 1`.
async fn a_replaced_document_has_the_next_epoch<D: Sample>(catalog: Subject) {
    let (mut document, _) = all::<D>(&catalog).insert(D::sample(0)).await.expect("insert");
    document.fail(failure(), moment(5)).expect("it is pending");
    let replaced = all::<D>(&catalog).replace(document.clone()).await.expect("replace");
    assert_eq!(replaced, with_life(document, |life| life.epoch += 1));
    assert_eq!(read(&catalog, &replaced).await, replaced, "the change was read back changed");
    let again = all::<D>(&catalog).replace(replaced.clone()).await.expect("replace what replace returned");
    assert_eq!(again.life().epoch, replaced.life().epoch + 1);
}

/// A write based on an old version fails and changes nothing.
async fn a_stale_document_is_refused<D: Sample>(catalog: Subject) {
    let (old, _) = all::<D>(&catalog).insert(D::sample(0)).await.expect("insert");
    let new = all::<D>(&catalog).replace(old.clone()).await.expect("replace");
    assert_stale(all::<D>(&catalog).replace(old).await, "replacing with an old document");
    assert_eq!(read(&catalog, &new).await, new, "a stale write changed the document");
    all::<D>(&catalog).delete(&new).await.expect("delete");
    assert_stale(all::<D>(&catalog).replace(new).await, "replacing a removed document");
}

/// Of concurrent writers of one document, one succeeds.
async fn one_of_many_writers_wins<D: Sample>(catalog: Subject) {
    let (document, _) = all::<D>(&catalog).insert(D::sample(0)).await.expect("insert");
    let writers = (1..=16).map(|attempt| {
        let changed = with_life(document.clone(), |life| life.attempt = attempt);
        all::<D>(&catalog).replace(changed)
    });
    let results = future::join_all(writers).await;
    let winners: Vec<D> = results
        .into_iter()
        .filter_map(|result| match result {
            Ok(document) => Some(document),
            Err(CatalogError::Stale(_)) => None,
            Err(error) => panic!("a losing writer failed with {error}, expected Stale"),
        })
        .collect();
    assert_eq!(winners.len(), 1, "{} of 16 writers of one epoch succeeded, expected 1", winners.len());
    assert_eq!(read(&catalog, &document).await, winners[0], "the successful write is not stored");
}

/// A deleted document is neither read, listed nor expired, and can be inserted again.
async fn a_deleted_document_is_gone<D: Sample>(catalog: Subject) {
    let (document, _) = all::<D>(&catalog).insert(D::sample(0)).await.expect("insert");
    all::<D>(&catalog).delete(&document).await.expect("delete");
    assert_eq!(all::<D>(&catalog).get(document.id()).await.expect("get"), None);
    assert!(list::<D>(&catalog, &D::Filter::default(), 9).await.is_empty(), "a deleted document is listed");
    let expired = catalog.expired_proofs(Timestamp::LATEST, 9).await.expect("expired_proofs");
    assert!(expired.is_empty(), "a deleted document expires");
    assert!(all::<D>(&catalog).insert(document).await.expect("insert").1, "its id is still taken");
}

/// A delete of an old version fails, and the document stays.
async fn a_document_that_changed_is_not_deleted<D: Sample>(catalog: Subject) {
    let (old, _) = all::<D>(&catalog).insert(D::keyed(0, "k")).await.expect("insert");
    let new = all::<D>(&catalog).replace(old.clone()).await.expect("replace");
    let deleted = all::<D>(&catalog).delete(&old).await;
    assert!(matches!(deleted, Err(CatalogError::Stale(_))), "deleting an old version: {deleted:?}");
    assert_eq!(read(&catalog, &new).await, new, "a stale delete changed the document");
    all::<D>(&catalog).delete(&new).await.expect("delete");
    all::<D>(&catalog).delete(&new).await.expect("a repeated delete succeeds");
}

/// A delete never removes a document that was added under the same id after the deleted one, even with the same epoch.
async fn a_document_that_was_added_again_is_not_deleted<D: Sample>(catalog: Subject) {
    let (first, _) = all::<D>(&catalog).insert(D::keyed(1_000, "k")).await.expect("insert");
    all::<D>(&catalog).delete(&first).await.expect("delete");
    let later = with_life(first.clone(), |life| life.created_at = moment(2_000));
    assert!(all::<D>(&catalog).insert(later.clone()).await.expect("insert").1, "its id is still taken");
    let deleted = all::<D>(&catalog).delete(&first).await;
    assert!(matches!(deleted, Err(CatalogError::Stale(_))), "deleting a removed document: {deleted:?}");
    assert_eq!(read(&catalog, &later).await, later, "the delete of another document removed this one");
}

/// Lists are ordered by `created_at`, then id, both descending, with at most `limit` entries.
async fn documents_are_listed_newest_first<D: Sample>(catalog: Subject) {
    let expected = insert_some::<D>(&catalog).await;
    let every = D::Filter::default();
    assert_eq!(list::<D>(&catalog, &every, 99).await, expected, "the list is not in order");
    assert_eq!(list::<D>(&catalog, &every, 2).await, expected[..2], "the limit is ignored");
}

/// The pages together are the list, even if entries have the same `created_at`.
async fn pages_have_no_gap_and_no_repeat<D: Sample>(catalog: Subject) {
    let expected = insert_some::<D>(&catalog).await;
    let mut page = Page::first(2);
    let mut seen = Vec::new();
    loop {
        let part = all::<D>(&catalog).list(&D::Filter::default(), &page).await.expect("list");
        let Some(last) = part.last() else { break };
        page.after = Some(last.cursor());
        seen.extend(part);
        assert!(seen.len() <= expected.len(), "the pages repeat entries");
    }
    assert_eq!(seen, expected, "the pages together are not the list");
    let since = expected[expected.len() / 2].life().created_at;
    let page = Page { since: Some(since), ..Page::first(99) };
    let young = all::<D>(&catalog).list(&D::Filter::default(), &page).await.expect("list");
    let wanted: Vec<_> = expected.iter().filter(|one| one.life().created_at >= since).cloned().collect();
    assert!(!wanted.is_empty() && wanted.len() < expected.len());
    assert_eq!(young, wanted, "the list has entries from before the moment");
    let page = Page { after: Some(wanted[0].cursor()), ..page };
    let rest = all::<D>(&catalog).list(&D::Filter::default(), &page).await.expect("list");
    assert_eq!(rest, wanted[1..], "a page behind a cursor has entries from before the moment");
    let list = async |page: Page| all::<D>(&catalog).list(&D::Filter::default(), &page).await.expect("list");
    let old: Vec<_> = expected.iter().filter(|one| one.life().created_at < since).cloned().collect();
    assert!(!old.is_empty() && old.len() < expected.len());
    let before = Page { until: Some(since), ..Page::first(99) };
    assert_eq!(list(before.clone()).await, old, "the list has entries of the moment or after it");
    let after = Some(old[0].cursor());
    assert_eq!(list(Page { after, ..before }).await, old[1..], "the page behind a cursor is another one");
    let oldest = expected[expected.len() - 1].life().created_at;
    let between = Page { since: Some(oldest), until: Some(since), ..Page::first(99) };
    assert_eq!(list(between).await, old, "the list between two moments is another one");
    let none = Page { since: Some(since), until: Some(since), ..Page::first(99) };
    assert!(list(none).await.is_empty(), "a list between equal moments has entries");
}

/// A filter by status reflects every change of status.
async fn a_list_follows_the_status<D: Sample>(catalog: Subject) {
    let documents = insert_some::<D>(&catalog).await;
    let (pending, failed) = (D::with_status(D::Status::PENDING), D::with_status(D::Status::FAILED));
    assert_eq!(list::<D>(&catalog, &pending, 99).await, documents);
    assert!(list::<D>(&catalog, &failed, 99).await.is_empty());
    let mut first = documents[0].clone();
    first.fail(failure(), moment(9)).expect("it is pending");
    let first = all::<D>(&catalog).replace(first).await.expect("replace");
    assert_eq!(list::<D>(&catalog, &failed, 99).await, std::slice::from_ref(&first));
    assert_eq!(list::<D>(&catalog, &pending, 99).await, documents[1..]);
    let with_code = D::failed_with(failed.clone(), &failure().code);
    assert_eq!(list::<D>(&catalog, &with_code, 99).await, std::slice::from_ref(&first));
    let of = |tenant: &TenantId| D::of_tenant(failed.clone(), tenant.clone());
    let other = "another".parse().expect("a tenant");
    assert_eq!(list::<D>(&catalog, &of(&first.life().tenant), 99).await, [first]);
    assert!(list::<D>(&catalog, &of(&other), 99).await.is_empty(), "a list has documents of another tenant");
}

fn shared(catalog: impl Catalog) -> Subject {
    Arc::new(catalog)
}

fn all<D: Sample>(catalog: &Subject) -> &dyn Collection<D> {
    D::collection(&**catalog)
}

async fn read<D: Sample>(catalog: &Subject, document: &D) -> D {
    let found = all::<D>(catalog).get(document.id()).await.expect("get");
    found.unwrap_or_else(|| panic!("{} {} is missing", D::KIND, document.id()))
}

async fn list<D: Sample>(catalog: &Subject, filter: &D::Filter, limit: usize) -> Vec<D> {
    all::<D>(catalog).list(filter, &Page::first(limit)).await.expect("list")
}

/// Inserts documents, some created at the same moment; returns them in the order of the list.
async fn insert_some<D: Sample>(catalog: &Subject) -> Vec<D> {
    let mut documents: Vec<D> = (0..7).map(|i| D::sample(i / 3)).collect();
    for document in &documents {
        all::<D>(catalog).insert(document.clone()).await.expect("insert");
    }
    documents.sort_by_key(|document| Reverse(document.cursor()));
    documents
}

fn with_life<D: Document>(mut document: D, change: impl FnOnce(&mut Life<D::Status, D::Stage>)) -> D {
    change(document.life_mut());
    document
}

fn failure() -> Failure {
    Failure { code: "compile_failed".to_owned(), message: "It's \"over\" \u{1F4A5}".to_owned() }
}

/// The year 2100: no backend removes these documents as expired.
const FUTURE: i64 = 4_102_444_800_000;

/// `millis` after the start of the year 2100.
fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millis(FUTURE + millis)
}

fn assert_stale<T: std::fmt::Debug>(result: Result<T, CatalogError>, what: &str) {
    assert!(matches!(result, Err(CatalogError::Stale(_))), "{what} returned {result:?}, expected Stale");
}
