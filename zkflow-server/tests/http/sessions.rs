//! Sessions of the dashboard: a cookie that counts only with its token.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{ApiKey, MOST_SESSIONS, Scope, Session};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::queue::QueueName;
use zkflow_server::config::AuthMethod;
use zkflow_server::state::ClientAddress;
use zkflow_server::work;

use crate::callers::{guarded, guarded_with, with_key};
use crate::support::{NO_PROOF, Reply, Server, json_request, request};

/// A session as a browser has it.
pub(crate) struct Login {
    /// The header `Cookie`.
    pub(crate) cookie: String,
    /// The header `X-CSRF-Token`.
    pub(crate) token: String,
}

impl Login {
    /// The session with this secret.
    fn of(secret: &str) -> Self {
        let token = Digest::of(format!("zkflow session token\n{secret}")).to_string();
        Self { cookie: format!("zkflow-session={secret}"), token }
    }

    /// Adds the session to a request.
    pub(crate) fn on(&self, request: Request<Body>) -> Request<Body> {
        with(request, &[("cookie", self.cookie.as_str()), ("x-csrf-token", self.token.as_str())])
    }
}

fn with(mut request: Request<Body>, fields: &[(&'static str, &str)]) -> Request<Body> {
    for (name, value) in fields {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

fn plain(method: Method, path: &str) -> Request<Body> {
    request(method, path, Body::empty())
}

impl Server {
    /// Begins a session with a key or a token.
    pub(crate) async fn log_in(&self, key: &str) -> Login {
        let reply = self.send_as(key, plain(Method::POST, "/v1/session")).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
        Login { cookie, token: reply.json()["csrfToken"].as_str().unwrap().to_owned() }
    }

    pub(crate) async fn get_in(&self, login: &Login, path: &str) -> Reply {
        self.send(login.on(plain(Method::GET, path))).await
    }

    async fn log_out(&self, login: &Login) -> Reply {
        self.send(login.on(plain(Method::DELETE, "/v1/session"))).await
    }

    /// Stores a session of a key as it was a while ago.
    async fn stored_session(&self, key: &ApiKey, change: impl FnOnce(&mut Session)) -> Login {
        let (now, secret) = (self.app.now(), Digest::of(format!("{} {}", key.id, NO_PROOF)).to_string());
        let mut session = Session {
            digest: Digest::of(&secret),
            caller: format!("key:{}", key.id),
            key: Some(key.id.clone()),
            tenant: key.tenant.clone(),
            scopes: key.scopes.clone(),
            created_at: now,
            expires_at: None,
            last_used_at: now,
        };
        change(&mut session);
        self.app.catalog.sessions().start(&session).await.unwrap();
        Login::of(&secret)
    }
}

#[tokio::test]
async fn a_session_is_the_caller_of_its_key_and_sees_its_tenant_only() {
    let server = guarded().await;
    let owned = server.documents_of("acme").await;
    let other = server.documents_of("other").await;
    let (document, key) = server.key_until("acme", &[Scope::CircuitsRead, Scope::Verify], None).await;
    let login = server.log_in(&key).await;
    let about = server.get_in(&login, "/v1/session").await.ok();
    assert_eq!((&about["tenant"], &about["scopes"]), (&json!("acme"), &json!(["circuits:read", "verify"])));
    let list = server.get_in(&login, "/v1/circuits").await.ok();
    assert_eq!(list, server.get_as(&key, "/v1/circuits").await.ok());
    assert_eq!(list["circuits"][0]["circuitId"], owned.circuit.id.as_str());
    let foreign = format!("/v1/circuits/{}", other.circuit.id);
    server.get_in(&login, &foreign).await.problem(404, "circuit_not_found");
    server.get_in(&login, "/v1/proofs").await.problem(403, "scope_missing");
    // Rates, the audit log and turns are by the principal.
    let caller = async |request: Request<Body>| {
        let from = IpAddr::from([127, 0, 0, 1]);
        server.app.authenticator.caller(request.headers(), from).await.unwrap().principal
    };
    let asked = || plain(Method::GET, "/v1/circuits");
    let principal = caller(login.on(asked())).await;
    assert_eq!(principal, caller(with_key(&key, asked())).await);
    assert_eq!(principal.name, format!("key:{}", document.id));
}

#[tokio::test]
async fn the_cookie_is_confined_and_neither_it_nor_the_key_is_elsewhere() {
    let server = guarded().await;
    let (_, key) = server.key_until("acme", &[Scope::Verify], None).await;
    let began = async |fields: &[(&'static str, &str)]| {
        let asked = with(with_key(&key, plain(Method::POST, "/v1/session")), fields);
        server.send(asked).await
    };
    let host = ("host", "api.example");
    let cases: [(&[(&'static str, &str)], bool); 4] = [
        (&[host], false),
        (&[host, ("origin", "http://api.example")], false),
        (&[host, ("origin", "https://api.example")], true),
        (&[host, ("x-forwarded-proto", "https")], true),
    ];
    for (fields, is_secure) in cases {
        let reply = began(fields).await;
        let (cookie, text) = (reply.header("set-cookie"), reply.text());
        let secret = cookie.split(['=', ';']).nth(1).unwrap();
        assert!(secret.len() == 64 && !text.contains(secret), "{text}");
        assert!(!cookie.contains("zk_") && !text.contains("zk_"), "{text}");
        let (name, secure) =
            if is_secure { ("__Host-zkflow-session", "; Secure") } else { ("zkflow-session", "") };
        let expected = format!("{name}={secret}; Path=/; HttpOnly; SameSite=Strict{secure}; Max-Age=28800");
        assert_eq!(cookie, expected, "{fields:?}");
        assert_eq!(reply.header("cache-control"), "no-store");
        let login = Login { cookie: format!("{name}={secret}"), token: Login::of(secret).token };
        assert_eq!(reply.json()["csrfToken"], login.token, "the derivation has changed: all sessions end");
        assert_eq!(server.get_in(&login, "/v1/session").await.status, 200);
        let stored = server.app.catalog.sessions().session(&Digest::of(secret)).await.unwrap();
        assert!(!format!("{stored:?}").contains(secret));
    }
    // Another page neither begins a session nor may send its token.
    began(&[host, ("origin", "https://evil.example")]).await.problem(403, "origin_refused");
    let mut preflight = plain(Method::OPTIONS, "/v1/circuits");
    preflight.headers_mut().insert("origin", "https://app.example".parse().unwrap());
    preflight.headers_mut().insert("access-control-request-method", "GET".parse().unwrap());
    let named = guarded_with(|config| config.auth.origins = vec!["https://app.example".to_owned()]).await;
    let allowed = named.send(preflight).await;
    assert!(allowed.header("access-control-allow-headers").contains("authorization"), "{allowed:?}");
    assert!(!allowed.header("access-control-allow-headers").contains("csrf"), "{allowed:?}");
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn a_cookie_counts_only_with_its_own_token_and_without_other_credentials() {
    let server = guarded().await;
    let key = server.key("acme", &[Scope::ProofsRead, Scope::ProofsCreate]).await;
    let (own, other) = (server.log_in(&key).await, server.log_in(&key).await);
    let requests = || {
        let cancel = format!("/v1/proofs/{NO_PROOF}/cancel");
        let delete = format!("/v1/proofs/{NO_PROOF}");
        [plain(Method::GET, "/v1/proofs"), plain(Method::POST, &cancel), plain(Method::DELETE, &delete)]
    };
    let is_accepted = |reply: &Reply| [200, 404].contains(&reply.status.as_u16());
    let (cookie, token) = (own.cookie.as_str(), own.token.as_str());
    let bearer = format!("Bearer {key}");
    let refused: [(&[(&'static str, &str)], &str); 6] = [
        (&[("cookie", cookie)], "X-CSRF-Token"),
        (&[("cookie", cookie), ("x-csrf-token", "")], "X-CSRF-Token"),
        (&[("cookie", cookie), ("x-csrf-token", &"0".repeat(64))], "X-CSRF-Token"),
        (&[("cookie", cookie), ("x-csrf-token", &other.token)], "X-CSRF-Token"),
        (&[("cookie", cookie), ("x-csrf-token", token), ("x-csrf-token", token)], "two X-CSRF-Token"),
        (&[("cookie", cookie), ("x-csrf-token", token), ("authorization", &bearer)], "Authorization"),
    ];
    for (fields, words) in refused {
        for asked in requests() {
            let reply = server.send(with(asked, fields)).await;
            let detail = reply.problem(401, "credentials_refused")["detail"].clone();
            assert!(detail.as_str().unwrap().contains(words), "{detail}");
            assert!(
                !reply.text().contains(&cookie[20..]) && !reply.text().contains(token),
                "{}",
                reply.text()
            );
        }
    }
    // The token says which session is meant: a foreign page of the same site cannot end it by a further cookie.
    let both = format!("{}; {cookie}; {}", other.cookie, other.cookie);
    for asked in requests() {
        let reply = server.send(with(asked, &[("cookie", &both), ("x-csrf-token", token)])).await;
        assert!(is_accepted(&reply), "{}", reply.text());
    }
    for asked in requests() {
        let reply = server.send(with(asked, &[("x-csrf-token", token)])).await;
        reply.problem(401, "unauthenticated");
    }
    for (i, asked) in requests().into_iter().enumerate() {
        let reply = match i % 2 {
            0 => server.send(own.on(asked)).await,
            // A browser adds the cookie to every request: it is nothing beside a key.
            _ => server.send(with_key(&key, with(asked, &[("cookie", cookie)]))).await,
        };
        assert!(is_accepted(&reply), "{}", reply.text());
    }
    assert_eq!(server.send(with(plain(Method::GET, "/health"), &[("cookie", cookie)])).await.status, 200);
}

#[tokio::test]
async fn a_logout_ends_one_session_and_its_cookie() {
    let server = guarded().await;
    let key = server.key("acme", &[Scope::Verify]).await;
    let (one, other) = (server.log_in(&key).await, server.log_in(&key).await);
    assert_eq!(server.get_in(&one, "/v1/session").await.status, 200);
    let ended = server.log_out(&one).await;
    assert_eq!(ended.status, 204);
    let cleared: Vec<_> =
        ended.headers.get_all("set-cookie").iter().map(|one| one.to_str().unwrap()).collect();
    assert_eq!(
        cleared,
        [
            "__Host-zkflow-session=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0",
            "zkflow-session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0",
        ]
    );
    server.get_in(&one, "/v1/session").await.problem(401, "credentials_refused");
    server.log_out(&one).await.problem(401, "credentials_refused");
    assert_eq!(server.get_in(&other, "/v1/session").await.status, 200);
    // Of a key itself, nothing ends.
    let ended = server.delete_as(&key, "/v1/session").await;
    assert_eq!((ended.status.as_u16(), ended.header("set-cookie")), (204, ""));
    assert_eq!(server.get_as(&key, "/v1/session").await.ok()["scopes"], json!(["verify"]));
    assert_eq!(server.get_in(&other, "/v1/session").await.status, 200);
}

#[tokio::test]
async fn a_session_ends_with_its_key() {
    let server = guarded().await;
    let admin = server.key("ops", &[Scope::Admin]).await;
    for change in [Method::DELETE, Method::POST] {
        let (document, key) = server.key_until("acme", &[Scope::Verify], None).await;
        let login = server.log_in(&key).await;
        assert_eq!(server.get_in(&login, "/v1/session").await.status, 200);
        let rotate = if change == Method::POST { "/rotate" } else { "" };
        let path = format!("/v1/keys/{}{rotate}", document.id);
        assert!(server.send_as(&admin, plain(change, &path)).await.status.is_success());
        server.get_in(&login, "/v1/session").await.problem(401, "credentials_refused");
    }
    let soon = server.app.now() + Duration::from_secs(3600);
    let (_, key) = server.key_until("acme", &[Scope::Verify], Some(soon)).await;
    let login = server.log_in(&key).await;
    let about = server.get_in(&login, "/v1/session").await.ok();
    assert_eq!(about["expiresAt"], soon.to_string(), "sooner than dashboard_session_s");
}

#[tokio::test]
async fn a_session_ends_at_its_time_and_when_it_is_not_used() {
    let server = guarded_with(|config| config.http.dashboard_idle_s = 600).await;
    let ago = |seconds: u64| server.app.now() - Duration::from_secs(seconds);
    type Change<'a> = &'a dyn Fn(&mut Session);
    let cases: [(&str, Change<'_>, bool); 4] = [
        ("in use", &|session| session.last_used_at = ago(590), true),
        ("idle", &|session| session.last_used_at = ago(661), false),
        ("expired", &|session| session.expires_at = Some(ago(0)), false),
        ("of no key", &|session| session.key = Some(NO_PROOF.parse().unwrap()), false),
    ];
    for (what, change, is_accepted) in cases {
        let (key, _) = server.key_until("acme", &[Scope::Verify], None).await;
        let login = server.stored_session(&key, change).await;
        let reply = server.get_in(&login, "/v1/session").await;
        assert_eq!(reply.status.as_u16(), if is_accepted { 200 } else { 401 }, "{what}: {}", reply.text());
    }
    // Without limits, only the key ends it, and the browser keeps the cookie until it closes.
    let endless = guarded_with(|config| {
        (config.http.dashboard_idle_s, config.http.dashboard_session_s) = (0, 0);
    })
    .await;
    let (key, text) = endless.key_until("acme", &[Scope::Verify], None).await;
    let login =
        endless.stored_session(&key, |session| session.last_used_at = Timestamp::from_millis(0)).await;
    assert_eq!(endless.get_in(&login, "/v1/session").await.ok()["expiresAt"], Value::Null);
    let reply = endless.send_as(&text, plain(Method::POST, "/v1/session")).await;
    assert!(!reply.header("set-cookie").contains("Max-Age"), "{reply:?}");
}

#[tokio::test]
async fn clean_up_removes_the_sessions_that_are_over() {
    let server = guarded().await;
    let (in_use, _) = server.key_until("acme", &[Scope::Verify], None).await;
    let (idle, _) = server.key_until("acme", &[Scope::Verify], None).await;
    let login = server.stored_session(&in_use, |_| ()).await;
    let over = server.stored_session(&idle, |session| session.last_used_at = Timestamp::from_millis(0)).await;
    let is_stored = async |login: &Login| {
        let secret = login.cookie.split_once('=').unwrap().1;
        server.app.catalog.sessions().session(&Digest::of(secret)).await.unwrap().is_some()
    };
    assert!(is_stored(&over).await);
    tokio::spawn(work::run(server.app.clone(), &[QueueName::Cleanup]));
    for _ in 0..500 {
        if !is_stored(&over).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!is_stored(&over).await && is_stored(&login).await);
    server.app.shutdown.cancel();
}

#[tokio::test]
async fn a_further_session_ends_the_oldest_of_its_key() {
    let server = guarded().await;
    let (key, other) =
        (server.key("acme", &[Scope::Verify]).await, server.key("acme", &[Scope::Verify]).await);
    let of_other = server.log_in(&other).await;
    let mut logins = Vec::new();
    for _ in 0..=MOST_SESSIONS {
        logins.push(server.log_in(&key).await);
        // The oldest one is the one of the earliest millisecond.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for (i, login) in logins.iter().enumerate() {
        let expected = if i == 0 { 401 } else { 200 };
        assert_eq!(server.get_in(login, "/v1/session").await.status, expected, "session {i}");
    }
    assert_eq!(server.get_in(&of_other, "/v1/session").await.status, 200);
}

#[tokio::test]
async fn a_session_begins_with_a_key_only_and_makes_keys_under_its_name() {
    let server = guarded().await;
    let (document, key) = server.key_until("ops", &[Scope::Admin], None).await;
    let login = server.log_in(&key).await;
    server.send(login.on(plain(Method::POST, "/v1/session"))).await.problem(409, "no_session");
    let new = json!({"name": "CI", "tenant": "acme", "scopes": ["verify"]});
    let made = server.send(login.on(json_request("/v1/keys", &new.to_string()))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let log = server.get_in(&login, "/v1/audit-log").await.ok();
    assert_eq!(log["entries"][0]["actor"], format!("key:{}", document.id), "{log}");

    let open = Server::idle().await;
    open.send(plain(Method::POST, "/v1/session")).await.problem(409, "no_session");
    assert_eq!(open.get("/v1/session").await.ok()["tenant"], "default");
    // The cookie of another server on this host changes nothing.
    assert_eq!(open.get_in(&login, "/v1/circuits").await.status, 200);

    let bare = guarded_with(|config| config.http.dashboard = false).await;
    let (document, key) = bare.key_until("acme", &[Scope::Verify], None).await;
    bare.send_as(&key, plain(Method::POST, "/v1/session")).await.problem(409, "no_session");
    let login = bare.stored_session(&document, |_| ()).await;
    bare.get_in(&login, "/v1/session").await.problem(401, "unauthenticated");

    let proxied = Server::idle_with(|config| {
        config.auth.methods = vec![AuthMethod::Keys, AuthMethod::Proxy];
        config.auth.proxy_addresses = vec!["10.0.0.7".parse().unwrap()];
    })
    .await;
    let mut asked = with(plain(Method::POST, "/v1/session"), &[("x-zkflow-tenant", "acme")]);
    asked.extensions_mut().insert(ClientAddress("10.0.0.7".parse().unwrap()));
    proxied.send(asked).await.problem(409, "no_session");
}

#[tokio::test]
async fn a_flood_of_unknown_sessions_is_refused_by_address() {
    let server = guarded().await;
    let login = server.log_in(&server.key("acme", &[Scope::Verify]).await).await;
    let ask = async |login: &Login, from: &str| {
        let mut asked = login.on(plain(Method::GET, "/v1/session"));
        asked.extensions_mut().insert(ClientAddress(from.parse().unwrap()));
        server.send(asked).await
    };
    let (flood, other) = ("192.0.2.1", "192.0.2.2");
    assert_eq!(ask(&login, flood).await.status, 200);
    let mut sent = 0;
    let refused = loop {
        let reply = ask(&Login::of(&Digest::of(sent.to_string()).to_string()), flood).await;
        if reply.status == 429 {
            break reply;
        }
        reply.problem(401, "credentials_refused");
        sent += 1;
        assert!(sent < 100_000, "there is no limit");
    };
    refused.problem(429, "too_many_requests");
    assert_eq!(ask(&login, flood).await.status, 200, "a session that was used before");
    // A guess without its token costs no read, and so does not count.
    let unfit = Login { cookie: format!("zkflow-session={}", "0".repeat(64)), token: "0".repeat(64) };
    ask(&unfit, flood).await.problem(401, "credentials_refused");
    ask(&Login::of(&"0".repeat(64)), other).await.problem(401, "credentials_refused");
}
