use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::service::clock::Timestamp;

use super::*;
use crate::MemoryStore;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const INPUTS: &str = r#"{"age":"31415926535897932384"}"#;

fn vault(store: &Arc<MemoryStore>) -> Vault {
    Vault::new(VaultKey::parse(KEY).unwrap(), store.clone())
}

fn inputs() -> CircuitInputs {
    CircuitInputs::from_json(INPUTS.to_owned())
}

fn request() -> ProofRequest {
    let now = Timestamp::from_millis(0);
    let circuit = CircuitId::from_hash(&Digest::of("a circuit"));
    ProofRequest::new(ProofId::generate(now), circuit, None, None, now, Duration::from_secs(60))
}

async fn blob(store: &MemoryStore, request: &ProofRequest) -> Vec<u8> {
    store.get(&inputs_of(&request.id)).await.unwrap().body.to_vec()
}

async fn plant(store: &MemoryStore, request: &ProofRequest, blob: Vec<u8>) {
    store.put(&inputs_of(&request.id), blob.into(), PutMode::Overwrite).await.unwrap();
}

/// Requests that differ from `request` in one field.
fn others(request: &ProofRequest) -> Vec<ProofRequest> {
    let mut others = vec![request.clone(); 4];
    others[0].id = ProofId::generate(Timestamp::from_millis(0));
    others[1].circuit_id = CircuitId::from_hash(&Digest::of("another circuit"));
    others[2].life.tenant = "other".parse().unwrap();
    others[3].user_id = Some("other".parse().unwrap());
    others
}

#[tokio::test]
async fn sealed_inputs_open_until_they_are_destroyed() {
    let store = Arc::new(MemoryStore::new());
    let (vault, asked) = (vault(&store), request());
    vault.seal(&asked, &inputs()).await.unwrap();
    assert_eq!(vault.open(&asked).await.unwrap().expose(), INPUTS);
    vault.destroy(&asked.id).await.unwrap();
    assert!(matches!(vault.open(&asked).await, Err(VaultError::NotFound(_))));
    vault.destroy(&asked.id).await.unwrap();
}

#[tokio::test]
async fn a_store_is_used_with_one_key() {
    let store = Arc::new(MemoryStore::new());
    vault(&store).claim().await.unwrap();
    vault(&store).claim().await.unwrap();
    let other = Vault::new(VaultKey::generate(), store.clone());
    assert!(matches!(other.claim().await, Err(VaultError::OtherKey(_))));
    store.delete(&ArtifactPath::VaultKeyId.key()).await.unwrap();
    other.claim().await.unwrap();
}

#[tokio::test]
async fn a_blob_shows_nothing_and_never_repeats() {
    let store = Arc::new(MemoryStore::new());
    let (vault, asked) = (vault(&store), request());
    vault.seal(&asked, &inputs()).await.unwrap();
    let first = blob(&store, &asked).await;
    for part in INPUTS.as_bytes().windows(4) {
        assert!(!first.windows(4).any(|window| window == part), "the blob contains {part:?}");
    }
    vault.seal(&asked, &inputs()).await.unwrap();
    let second = blob(&store, &asked).await;
    assert_ne!(first[HEADER..], second[HEADER..]);
}

#[tokio::test]
async fn inputs_of_a_client_open_for_its_circuit_tenant_and_user() {
    let store = Arc::new(MemoryStore::new());
    let (vault, mut asked) = (vault(&store), request());
    asked.user_id = Some("ann".parse().unwrap());
    let bound_to = (&asked.life.tenant, &asked.circuit_id, asked.user_id.as_ref());
    let blob = seal_as_client(vault.sealing().current(), bound_to, &inputs());
    for other in others(&asked).into_iter().skip(1) {
        let opened = vault.disclose(&other, &Sealed(blob.to_vec()));
        assert!(matches!(opened, Err(VaultError::Altered(_))), "{other:?}");
    }
    assert_eq!(vault.disclose(&asked, &Sealed(blob.to_vec())).unwrap().expose(), INPUTS);
    // A client does not know the id of its request.
    let again = others(&asked).remove(0);
    vault.keep(&again, Sealed(blob.to_vec())).await.unwrap();
    assert_eq!(vault.open(&again).await.unwrap().expose(), INPUTS);
    // A server's text is not one of a client.
    let mut other = vault.enclose(&asked, &inputs());
    other.0[0] = sealing::BY_CLIENT;
    assert!(matches!(vault.disclose(&asked, &other), Err(VaultError::Altered(_))));
}

#[tokio::test]
async fn a_vault_without_private_keys_seals_and_cannot_open() {
    let store = Arc::new(MemoryStore::new());
    let (ring, asked) = (SealingRing::generate(), request());
    let api = vault(&store).with_sealing(Sealing::public_only(ring.public_keys().collect()).unwrap());
    api.seal(&asked, &inputs()).await.unwrap();
    assert!(matches!(api.open(&asked).await, Err(VaultError::WrongKey(_))));
    // Nor does the vault's own key help.
    assert!(matches!(vault(&store).open(&asked).await, Err(VaultError::WrongKey(_))));
    let worker = vault(&store);
    let own = worker.own_ring();
    let earlier = worker.enclose(&asked, &inputs());
    let worker = worker.with_sealing(Sealing::with_ring(ring).opens_too(own));
    assert_eq!(worker.open(&asked).await.unwrap().expose(), INPUTS);
    assert_eq!(worker.disclose(&asked, &earlier).unwrap().expose(), INPUTS);
}

#[tokio::test]
async fn inputs_that_the_cipher_key_sealed_are_opened() {
    let store = Arc::new(MemoryStore::new());
    let (vault, asked) = (vault(&store), request());
    plant(&store, &asked, vault.encrypt(&Owner::of_request(&asked), INPUTS).to_vec()).await;
    assert_eq!(vault.open(&asked).await.unwrap().expose(), INPUTS);
}

#[tokio::test]
async fn a_blob_opens_under_its_own_request_only() {
    let store = Arc::new(MemoryStore::new());
    let (vault, asked) = (vault(&store), request());
    vault.seal(&asked, &inputs()).await.unwrap();
    for other in others(&asked) {
        plant(&store, &other, blob(&store, &asked).await).await;
        let opened = vault.open(&other).await;
        assert!(matches!(opened, Err(VaultError::Altered(found)) if found == other.id.as_str()), "{other:?}");
    }
    assert_eq!(vault.open(&asked).await.unwrap().expose(), INPUTS);
}

#[tokio::test]
async fn blobs_of_the_first_version_open_under_their_id() {
    let store = Arc::new(MemoryStore::new());
    let (vault, asked) = (vault(&store), request());
    let (mut header, nonce) = (vault.header(), [7; NONCE]);
    header[0] = BOUND_TO_ID;
    let associated = [header.as_slice(), asked.id.as_str().as_bytes()].concat();
    let payload = Payload { msg: INPUTS.as_bytes(), aad: &associated };
    let sealed = vault.current().cipher().encrypt(&XNonce::from(nonce), payload).unwrap();
    let old = [&header, nonce.as_slice(), &sealed].concat();
    plant(&store, &asked, old.clone()).await;
    assert_eq!(vault.open(&asked).await.unwrap().expose(), INPUTS);
    // A blob of this version is not one of that version.
    vault.seal(&asked, &inputs()).await.unwrap();
    let mut lowered = blob(&store, &asked).await;
    lowered[0] = BOUND_TO_ID;
    plant(&store, &asked, lowered).await;
    assert!(matches!(vault.open(&asked).await, Err(VaultError::WrongKey(_))));
}

#[tokio::test]
async fn any_changed_byte_is_noticed() {
    let store = Arc::new(MemoryStore::new());
    let (vault, asked) = (vault(&store), request());
    vault.seal(&asked, &inputs()).await.unwrap();
    let good = blob(&store, &asked).await;
    for position in 0..good.len() {
        let mut bad = good.clone();
        bad[position] ^= 0x40;
        plant(&store, &asked, bad).await;
        let error = vault.open(&asked).await.err().unwrap();
        let in_key_id = (1..HEADER).contains(&position);
        assert_eq!(matches!(error, VaultError::WrongKey(_)), in_key_id, "byte {position}: {error}");
        assert_eq!(matches!(error, VaultError::Altered(_)), !in_key_id, "byte {position}: {error}");
    }
    for length in 0..good.len() {
        plant(&store, &asked, good[..length].to_vec()).await;
        assert!(matches!(vault.open(&asked).await, Err(VaultError::Altered(_))), "cut to {length}");
    }
}

#[tokio::test]
async fn another_key_is_told_from_altered_bytes() {
    let store = Arc::new(MemoryStore::new());
    let asked = request();
    vault(&store).seal(&asked, &inputs()).await.unwrap();
    let stranger = Vault::new(VaultKey::generate(), store.clone());
    assert!(matches!(stranger.open(&asked).await, Err(VaultError::WrongKey(_))));
}

#[test]
fn a_fingerprint_is_stable_and_needs_the_key() {
    let store = Arc::new(MemoryStore::new());
    let (vault, again) = (vault(&store), vault(&store));
    assert_eq!(vault.fingerprint("x"), again.fingerprint("x"));
    assert_ne!(vault.fingerprint("x"), vault.fingerprint("y"));
    let stranger = Vault::new(VaultKey::generate(), store);
    assert_ne!(vault.fingerprint("x"), stranger.fingerprint("x"));
    assert_eq!(vault.fingerprint("").len(), 64);
}

#[test]
fn a_derived_key_serves_one_purpose_and_needs_the_vaults_key() {
    let store = Arc::new(MemoryStore::new());
    let (vault, again) = (vault(&store), vault(&store));
    let key = vault.derived_key("tapes");
    let mac = key.mac(b"x");
    assert!(again.derived_key("tapes").verifies(b"x", &mac));
    let stranger = Vault::new(VaultKey::generate(), store);
    for other in [vault.derived_key("tape"), vault.derived_key(""), stranger.derived_key("tapes")] {
        assert_ne!(other.bytes(), key.bytes());
        assert!(!other.verifies(b"x", &mac));
    }
    assert!(!key.verifies(b"y", &mac));
    for bit in 0..256 {
        let mut wrong = mac;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!key.verifies(b"x", &wrong), "bit {bit}");
    }
    // No key of the vault itself is the key of a purpose.
    assert_ne!(hex::encode(mac), vault.fingerprint("x"));
}

#[test]
fn a_key_is_read_in_every_common_notation() {
    let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for text in [KEY, &KEY.to_uppercase(), &format!(" {KEY}\n"), base64, base64.trim_end_matches('=')] {
        let key = VaultKey::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(hex::encode(key.bytes()), KEY);
    }
    let url_safe = "-_-_4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_w";
    let bytes: Vec<u8> = [0xfb, 0xff, 0xbf].into_iter().chain(0xe0..0xfd).collect();
    assert_eq!(VaultKey::parse(url_safe).unwrap().bytes()[..], bytes);
    for text in ["", "00", &KEY[1..], &format!("{KEY}00"), &"!".repeat(64)] {
        let error = VaultKey::parse(text).err().unwrap();
        assert!(text.is_empty() || !error.to_string().contains(text));
    }
    for weak in ["0".repeat(64), "42".repeat(32), "0123456789abcdef".repeat(4)] {
        assert!(matches!(VaultKey::parse(&weak), Err(KeyError::Weak)), "{weak}");
    }
}

#[test]
fn a_key_file_is_made_once_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/secret.key");
    let keys: Vec<_> = std::thread::scope(|scope| {
        let makers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| KeyRing::load_or_create(&path).unwrap())).collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|ring| ring.keys()[0].bytes() == keys[0].keys()[0].bytes()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "temporary files are left");

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = KeyRing::load_or_create(&path).err().unwrap();
    assert!(matches!(error, KeyError::Permissions { mode: 0o640, .. }), "{error}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    // Only root can give a file away.
    if std::os::unix::fs::chown(&path, Some(12_345), None).is_ok() {
        let error = KeyRing::load_or_create(&path).err().unwrap();
        assert!(matches!(error, KeyError::OtherOwner(_)), "{error}");
    }
}

#[test]
fn a_broken_key_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.key");
    fs::write(&path, "not a key").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(KeyRing::load_or_create(&path), Err(KeyError::Malformed)));
    assert_eq!(fs::read_to_string(&path).unwrap(), "not a key");
}

#[test]
fn debug_shows_no_key() {
    let store = Arc::new(MemoryStore::new());
    assert_eq!(
        format!("{:?}", vault(&store)),
        "Vault { store: MemoryStore(Mutex { data: {}, poisoned: false, .. }), .. }"
    );
}

#[test]
fn enclosed_inputs_open_under_their_own_request_only() {
    let store = Arc::new(MemoryStore::new());
    let (vault, asked) = (vault(&store), request());
    let sealed = vault.enclose(&asked, &inputs());
    assert_eq!(vault.disclose(&asked, &sealed).unwrap().expose(), INPUTS);
    for part in INPUTS.as_bytes().windows(4) {
        assert!(!sealed.0.windows(4).any(|window| window == part), "the text contains {part:?}");
    }
    assert_ne!(vault.enclose(&asked, &inputs()), sealed, "a nonce was used twice");
    for other in others(&asked) {
        assert!(matches!(vault.disclose(&other, &sealed), Err(VaultError::Altered(_))), "{other:?}");
    }
    let other = Vault::new(VaultKey::generate(), store);
    assert!(matches!(other.disclose(&asked, &sealed), Err(VaultError::WrongKey(_))));
    for at in 0..sealed.0.len() {
        let mut changed = sealed.clone();
        changed.0[at] ^= 1;
        assert!(vault.disclose(&asked, &changed).is_err(), "byte {at}");
        changed.0.truncate(at);
        assert!(vault.disclose(&asked, &changed).is_err(), "cut to {at}");
    }
}

#[tokio::test]
async fn callbacks_and_their_secrets_open_for_their_tenant_and_document_only() {
    let store = Arc::new(MemoryStore::new());
    let vault = vault(&store);
    let (one, other): (TenantId, TenantId) = ("one".parse().unwrap(), "other".parse().unwrap());
    let subject = |text: &str| text.parse::<Subject>().unwrap();
    let proof = subject("proof/01890a5d-ac96-774b-bcce-b302099a8057");
    let sealed = vault.enclose_callback(&one, &proof, &SecretString::from("https://a.example/".to_owned()));
    assert_eq!(vault.disclose_callback(&one, &proof, &sealed).unwrap().expose_secret(), "https://a.example/");
    let deployment = subject("deployment/01890a5d-ac96-774b-bcce-b302099a8057");
    for (tenant, subject) in [(&other, &proof), (&one, &deployment)] {
        let moved = vault.disclose_callback(tenant, subject, &sealed);
        assert!(matches!(moved, Err(VaultError::Altered(_))), "{moved:?}");
    }
    let mut old = sealed.clone();
    old.0[0] = BOUND_TO_ID;
    assert!(
        vault.disclose_callback(&one, &proof, &old).is_err(),
        "a version that had no callbacks is accepted"
    );

    let opened = async |tenant| {
        vault.open_webhooks(tenant).await.map(|(version, text)| (version, text.expose_secret().to_owned()))
    };
    let seal = async |before, text: &str| {
        vault.seal_webhooks(&one, before, &SecretString::from(text.to_owned())).await.unwrap()
    };
    assert_eq!(opened(&one).await.unwrap(), (0, String::new()));
    assert!(seal(0, "secrets").await);
    assert_eq!(opened(&one).await.unwrap(), (1, "secrets".to_owned()));
    // Of two changes of one version, the second is refused; nothing of a version before the last is kept.
    assert!(seal(1, "changed").await && !seal(1, "lost").await && !seal(0, "lost").await);
    assert_eq!(opened(&one).await.unwrap(), (2, "changed".to_owned()));
    assert!(matches!(store.get(&webhooks_of(&one, 1)).await, Err(StoreError::NotFound(_))));
    assert_eq!(opened(&other).await.unwrap(), (0, String::new()));
    let blob = store.get(&webhooks_of(&one, 2)).await.unwrap().body;
    store.put(&webhooks_of(&other, 1), blob, PutMode::Overwrite).await.unwrap();
    assert!(matches!(opened(&other).await, Err(VaultError::Altered(_))));
    assert!(seal(2, "").await);
    assert_eq!(opened(&one).await.unwrap(), (3, String::new()));
}

const LATER: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f";

/// The vault after its key was changed, with the earlier key.
fn renewed(store: &Arc<MemoryStore>) -> Vault {
    Vault::new(KeyRing::parse(&format!("{LATER},{KEY}")).unwrap(), store.clone())
}

/// The vault when the earlier key is removed.
fn later(store: &Arc<MemoryStore>) -> Vault {
    Vault::new(VaultKey::parse(LATER).unwrap(), store.clone())
}

#[tokio::test]
async fn what_an_earlier_key_sealed_opens_and_is_sealed_again_with_the_current_one() {
    let store = Arc::new(MemoryStore::new());
    let (old, both, new) = (vault(&store), renewed(&store), later(&store));
    let asked = request();
    old.seal(&asked, &inputs()).await.unwrap();
    let enclosed = old.enclose(&asked, &inputs());
    assert_eq!(both.open(&asked).await.unwrap().expose(), INPUTS);
    assert!(matches!(new.open(&asked).await, Err(VaultError::WrongKey(_))));

    assert!(both.reseal(&asked).await.unwrap());
    assert!(!both.reseal(&asked).await.unwrap(), "the second pass repeats itself");
    assert_eq!(new.open(&asked).await.unwrap().expose(), INPUTS);
    assert!(matches!(old.open(&asked).await, Err(VaultError::WrongKey(_))));
    let again = both.reenclose(&asked, &enclosed).unwrap().unwrap();
    assert_eq!(both.reenclose(&asked, &again).unwrap(), None);
    assert_eq!(new.disclose(&asked, &again).unwrap().expose(), INPUTS);

    // Sealing again binds to the same request, and to no other.
    for other in others(&asked) {
        assert!(matches!(both.reenclose(&other, &enclosed), Err(VaultError::Altered(_))), "{other:?}");
    }
    both.destroy(&asked.id).await.unwrap();
    assert!(!both.reseal(&asked).await.unwrap(), "destroyed inputs came back");
    assert!(matches!(both.open(&asked).await, Err(VaultError::NotFound(_))));
}

#[tokio::test]
async fn a_change_of_webhooks_is_not_undone_by_sealing_them_again() {
    let store = Arc::new(MemoryStore::new());
    let (old, both, new) = (vault(&store), renewed(&store), later(&store));
    let tenant: TenantId = "one".parse().unwrap();
    let seal = async |vault: &Vault, before, text: &str| {
        vault.seal_webhooks(&tenant, before, &SecretString::from(text.to_owned())).await.unwrap()
    };
    let opened = async |vault: &Vault| {
        let opened = vault.open_webhooks(&tenant).await;
        opened.map(|(version, text)| (version, text.expose_secret().to_owned()))
    };
    assert!(!both.reseal_webhooks(&tenant).await.unwrap(), "there are none");
    assert!(seal(&old, 0, "first").await);
    assert_eq!(opened(&both).await.unwrap(), (1, "first".to_owned()));
    assert!(matches!(opened(&new).await, Err(VaultError::WrongKey(_))));
    assert!(both.reseal_webhooks(&tenant).await.unwrap());
    assert!(!both.reseal_webhooks(&tenant).await.unwrap());
    assert_eq!(opened(&new).await.unwrap(), (2, "first".to_owned()));
    // A change by a process that read the version before it was sealed again.
    assert!(!seal(&old, 1, "lost").await);
    assert!(seal(&both, 2, "second").await);
    assert_eq!(opened(&new).await.unwrap(), (3, "second".to_owned()));
}

#[tokio::test]
async fn a_store_needs_every_key_until_it_is_settled() {
    let store = Arc::new(MemoryStore::new());
    let (old, both, new) = (vault(&store), renewed(&store), later(&store));
    old.claim().await.unwrap();
    assert!(!both.is_claimed().await.unwrap());
    assert!(matches!(new.claim().await, Err(VaultError::OtherKey(_))));
    for _ in 0..2 {
        both.claim().await.unwrap();
    }
    assert!(both.is_claimed().await.unwrap());
    // From now on, something may be sealed with either key.
    for one in [&old, &new] {
        assert!(matches!(one.check().await, Err(VaultError::OtherKey(_))));
    }
    both.settle().await.unwrap();
    new.claim().await.unwrap();
    both.claim().await.unwrap();
    assert!(matches!(old.claim().await, Err(VaultError::OtherKey(_))));
    store.put(&ArtifactPath::VaultKeyId.key(), Bytes::from_static(b"x"), PutMode::Overwrite).await.unwrap();
    assert!(matches!(both.check().await, Err(VaultError::OtherKey(_))));
}

#[test]
fn macs_and_fingerprints_of_an_earlier_key_are_recognised() {
    let store = Arc::new(MemoryStore::new());
    let (old, both) = (vault(&store), renewed(&store));
    let (first, ring) = (old.derived_key("tapes"), both.derived_key("tapes"));
    let mac = first.mac(b"x");
    assert!(ring.verifies(b"x", &mac) && !ring.is_current(b"x", &mac));
    assert!(ring.is_current(b"x", &ring.mac(b"x")) && !first.verifies(b"x", &ring.mac(b"x")));
    assert_eq!(ring.older().collect::<Vec<_>>(), [first.bytes()]);
    assert_eq!(both.older_fingerprints("x"), [old.fingerprint("x")]);
    assert_ne!(both.fingerprint("x"), old.fingerprint("x"));
}

#[test]
fn changes_of_a_key_file_at_the_same_time_lose_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.key");
    KeyRing::load_or_create(&path).unwrap();
    std::thread::scope(|scope| {
        for _ in 1..8 {
            scope.spawn(|| drop(KeyRing::change(&path, KeyRing::renew).unwrap()));
        }
    });
    assert_eq!(KeyRing::load(&path).unwrap().ids().len(), 8);
}

#[test]
fn a_ring_is_read_renewed_and_shortened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.key");
    let bytes = |ring: &KeyRing| ring.keys().iter().map(|key| *key.bytes()).collect::<Vec<_>>();
    let first = bytes(&KeyRing::load_or_create(&path).unwrap());
    KeyRing::change(&path, KeyRing::renew).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let ring = KeyRing::load(&path).unwrap();
    assert_eq!((ring.keys().len(), bytes(&ring)[1]), (2, first[0]));
    let ids = ring.ids();
    // A key that came meanwhile stays, and so does the first one.
    KeyRing::change(&path, KeyRing::renew).unwrap();
    let forget = |ring: &mut KeyRing| {
        assert_eq!(ring.forget(&ids[1..]), ids[1..]);
        assert!(ring.forget(&ring.ids()[..1]).is_empty());
        Ok::<(), KeyError>(())
    };
    let ring = KeyRing::change(&path, forget).unwrap();
    assert_eq!((ring.ids().len(), &ring.ids()[1]), (2, &ids[0]));
    assert_eq!(bytes(&KeyRing::load(&path).unwrap()), bytes(&ring));
    let refused = KeyRing::change(&path, |ring| {
        ring.renew()?;
        Err(KeyError::Malformed)
    });
    assert!(matches!(refused, Err(KeyError::Malformed)));
    assert_eq!(bytes(&KeyRing::load(&path).unwrap()), bytes(&ring), "a refused change was written");

    for text in [format!("{KEY},{LATER}"), format!(" {KEY}\n{LATER}\n"), format!("{KEY}, {LATER}")] {
        assert_eq!(bytes(&KeyRing::parse(&text).unwrap()).len(), 2);
    }
    assert!(matches!(KeyRing::parse(" ,\n"), Err(KeyError::Malformed)));
    assert!(matches!(KeyRing::parse(&format!("{KEY},00")), Err(KeyError::Malformed)));
    assert!(matches!(KeyRing::parse(&[KEY; 9].join(",")), Err(KeyError::TooMany(8))));
}
