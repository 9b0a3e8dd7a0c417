use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use zkflow_core::service::chain::ChainClient as _;

use super::*;
use crate::EvmClient;

const STRICT: Policy = Policy { local: false };

/// A resolver with a fixed table of names.
struct Names(BTreeMap<&'static str, Vec<&'static str>>);

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let found = self.0.get(host).ok_or(std::io::ErrorKind::NotFound)?;
        Ok(found.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect())
    }
}

fn names() -> Names {
    Names(BTreeMap::from([
        ("localhost", vec!["127.0.0.1"]),
        ("localhost.", vec!["127.0.0.1"]),
        ("foo.localhost", vec!["127.0.0.1"]),
        ("rebind.example", vec!["127.0.0.1"]),
        ("mixed.example", vec!["93.184.215.14", "127.0.0.1"]),
        ("last.example", vec!["93.184.215.14", "10.0.0.1"]),
        ("six.example", vec!["::1"]),
        ("mapped.example", vec!["::ffff:127.0.0.1"]),
        ("metadata.google.internal", vec!["169.254.169.254"]),
        ("private.example", vec!["192.168.1.1"]),
        ("nothing.example", vec![]),
        ("public.example", vec!["93.184.215.14"]),
    ]))
}

#[test]
fn an_address_of_this_machine_is_known() {
    let is_own = |text: &str| is_own(text.parse().unwrap());
    assert!(is_own("127.0.0.1") && is_own("127.0.0.2"));
    assert!(!is_own("93.184.215.14") && !is_own("192.0.2.1"));
}

/// URLs of this machine, its network or non-public addresses. `PORT` becomes the port of a listener.
const HOSTILE: [&str; 92] = [
    // This machine.
    "https://127.0.0.1:PORT/",
    "https://127.0.0.1.:PORT/",
    "https://127.1:PORT/",
    "https://127.0.1:PORT/",
    "https://127.255.255.254:PORT/",
    "https://2130706433:PORT/",
    "https://0x7f000001:PORT/",
    "https://0x7f.0.0.1:PORT/",
    "https://0x7f.1:PORT/",
    "https://017700000001:PORT/",
    "https://0177.0.0.1:PORT/",
    "https://0177.0x0.0.1:PORT/",
    "https://0:PORT/",
    "https://0.0.0.0:PORT/",
    "https://0x0:PORT/",
    "https://00.0.0.0:PORT/",
    "https://localhost:PORT/",
    "https://LOCALHOST:PORT/",
    "https://localhost.:PORT/",
    "https://foo.localhost:PORT/",
    "https://127。0。0。1:PORT/",
    "https://①②⑦.⓪.⓪.①:PORT/",
    "https://127%2e0%2e0%2e1:PORT/",
    "https://%31%32%37.0.0.1:PORT/",
    "https://[::1]:PORT/",
    "https://[0:0:0:0:0:0:0:1]:PORT/",
    "https://[::]:PORT/",
    "https://[::ffff:127.0.0.1]:PORT/",
    "https://[::ffff:7f00:1]:PORT/",
    "https://[0:0:0:0:0:ffff:127.0.0.1]:PORT/",
    "https://[::127.0.0.1]:PORT/",
    "https://[::7f00:1]:PORT/",
    "https://[64:ff9b::7f00:1]:PORT/",
    "https://[64:ff9b::127.0.0.1]:PORT/",
    "https://[64:ff9b:1::7f00:1]:PORT/",
    "https://[2002:7f00:1::]:PORT/",
    "https://[2001:0:7f00:1::]:PORT/",
    // Names that resolve to this machine, to private addresses, to several addresses or to none.
    "https://rebind.example:PORT/",
    "https://mixed.example:PORT/",
    "https://last.example:PORT/",
    "https://six.example:PORT/",
    "https://mapped.example:PORT/",
    "https://private.example:PORT/",
    "https://nothing.example:PORT/",
    "https://unknown.example:PORT/",
    // Metadata services and link-local addresses.
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254./",
    "https://0xa9fea9fe/",
    "https://2852039166/",
    "https://0251.0376.0251.0376/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://[fe80::1]:PORT/",
    "https://[::ffff:169.254.169.254]/",
    "https://[fd00:ec2::254]/",
    "https://100.100.100.200/",
    "https://192.0.0.192/",
    // Private networks.
    "https://10.0.0.1:PORT/",
    "https://10.1:PORT/",
    "https://172.16.0.1:PORT/",
    "https://172.31.255.255:PORT/",
    "https://192.168.0.1:PORT/",
    "https://192.168.257:PORT/",
    "https://100.64.0.1:PORT/",
    "https://100.127.255.255:PORT/",
    "https://198.18.0.1:PORT/",
    "https://192.0.2.1:PORT/",
    "https://198.51.100.1:PORT/",
    "https://203.0.113.1:PORT/",
    "https://224.0.0.1:PORT/",
    "https://240.0.0.1:PORT/",
    "https://255.255.255.255:PORT/",
    "https://[fc00::1]:PORT/",
    "https://[fd12:3456::1]:PORT/",
    "https://[fec0::1]:PORT/",
    "https://[ff02::1]:PORT/",
    "https://[2001:db8::1]:PORT/",
    "https://[3fff::1]:PORT/",
    // Other schemes and ambiguous URLs.
    "http://public.example/",
    "http://127.0.0.1:PORT/",
    "ftp://127.0.0.1:PORT/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:PORT/_x",
    "unix:///var/run/docker.sock",
    "data:text/plain,x",
    "//127.0.0.1:PORT/",
    "https://public.example@127.0.0.1:PORT/",
    "https://127.0.0.1:PORT@public.example/",
    "https://public.example#@127.0.0.1:PORT/",
    "https://127.0.0.1:PORT\\@public.example/",
    "https://public.example:0/",
    "https://",
    "",
];

/// Listens on this machine and counts connections.
fn canary() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let visits = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&visits);
    std::thread::spawn(move || {
        for visit in listener.incoming() {
            drop(visit);
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, visits)
}

#[tokio::test]
async fn no_hostile_address_reaches_this_machine() {
    let (port, visits) = canary();
    for hostile in HOSTILE {
        let url = hostile.replace("PORT", &port.to_string());
        match Endpoint::requested(&url, STRICT, &names()).await {
            Err(error) => assert!(!error.to_string().contains(&port.to_string()), "{url}: {error}"),
            Ok(endpoint) => {
                let answer = EvmClient::new(endpoint).unwrap().chain_id().await;
                panic!("{url} was accepted and answered {answer:?}");
            }
        }
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
    // Control: the listener counts a connection to a URL of the operator.
    let own = Endpoint::configured(&format!("http://127.0.0.1:{port}/")).unwrap();
    EvmClient::new(own).unwrap().chain_id().await.unwrap_err();
    assert!(visits.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn a_public_address_passes_and_is_resolved_once() {
    for url in ["https://public.example/v1/key", "https://1.1.1.1/", "https://[2606:4700::1111]:8545/"] {
        let endpoint = Endpoint::requested(url, STRICT, &names()).await.unwrap();
        let (_, addresses) = endpoint.pinned.as_ref().unwrap();
        assert!(addresses.iter().all(|address| is_public(address.ip())), "{url}");
    }
    STRICT.check("https://public.example/").unwrap();
}

#[tokio::test]
async fn a_name_that_resolves_otherwise_later_is_not_asked_again() {
    // The operating system cannot resolve this name, so a connection can only use the checked addresses.
    let (port, visits) = canary();
    let local = Policy { local: true };
    let names = Names(BTreeMap::from([("pinned.invalid", vec!["127.0.0.1"])]));
    let url = format!("http://pinned.invalid:{port}/");
    let endpoint = Endpoint::requested(&url, local, &names).await.unwrap();
    EvmClient::new(endpoint).unwrap().chain_id().await.unwrap_err();
    assert!(visits.load(Ordering::SeqCst) > 0, "the connection uses the checked address");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    use std::io::{Read, Write};
    let (port, visits) = canary();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{port}/\r\ncontent-length: 0\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let endpoint = Endpoint::configured(&format!("http://{own}/")).unwrap();
    let error = EvmClient::new(endpoint).unwrap().chain_id().await.unwrap_err();
    assert!(error.to_string().contains("307"), "{error}");
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    use std::io::{Read, Write};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n");
        while stream.write_all(&[b' '; 65536]).is_ok() {}
    });
    let endpoint = Endpoint::configured(&format!("http://{own}/")).unwrap();
    let error = EvmClient::new(endpoint).unwrap().chain_id().await.unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

#[test]
fn an_endpoint_shows_nothing_of_itself() {
    let endpoint = Endpoint::configured("https://user:secret@node.example/v1/key").unwrap();
    assert!(!format!("{endpoint:?}").contains("secret"));
    let error = Endpoint::configured("ftp://secret.example").unwrap_err();
    assert!(!error.to_string().contains("secret"));
}

#[test]
fn in_development_this_machine_passes_and_its_network_does_not() {
    let local = Policy { local: true };
    for url in ["http://127.0.0.1:8545", "http://[::1]:8545/", "http://localhost:8545"] {
        local.check(url).unwrap();
    }
    for url in ["http://10.0.0.1:8545", "http://169.254.169.254/", "http://[::ffff:127.0.0.1]:1/"] {
        local.check(url).unwrap_err();
    }
}
