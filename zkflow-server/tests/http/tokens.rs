//! Tokens of an issuer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::Scope;
use zkflow_core::service::clock::Timestamp;
use zkflow_server::config::{AuthMethod, Config};

use crate::callers::guarded;
use crate::support::{Reply, Server};

/// The key pairs of the first two tests of RFC 8032, as seed and public key.
const PAIRS: [(&str, &str); 2] = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw",
    ),
];

/// A token with this header, signed by `sign`.
fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn public(pair: usize) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": format!("key-{pair}"), "x": PAIRS[pair].1})
}

/// An issuer of tokens on this machine.
struct Issuer {
    url: String,
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (keys, asked) = (Arc::new(Mutex::new(vec![public(0)])), Arc::new(AtomicUsize::new(0)));
        let metadata = json!({"issuer": url, "jwks_uri": format!("{url}/keys")}).to_string();
        let (served, counted) = (Arc::clone(&keys), Arc::clone(&asked));
        let jwks = async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            json!({"keys": *served.lock().unwrap()}).to_string()
        };
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(async move || metadata))
            .route("/keys", get(jwks));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, keys, asked }
    }

    async fn server(&self) -> Server {
        self.server_with(|_| ()).await
    }

    async fn server_with(&self, change: impl FnOnce(&mut Config)) -> Server {
        Server::idle_with(|config| {
            config.auth.methods = vec![AuthMethod::Keys, AuthMethod::Jwt];
            config.auth.jwt_issuer = Some(self.url.clone());
            config.auth.jwt_audience = Some("zkflow".to_owned());
            change(config);
        })
        .await
    }

    fn claims(&self, server: &Server) -> Value {
        let now = server.app.now().as_millis() / 1000;
        json!({
            "iss": self.url, "aud": "zkflow", "sub": "ann", "exp": now + 600, "tenant": "acme",
            "scope": "circuits:read unknown",
        })
    }
}

fn token(pair: usize, claims: &Value) -> String {
    with_header(pair, &json!({"alg": "EdDSA", "typ": "JWT", "kid": format!("key-{pair}")}), claims)
}

fn with_header(pair: usize, header: &Value, claims: &Value) -> String {
    let seed = hex::decode(PAIRS[pair].0).unwrap();
    let key = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    signed(header, claims, |message| key.sign(message).as_ref().to_vec())
}

async fn read(server: &Server, token: &str) -> Reply {
    server.get_as(token, "/v1/circuits").await
}

#[tokio::test]
async fn a_token_of_the_issuer_names_tenant_and_scopes() {
    let issuer = Issuer::start().await;
    let server = issuer.server().await;
    let claims = issuer.claims(&server);
    server.documents_of("acme").await;
    server.documents_of("other").await;
    let list = read(&server, &token(0, &claims)).await.ok();
    assert_eq!(list["circuits"].as_array().unwrap().len(), 1);
    let ids = [&*server.key("acme", &[Scope::CircuitsRead]).await, &*token(0, &claims)];
    assert_eq!(read(&server, ids[0]).await.ok(), list, "a key and a token of one tenant see the same");
    server.get_as(ids[1], "/v1/proofs").await.problem(403, "scope_missing");
    let mut listed = claims.clone();
    listed["scope"] = json!(["circuits:read", "proofs:read"]);
    listed["aud"] = json!(["another", "zkflow"]);
    assert_eq!(server.get_as(&token(0, &listed), "/v1/proofs").await.status, 200);
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 1, "the keys are read once");
}

#[tokio::test]
async fn scopes_without_the_prefix_are_none_and_claims_have_the_names_of_the_settings() {
    let issuer = Issuer::start().await;
    let server = issuer
        .server_with(|config| {
            config.auth.jwt_scope_prefix = "zkflow:".to_owned();
            config.auth.jwt_scope_claim = "permissions".to_owned();
            config.auth.jwt_tenant_claim = "https://issuer.example/org".to_owned();
        })
        .await;
    let mut claims = issuer.claims(&server);
    claims["https://issuer.example/org"] = json!("acme");
    claims["permissions"] = json!(["circuits:read", "zkflow:proofs:read"]);
    let token = token(0, &claims);
    assert_eq!(server.get_as(&token, "/v1/proofs").await.status, 200);
    read(&server, &token).await.problem(403, "scope_missing");
}

/// The algorithms of RSA and of elliptic curves, each with its own key only.
#[tokio::test]
async fn every_algorithm_is_accepted_with_its_own_key_only() {
    let issuer = Issuer::start().await;
    let random = SystemRandom::new();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    // RFC 8017: a sequence of the modulus and the exponent, 65537.
    let (modulus, exponent) = (&rsa.public_key().as_ref()[9..][..256], [1, 0, 1]);
    let ec = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (x, y) = ec.public_key().as_ref()[1..].split_at(32);
    *issuer.keys.lock().unwrap() = vec![
        json!({"kty": "RSA", "kid": "rsa", "n": text(modulus), "e": text(&exponent)}),
        json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": text(x), "y": text(y)}),
    ];
    let server = issuer.server().await;
    let claims = issuer.claims(&server);
    let by_rsa = |encoding: &'static dyn signature::RsaEncoding, alg: &str, kid: &str| {
        signed(&json!({"alg": alg, "kid": kid}), &claims, |message| {
            let mut bytes = vec![0; rsa.public_modulus_len()];
            rsa.sign(encoding, &random, message, &mut bytes).unwrap();
            bytes
        })
    };
    let by_ec = |alg: &str, kid: &str| {
        signed(&json!({"alg": alg, "kid": kid}), &claims, |message| {
            ec.sign(&random, message).unwrap().as_ref().to_vec()
        })
    };
    for token in [
        by_rsa(&signature::RSA_PKCS1_SHA256, "RS256", "rsa"),
        by_rsa(&signature::RSA_PKCS1_SHA512, "RS512", "rsa"),
        by_rsa(&signature::RSA_PSS_SHA384, "PS384", "rsa"),
        by_ec("ES256", "ec"),
    ] {
        assert_eq!(read(&server, &token).await.status, 200, "{token}");
    }
    for token in [
        by_rsa(&signature::RSA_PKCS1_SHA256, "PS256", "rsa"),
        by_rsa(&signature::RSA_PKCS1_SHA256, "RS384", "rsa"),
        by_rsa(&signature::RSA_PKCS1_SHA256, "RS256", "ec"),
        by_rsa(&signature::RSA_PKCS1_SHA256, "RS256", "none"),
        by_ec("ES256", "rsa"),
        by_ec("ES384", "ec"),
        by_ec("EdDSA", "ec"),
    ] {
        read(&server, &token).await.problem(401, "credentials_refused");
    }
}

#[tokio::test]
async fn tokens_that_are_not_for_this_server_are_refused() {
    let issuer = Issuer::start().await;
    let server = issuer.server().await;
    let claims = issuer.claims(&server);
    let now = server.app.now().as_millis() / 1000;
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        token(0, &claims)
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        token(0, &claims)
    };
    // The key of a shared secret is the public key: a classic confusion of algorithms.
    let confused = {
        let key = hmac::Key::new(hmac::HMAC_SHA256, PAIRS[0].1.as_bytes());
        let header = json!({"alg": "HS256", "kid": "key-0"});
        signed(&header, &claims, |message| hmac::sign(&key, message).as_ref().to_vec())
    };
    let critical = json!({"alg": "EdDSA", "kid": "key-0", "crit": ["b64"], "b64": true});
    let critical = with_header(0, &critical, &claims);
    let right = token(0, &claims);
    let parts: Vec<_> = right.split('.').collect();
    // {"alg":"none","kid":"key-0"}
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoia2V5LTAifQ.{}.", parts[1]);
    let cut = &right[..right.len() - 4];
    for (what, token) in [
        ("expired", with("exp", json!(now - 60))),
        ("not valid yet", with("nbf", json!(now + 600))),
        ("another audience", with("aud", json!("another"))),
        ("another issuer", with("iss", json!("https://evil.example"))),
        ("no tenant", without("tenant")),
        ("a wrong tenant", with("tenant", json!("Not A Tenant"))),
        ("no expiry", without("exp")),
        ("no audience", without("aud")),
        ("no issuer", without("iss")),
        ("no subject", without("sub")),
        ("an unknown key", token(1, &claims)),
        ("the secret of another algorithm", confused),
        ("no algorithm", none),
        ("a critical extension", critical),
        ("a cut signature", format!("{cut}AAAA")),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
    ] {
        let reply = read(&server, &token).await;
        assert_eq!(reply.status, 401, "{what}: {}", reply.text());
        reply.problem(401, "credentials_refused");
        assert!(!reply.text().contains(parts[1]), "{what}");
    }
    // A little difference of the clocks is tolerated.
    assert_eq!(read(&server, &with("exp", json!(now - 5))).await.status, 200);
    assert_eq!(read(&server, &right).await.status, 200);
}

#[tokio::test]
async fn a_stranger_cannot_make_the_server_ask_the_issuer_again_and_again() {
    let issuer = Issuer::start().await;
    let server = issuer.server().await;
    let claims = issuer.claims(&server);
    assert_eq!(read(&server, &token(0, &claims)).await.status, 200);
    for _ in 0..20 {
        read(&server, &token(1, &claims)).await.problem(401, "credentials_refused");
    }
    assert!(issuer.asked.load(Ordering::SeqCst) <= 2, "{}", issuer.asked.load(Ordering::SeqCst));
}

#[tokio::test]
async fn new_keys_of_the_issuer_are_found_and_its_silence_is_no_permission() {
    let issuer = Issuer::start().await;
    *issuer.keys.lock().unwrap() = vec![json!({"kty": "oct", "k": "AAAA"}), public(0), public(1)];
    let server = issuer.server().await;
    let claims = issuer.claims(&server);
    for pair in [1, 0] {
        assert_eq!(read(&server, &token(pair, &claims)).await.status, 200, "key {pair}");
    }
    // Too long, and without keys.
    for keys in
        [vec![json!("x".repeat(300_000)), public(0)], vec![], vec![json!({"kty": "oct", "k": "AAAA"})]]
    {
        *issuer.keys.lock().unwrap() = keys;
        let server = issuer.server().await;
        read(&server, &token(0, &issuer.claims(&server))).await.problem(503, "issuer_unavailable");
    }
}

#[tokio::test]
async fn a_session_of_a_token_ends_with_it_and_with_the_issuer() {
    let issuer = Issuer::start().await;
    let server = issuer.server().await;
    let claims = issuer.claims(&server);
    server.documents_of("acme").await;
    server.documents_of("other").await;
    let token = token(0, &claims);
    let login = server.log_in(&token).await;
    assert_eq!(server.get_in(&login, "/v1/circuits").await.ok(), read(&server, &token).await.ok());
    server.get_in(&login, "/v1/proofs").await.problem(403, "scope_missing");
    let about = server.get_in(&login, "/v1/session").await.ok();
    let end = claims["exp"].as_i64().unwrap() * 1000;
    assert_eq!(about["expiresAt"], Timestamp::from_millis(end).to_string(), "{about}");
    assert_eq!(about["scopes"], json!(["circuits:read"]));
    // A server that does not accept tokens any more does not accept their sessions either.
    let secret = login.cookie.split_once('=').unwrap().1;
    let session = server.app.catalog.sessions().session(&Digest::of(secret)).await.unwrap().unwrap();
    let without = guarded().await;
    without.app.catalog.sessions().start(&session).await.unwrap();
    without.get_in(&login, "/v1/session").await.problem(401, "credentials_refused");
}
