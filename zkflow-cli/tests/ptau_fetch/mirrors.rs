//! Which mirrors are asked, in which order, and what a wrong one spoils.

use std::fs;
use std::sync::{Arc, Mutex};

use super::{NAME, Place, Server, head, published, send};

/// A mirror with the file, or without it, that writes its name to a list when it is asked.
fn mirror(name: &'static str, has_file: bool, asked: &Arc<Mutex<Vec<&'static str>>>) -> Server {
    let asked = Arc::clone(asked);
    Server::start(move |request, _, out| {
        asked.lock().unwrap().push(name);
        match has_file {
            true => send(&published(), "\"1\"", request, usize::MAX, out),
            false => head(out, "404 Not Found", "Content-Length: 0\r\n"),
        }
    })
}

#[test]
fn mirrors_come_from_the_variable_or_the_flags_and_are_asked_in_their_order() {
    let asked = Arc::default();
    let (empty, bare) = (mirror("empty", false, &asked), mirror("bare", false, &asked));
    let (first, second) = (mirror("first", true, &asked), mirror("second", true, &asked));
    let expect = |variable: &[&Server], flags: &[&Server], order: &[&str]| {
        asked.lock().unwrap().clear();
        let place = Place::new();
        let mut command = place.command();
        let urls: Vec<_> = variable.iter().map(|server| server.url.as_str()).collect();
        command.env("ZKFLOW_PTAU_MIRRORS", urls.join(","));
        for server in flags {
            command.args(["--mirror", &server.url]);
        }
        let output = command.output().unwrap();
        assert_eq!(*asked.lock().unwrap(), order, "{output:?}");
        let found = order.last().is_some_and(|last| ["first", "second"].contains(last));
        assert_eq!((output.status.success(), place.path(NAME).exists()), (found, found), "{output:?}");
    };
    expect(&[&empty, &first, &second], &[], &["empty", "first"]);
    expect(&[&second, &first], &[], &["second"]);
    expect(&[&bare, &empty], &[], &["bare", "empty"]);
    // Flags replace the variable.
    expect(&[&first], &[&bare, &second], &["bare", "second"]);
    expect(&[&first], &[&empty], &["empty"]);
}

#[test]
fn a_wrong_file_of_one_mirror_does_not_spoil_the_bytes_of_the_others() {
    // It breaks off and goes away.
    let half = Server::start(|request, count, out| match count {
        0 => send(&published(), "\"1\"", request, 150_000, out),
        _ => head(out, "404 Not Found", "Content-Length: 0\r\n"),
    });
    let wrong =
        Server::start(|request, _, out| send(&vec![7; published().len()], "\"1\"", request, usize::MAX, out));
    let good = Server::start(|request, _, out| send(&published(), "\"1\"", request, usize::MAX, out));
    let place = Place::new();
    place.succeeds(&[&half, &wrong, &good]);
    let starts = |server: &Server| server.requests().iter().map(|request| request.start).collect::<Vec<_>>();
    assert_eq!(starts(&half), [None, Some(150_000)]);
    assert_eq!(starts(&wrong), [Some(150_000), None], "its file is downloaded as a whole, and is wrong");
    assert_eq!(starts(&good), [None]);
}

#[test]
fn a_password_in_the_address_of_a_mirror_is_not_shown() {
    let gone = Server::start(|_, _, out| head(out, "404 Not Found", "Content-Length: 0\r\n"));
    let place = Place::new();
    let url = gone.url.replace("http://", "http://ann:hidden@");
    let output = place.command().args(["--mirror", &url]).output().unwrap();
    let shown = [output.stdout, output.stderr].concat();
    let shown = String::from_utf8(shown).unwrap();
    assert!(!output.status.success() && shown.contains("127.0.0.1: HTTP status 404"), "{shown}");
    assert!(!shown.contains("hidden"), "{shown}");
    assert!(!fs::exists(place.path(NAME)).unwrap());
}
