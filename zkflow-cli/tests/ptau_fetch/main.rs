//! `zkflow ptau fetch` from a server that breaks off, lies about ranges, sends wrong bytes or never ends.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod larger;
mod mirrors;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

const NAME: &str = "powersOfTau28_hez_final_08.ptau";

fn published() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../zkflow-groth16/tests/data").join(NAME)).unwrap()
}

/// A request: its path, and the values of `Range` and `If-Range`.
#[derive(Clone, Debug, Default)]
struct Request {
    path: String,
    start: Option<usize>,
    tag: Option<String>,
}

/// Answers every request by a function that gets the request and the number of earlier ones.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    fn start(
        answer: impl Fn(&Request, usize, &mut TcpStream) -> std::io::Result<()> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/ptau", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read(&stream);
                let count = seen.lock().unwrap().len();
                seen.lock().unwrap().push(request.clone());
                // The client may hang up.
                let _ = answer(&request, count, &mut stream);
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Request {
    let mut request = Request::default();
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        let value = |name: &str| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then(|| value.to_owned())
        };
        if let Some(path) = line.strip_prefix("GET ") {
            request.path = path.split(' ').next().unwrap().to_owned();
        } else if let Some(range) = value("range") {
            request.start =
                range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')?.parse().ok());
        } else if let Some(tag) = value("if-range") {
            request.tag = Some(tag);
        } else if line.is_empty() {
            break;
        }
    }
    request
}

/// The whole file or the requested range of it, but at most `most` bytes of the body.
fn send(bytes: &[u8], tag: &str, request: &Request, most: usize, out: &mut TcpStream) -> std::io::Result<()> {
    let current = request.tag.as_ref().is_none_or(|known| known == tag);
    let start = request.start.filter(|_| current);
    let (status, range) = match start {
        Some(start) if start >= bytes.len() => {
            return write!(
                out,
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{}\r\nContent-Length: 0\r\nConnection: \
                 close\r\n\r\n",
                bytes.len()
            );
        }
        Some(start) => (
            "206 Partial Content",
            format!("Content-Range: bytes {start}-{}/{}\r\n", bytes.len() - 1, bytes.len()),
        ),
        None => ("200 OK", String::new()),
    };
    let body = &bytes[start.unwrap_or(0)..];
    head(out, status, &format!("{range}ETag: {tag}\r\nContent-Length: {}\r\n", body.len()))?;
    out.write_all(&body[..body.len().min(most)])
}

fn head(out: &mut TcpStream, status: &str, headers: &str) -> std::io::Result<()> {
    write!(out, "HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n")
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `zkflow ptau fetch 8` in the folder.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
        command.args(["ptau", "fetch", "8"]).current_dir(self.0.path());
        command.env("XDG_CACHE_HOME", self.path("cache")).env_remove("ZKFLOW_PTAU_MIRRORS");
        command
    }

    fn fetch(&self, mirrors: &[&Server]) -> Output {
        let mut command = self.command();
        for server in mirrors {
            command.args(["--mirror", &server.url]);
        }
        command.output().unwrap()
    }

    fn succeeds(&self, mirrors: &[&Server]) -> String {
        let output = self.fetch(mirrors);
        assert!(output.status.success(), "{output:?}");
        assert!(fs::read(self.path(NAME)).unwrap() == published());
        assert_eq!(fs::read_dir(self.0.path()).unwrap().count(), 1, "only the file is left");
        String::from_utf8(output.stdout).unwrap()
    }

    fn fails(&self, mirrors: &[&Server]) -> String {
        let output = self.fetch(mirrors);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(!self.path(NAME).exists());
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn a_file_is_downloaded_once_and_another_one_is_not_overwritten() {
    let server = Server::start(|request, _, out| send(&published(), "\"1\"", request, usize::MAX, out));
    let place = Place::new();
    assert!(place.succeeds(&[&server]).contains("downloaded from 127.0.0.1"));
    assert_eq!(server.requests()[0].path, format!("/ptau/{NAME}"));
    assert!(place.succeeds(&[&server]).contains("present"));
    assert_eq!(server.requests().len(), 1);

    fs::write(place.path(NAME), "mine").unwrap();
    let output = place.fetch(&[&server]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("another file"));
    assert_eq!(fs::read(place.path(NAME)).unwrap(), b"mine");
}

#[test]
fn a_download_that_breaks_off_continues_in_the_same_run_and_in_the_next() {
    let server = Server::start(|request, _, out| send(&published(), "\"1\"", request, 100_000, out));
    Place::new().succeeds(&[&server]);
    let starts: Vec<_> = server.requests().iter().map(|request| request.start).collect();
    assert_eq!(starts, [None, Some(100_000), Some(200_000), Some(300_000)]);
    assert!(server.requests()[1..].iter().all(|request| request.tag.as_deref() == Some("\"1\"")));

    // A server that goes away: the next run continues.
    let place = Place::new();
    let gone = Server::start(|request, count, out| match count {
        0 => send(&published(), "\"1\"", request, 150_000, out),
        _ => head(out, "404 Not Found", "Content-Length: 0\r\n"),
    });
    assert!(place.fails(&[&gone]).contains("HTTP status 404"));
    assert_eq!(fs::metadata(place.path(&format!("{NAME}.part"))).unwrap().len(), 150_000);
    let whole = Server::start(|request, _, out| send(&published(), "\"2\"", request, usize::MAX, out));
    place.succeeds(&[&whole]);
    assert_eq!(whole.requests()[0].start, Some(150_000));
    assert_eq!(whole.requests()[0].tag, None, "the tag of another server says nothing");
}

#[test]
fn bytes_of_another_version_are_dropped() {
    // The file changes while it is downloaded: the server answers with all of the new one.
    let server = Server::start(|request, count, out| match count {
        0 => send(&vec![1; published().len()], "\"old\"", request, 1000, out),
        _ => send(&published(), "\"new\"", request, usize::MAX, out),
    });
    Place::new().succeeds(&[&server]);
    assert_eq!(
        (server.requests()[1].start, server.requests()[1].tag.as_deref()),
        (Some(1000), Some("\"old\""))
    );

    // A server without tags mixes two versions: the hash finds it, and the file is downloaded again.
    let server = Server::start(|request, count, out| match count {
        0 => send(&vec![1; published().len()], "W/\"weak\"", request, 1000, out),
        _ => send(&published(), "W/\"weak\"", request, usize::MAX, out),
    });
    Place::new().succeeds(&[&server]);
    assert_eq!(
        server.requests().iter().map(|request| request.start).collect::<Vec<_>>(),
        [None, Some(1000), None]
    );
}

#[test]
fn a_server_that_lies_about_ranges_does_not_spoil_the_file() {
    let length = published().len();
    for lie in [
        format!("Content-Range: bytes 0-{}/{length}\r\n", length - 1),
        format!("Content-Range: bytes 2000-{}/{length}\r\n", length - 1),
        format!("Content-Range: bytes 1000-{length}/{length}\r\n"),
        "Content-Range: bytes 1000-1/0\r\n".to_owned(),
        "Content-Range: nonsense\r\n".to_owned(),
        String::new(),
    ] {
        let server = Server::start(move |request, count, out| match (count, request.start) {
            (0, _) => send(&published(), "\"1\"", request, 1000, out),
            (1, Some(_)) => {
                head(out, "206 Partial Content", &format!("{lie}Content-Length: 5\r\n"))?;
                out.write_all(b"wrong")
            }
            _ => send(&published(), "\"1\"", request, usize::MAX, out),
        });
        Place::new().succeeds(&[&server]);
        assert_eq!(server.requests()[2].start, None);
    }
    // The right range with the wrong bytes.
    let server = Server::start(|request, count, out| match count {
        0 => send(&published(), "\"1\"", request, 1000, out),
        1 => send(&vec![9; published().len()], "\"1\"", request, usize::MAX, out),
        _ => send(&published(), "\"1\"", request, usize::MAX, out),
    });
    Place::new().succeeds(&[&server]);
    // A range that is refused.
    let server = Server::start(|request, count, out| match (count, request.start) {
        (0, _) => send(&published(), "\"1\"", request, 1000, out),
        (_, Some(_)) => head(out, "416 Range Not Satisfiable", "Content-Length: 0\r\n"),
        _ => send(&published(), "\"1\"", request, usize::MAX, out),
    });
    Place::new().succeeds(&[&server]);
}

#[test]
fn wrong_and_endless_bytes_are_refused_and_the_next_mirror_is_tried() {
    let wrong =
        || Server::start(|request, _, out| send(&vec![7; 300_000], "\"1\"", request, usize::MAX, out));
    let endless = || {
        Server::start(|_, _, out| {
            head(out, "200 OK", "")?;
            loop {
                out.write_all(&[0; 4096])?;
            }
        })
    };
    let long = || {
        Server::start(|_, _, out| {
            head(out, "200 OK", "Content-Length: 100000000000\r\n")?;
            loop {
                out.write_all(&[0; 4096])?;
            }
        })
    };
    let missing = || Server::start(|_, _, out| head(out, "404 Not Found", "Content-Length: 0\r\n"));
    let broken = || Server::start(|_, _, out| head(out, "503 Service Unavailable", "Content-Length: 0\r\n"));
    let good = || Server::start(|request, _, out| send(&published(), "\"1\"", request, usize::MAX, out));
    for (server, reason) in [
        (wrong(), "not the published ones"),
        (endless(), "sends more than"),
        (long(), "sends more than"),
        (missing(), "404"),
        (broken(), "503"),
    ] {
        let place = Place::new();
        let error = place.fails(&[&server]);
        assert!(error.contains(reason), "{error}");
        assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 0, "{reason}: nothing is left");
        place.succeeds(&[&server, &good()]);
    }
}

#[test]
fn a_larger_file_in_the_folder_that_is_not_published_is_not_used() {
    let server = Server::start(|request, _, out| send(&published(), "\"1\"", request, usize::MAX, out));
    let place = Place::new();
    let mut other = Command::new(env!("CARGO_BIN_EXE_zkflow"));
    let larger = "powersOfTau28_hez_final_09.ptau";
    assert!(other.args(["ptau", "new", "9", larger]).current_dir(place.0.path()).status().unwrap().success());
    let output = place.fetch(&[&server]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("not used"));
    assert!(fs::read(place.path(NAME)).unwrap() == published());

    let mut wrong = Command::new(env!("CARGO_BIN_EXE_zkflow"));
    let output = wrong.args(["ptau", "fetch", "7"]).current_dir(place.0.path()).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("no published file of power 7"));
}
