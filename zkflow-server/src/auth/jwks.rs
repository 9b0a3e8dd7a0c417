//! [`KeySet`]: the public keys of an issuer of tokens, read over HTTP and again when the issuer changes them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use serde_json::Value;

use super::AuthError;

/// Times of reading the keys.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// Time until the keys are read again.
    fresh: Duration,
    /// Longest use of keys that cannot be read again.
    stale: Duration,
    /// Least time between two attempts. A stranger cannot make the server ask the issuer again and again.
    pause: Duration,
}

const TIMES: Times = Times {
    fresh: Duration::from_secs(600),
    stale: Duration::from_secs(3600),
    pause: Duration::from_secs(10),
};

/// Time limit of a call.
const CALL: Duration = Duration::from_secs(10);
/// Size limit of an answer in bytes.
const LONGEST: usize = 256 * 1024;
/// Limit of the number of keys.
const MOST: usize = 100;

/// A public key of the issuer, with the algorithms that it is for. Never a shared secret.
pub(super) struct PublicKey {
    kid: Option<String>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) key: DecodingKey,
}

/// The public keys of an issuer.
#[derive(Clone)]
pub(super) struct KeySet(Arc<Shared>);

struct Shared {
    source: Source,
    client: Client,
    times: Times,
    read: Mutex<Read>,
    /// One reader at a time.
    reading: tokio::sync::Mutex<()>,
}

/// Where the keys are.
enum Source {
    /// At this URL.
    Keys(Url),
    /// At the URL that the metadata of this issuer contains (OpenID Connect Discovery).
    Issuer { metadata: Url, issuer: String },
}

#[derive(Default)]
struct Read {
    keys: Vec<Arc<PublicKey>>,
    at: Option<Instant>,
    /// End of the last attempt.
    tried: Option<Instant>,
    /// Why the last attempt read no keys.
    failure: Option<String>,
}

impl KeySet {
    /// Reads nothing yet.
    ///
    /// # Errors
    /// An address is not safe, or TLS is not available.
    pub(super) fn new(issuer: &str, keys: Option<&str>) -> Result<Self, String> {
        let source = match keys {
            Some(keys) => Source::Keys(checked(keys).map_err(|error| format!("auth.jwks_url: {error}"))?),
            None => {
                let metadata = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
                let metadata = checked(&metadata).map_err(|error| format!("auth.jwt_issuer: {error}"))?;
                Source::Issuer { metadata, issuer: issuer.to_owned() }
            }
        };
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(CALL);
        let client = client.user_agent("zkflow").build().map_err(|error| error.to_string())?;
        Ok(Self::of(source, client, TIMES))
    }

    fn of(source: Source, client: Client, times: Times) -> Self {
        let (read, reading) = (Mutex::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Shared { source, client, times, read, reading }))
    }

    /// The key with this id for this algorithm; without an id, the only key. A key with the id for other algorithms, if there
    /// is no better one.
    ///
    /// # Behaviour
    /// - Reads the keys of the issuer if they are old, or the key is unknown, at most once in a pause.
    /// - Reading goes on when the request that needs it ends.
    /// - While old keys are read again, requests with a key that is known go on.
    ///
    /// # Errors
    /// [`AuthError::Issuer`] if the keys cannot be read, or [`AuthError::Refused`] if the issuer has no such key.
    pub(super) async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<PublicKey>, AuthError> {
        let Times { fresh, stale, .. } = self.0.times;
        let present = |age| self.0.present(kid, algorithm, age);
        if let Some(key) = present(fresh) {
            return Ok(key);
        }
        if let Some(key) = present(stale) {
            // In the background.
            if self.0.reading.try_lock().is_ok() {
                drop(self.refresh());
            }
            return Ok(key);
        }
        if self.refresh().await.is_err() {
            return Err(AuthError::Issuer("the keys were not read".to_owned()));
        }
        match present(stale) {
            Some(key) => Ok(key),
            None => Err(match self.0.lock().failure.clone() {
                Some(failure) => AuthError::Issuer(failure),
                None => AuthError::Refused("the token's key is not one of its issuer"),
            }),
        }
    }

    /// Reads the keys unless another task did so a moment ago.
    fn refresh(&self) -> tokio::task::JoinHandle<()> {
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let _reading = shared.reading.lock().await;
            if shared.lock().tried.is_some_and(|tried| tried.elapsed() < shared.times.pause) {
                return;
            }
            let failure = shared.read_again().await.err();
            let mut read = shared.lock();
            (read.tried, read.failure) = (Some(Instant::now()), failure);
        })
    }
}

impl Shared {
    fn present(&self, kid: Option<&str>, algorithm: Algorithm, age: Duration) -> Option<Arc<PublicKey>> {
        let read = self.lock();
        read.at.filter(|at| at.elapsed() < age)?;
        match (kid, &*read.keys) {
            (Some(kid), keys) => {
                let named = || keys.iter().filter(|key| key.kid.as_deref() == Some(kid));
                named().find(|key| key.algorithms.contains(&algorithm)).or_else(|| named().next()).cloned()
            }
            (None, [only]) => Some(Arc::clone(only)),
            (None, _) => None,
        }
    }

    async fn read_again(&self) -> Result<(), String> {
        let url = match &self.source {
            Source::Keys(url) => url.clone(),
            Source::Issuer { metadata, issuer } => {
                let found: Metadata = self.get(metadata.clone()).await?;
                if found.issuer != *issuer {
                    return Err("its metadata name another issuer".to_owned());
                }
                checked(&found.jwks_uri).map_err(|error| format!("jwks_uri of its metadata: {error}"))?
            }
        };
        let found: Keys = self.get(url).await?;
        let keys: Vec<_> = found.keys.into_iter().take(MOST).filter_map(public).map(Arc::new).collect();
        if keys.is_empty() {
            return Err("it has no public key for signatures".to_owned());
        }
        let mut read = self.lock();
        (read.keys, read.at) = (keys, Some(Instant::now()));
        Ok(())
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, url: Url) -> Result<T, String> {
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let answer = self.client.get(url).send().await.map_err(failed)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("HTTP status {}", status.as_u16()));
        }
        let mut body = Vec::new();
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(failed)?;
            if body.len() + chunk.len() > LONGEST {
                return Err(format!("the answer is longer than {LONGEST} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|error| format!("line {}: not the expected JSON", error.line()))
    }

    fn lock(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

/// Accepts https, and http to this machine: a stranger on the way could replace the keys.
fn checked(url: &str) -> Result<Url, String> {
    let url: Url = url.parse().map_err(|_| "not a URL".to_owned())?;
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if local => Ok(url),
        _ => Err("expected https, or http at a loopback address".to_owned()),
    }
}

/// Reads a key; `None` if it is not a public key for signatures.
fn public(key: Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => vec![RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => vec![ES256],
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P384 => vec![ES384],
        AlgorithmParameters::OctetKeyPair(curve) if curve.curve == EllipticCurve::Ed25519 => vec![EdDSA],
        _ => return None,
    };
    if let Some(only) = jwk.common.key_algorithm {
        algorithms.retain(|algorithm| format!("{algorithm:?}") == only.to_string());
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    (!algorithms.is_empty()).then_some(PublicKey { kid: jwk.common.key_id, algorithms, key })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;

    #[test]
    fn only_public_keys_for_signatures_are_used() {
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let key = public(ed.clone()).unwrap();
        assert_eq!((key.kid.as_deref(), &*key.algorithms), (Some("a"), &[Algorithm::EdDSA][..]));
        let with = |name: &str, value: Value| {
            let mut key = ed.clone();
            key[name] = value;
            key
        };
        assert!(public(with("use", json!("sig"))).is_some());
        for key in [
            with("use", json!("enc")),
            with("alg", json!("RS256")),
            with("alg", json!("HS256")),
            with("kty", json!("x")),
            json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0"}),
            json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": "HS256"}),
            json!(null),
            json!({}),
        ] {
            assert!(public(key.clone()).is_none(), "{key}");
        }
    }

    fn named(kid: &str, x: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x})
    }

    /// An issuer with changing keys, which fails while it has none, and counts requests.
    async fn issuer(keys: Arc<Mutex<Vec<Value>>>) -> (Url, Arc<AtomicUsize>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap()).parse().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let answer = async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            // Long enough that a caller can leave.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let keys = keys.lock().unwrap().clone();
            match keys.is_empty() {
                true => Err(axum::http::StatusCode::BAD_GATEWAY),
                false => Ok(json!({"keys": keys}).to_string()),
            }
        };
        let app = axum::Router::new().route("/keys", axum::routing::get(answer));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (url, asked)
    }

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    #[tokio::test]
    async fn keys_change_vanish_and_come_back() {
        let keys = Arc::new(Mutex::new(vec![named("a", X)]));
        let (url, asked) = issuer(Arc::clone(&keys)).await;
        let [fresh, stale, pause] = [300, 1500, 0].map(Duration::from_millis);
        let set = KeySet::of(Source::Keys(url), Client::new(), Times { fresh, stale, pause });
        let find =
            async |kid| set.find(Some(kid), Algorithm::EdDSA).await.map(|key| key.kid.clone().unwrap());
        let refused = |found: Result<String, AuthError>| matches!(found, Err(AuthError::Refused(_)));
        let absent = |found: Result<String, AuthError>| matches!(found, Err(AuthError::Issuer(_)));
        assert_eq!(find("a").await.unwrap(), "a");
        assert_eq!(find("a").await.unwrap(), "a");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "fresh keys are not read again");
        // A key that the issuer does not have, and one that it gets.
        assert!(refused(find("b").await));
        keys.lock().unwrap().push(named("b", X));
        assert_eq!(find("b").await.unwrap(), "b");
        // A key that the issuer withdraws is used until the keys are read again, in the background.
        *keys.lock().unwrap() = vec![named("b", X)];
        tokio::time::sleep(fresh).await;
        assert_eq!(find("a").await.unwrap(), "a");
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert!(refused(find("a").await));
        // An issuer that fails: known keys work for a time, unknown ones are its fault.
        keys.lock().unwrap().clear();
        assert_eq!(find("b").await.unwrap(), "b");
        assert!(absent(find("c").await));
        tokio::time::sleep(stale).await;
        assert!(absent(find("b").await));
        keys.lock().unwrap().push(named("b", X));
        assert_eq!(find("b").await.unwrap(), "b");
    }

    #[tokio::test]
    async fn callers_that_leave_and_floods_of_unknown_keys_do_not_stop_the_reading() {
        let (url, asked) = issuer(Arc::new(Mutex::new(vec![named("a", X)]))).await;
        let set = KeySet::of(Source::Keys(url), Client::new(), TIMES);
        let leaving = set.find(Some("x"), Algorithm::EdDSA);
        assert!(tokio::time::timeout(Duration::from_millis(20), leaving).await.is_err());
        let unknown = (0..50).map(|i| {
            let (set, kid) = (set.clone(), i.to_string());
            async move { set.find(Some(&kid), Algorithm::EdDSA).await.is_err() }
        });
        assert!(futures::future::join_all(unknown).await.into_iter().all(|refused| refused));
        assert!(set.find(Some("a"), Algorithm::EdDSA).await.is_ok());
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn of_two_keys_with_one_id_that_for_the_algorithm_is_found() {
        let rsa = json!({"kty": "RSA", "kid": "a", "e": "AQAB", "n": "u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0_IzW7yWR7QkrmBL7jTKEn5u-qKhbwKfBstIs-bMY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyehkd3qqGElvW_VDL5AaWTg0nLVkjRo9z-40RQzuVaE8AkAFmxZzow3x-VJYKdjykkJ0iT9wCS0DRTXu269V264Vf_3jvredZiKRkgwlL9xNAwxXFg0x_XFw005UWVRIkdgcKWTjpBP2dPwVZ4WWC-9aGVd-Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbcmw"});
        let (url, _) = issuer(Arc::new(Mutex::new(vec![rsa, named("a", X)]))).await;
        let set = KeySet::of(Source::Keys(url), Client::new(), TIMES);
        for algorithm in [Algorithm::RS256, Algorithm::EdDSA] {
            let found = set.find(Some("a"), algorithm).await.unwrap_or_else(|_| panic!("{algorithm:?}"));
            assert!(found.algorithms.contains(&algorithm));
        }
    }

    #[test]
    fn keys_come_over_a_safe_way_only() {
        for url in
            ["https://issuer.example/keys", "http://127.0.0.1:1/", "http://localhost/", "http://[::1]/"]
        {
            assert!(checked(url).is_ok(), "{url}");
        }
        for url in ["http://issuer.example/", "http://127.0.0.1.evil.example/", "file:///etc/passwd", "x", ""]
        {
            assert!(checked(url).is_err(), "{url}");
        }
    }
}
