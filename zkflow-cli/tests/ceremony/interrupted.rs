//! Contributions with a key of several parts, killed at every step and continued.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use zkflow_core::digest::Digest;
use zkflow_core::service::upload::PART_BYTES;

use super::gate::{Gate, Point};
use super::site::Site;

/// Few constraints with many inputs: a key of two parts from powers of tau for 2^8 rows.
const WIDE: &str = "pragma circom 2.0.0;
template Wide(n, m) {
    signal input a[n][m]; signal output out; signal square[n];
    var total = 0;
    for (var i = 0; i < n; i++) {
        var sum = 0;
        for (var j = 0; j < m; j++) { sum += a[i][j]; }
        square[i] <== sum * sum;
        total += square[i];
    }
    out <== total;
}
component main = Wide(240, 100);
";

/// Runs `zkflow contribute`, and kills it when its request is at this point.
fn killed(site: &Site, gate: &Gate, url: &str, request: &str, point: Point) {
    let reached = gate.stop(request, point);
    let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
    command.args(["contribute", url, "--name", "ann", "--folder", "ann"]).current_dir(site.path(""));
    let mut run = command.stdout(Stdio::null()).spawn().unwrap();
    while reached.recv_timeout(Duration::from_millis(50)).is_err() {
        if let Some(status) = run.try_wait().unwrap() {
            panic!("{request}: the command ended with {status}");
        }
    }
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn a_killed_contribution_continues_and_sends_nothing_again() {
    let gate = Arc::new(Gate::default());
    let site = Site::behind(|router| gate.before(router));
    fs::write(site.path("wide.circom"), WIDE).unwrap();
    let printed = site.printed(&["circuit", "import", "wide.circom", "--server", &site.base]);
    let circuit = printed.lines().find_map(|line| line.strip_prefix("circuit ")).unwrap();
    let path = site.announces(circuit, 1);
    let url = format!("{}{path}", site.base);
    // A folder with keys of something else: nothing of it is removed.
    for name in ["contributed.zkey", "previous.zkey", "previous.part"] {
        let folder = format!("other {name}");
        fs::create_dir(site.path(&folder)).unwrap();
        fs::write(site.path(&format!("{folder}/{name}")), "mine").unwrap();
        site.fails(&["contribute", &url, "--folder", &folder], "use --folder with another folder");
        assert_eq!(fs::read_to_string(site.path(&format!("{folder}/{name}"))).unwrap(), "mine");
    }
    let kill = |request: &str, point| killed(&site, &gate, &url, request, point);

    // In the second piece of the download: the first one is kept.
    kill(&format!("GET files/proving_key.zkey bytes={PART_BYTES}-"), Point::Amid);
    assert_eq!(fs::metadata(site.path("ann/previous.part")).unwrap().len(), PART_BYTES);
    // After the contribution.
    kill("PUT turn/upload", Point::Before);
    let contributed = fs::read(site.path("ann/contributed.zkey")).unwrap();
    assert_eq!((contributed.len() as u64).div_ceil(PART_BYTES), 2, "the key has two parts");
    // In the second part of the upload: before the server gets it, and when only its answer is missing.
    kill("PUT turn/parts/1", Point::Before);
    kill("PUT turn/parts/1", Point::After);
    // After the submission, whose answer is missing.
    kill("POST turn/submit", Point::After);
    assert!(fs::read(site.path("ann/contributed.zkey")).unwrap() == contributed, "it is not made again");

    site.contributes(&url, "ann");
    let ended = site.settled(&path);
    assert_eq!(ended["contributionCount"], 1, "{ended}");
    assert_eq!(ended["contributions"][0]["zkey"], Digest::of(&contributed).to_string(), "{ended}");
    assert_eq!(gate.answered("join"), ["201 POST join"]);
    let pieces = gate.answered("files/proving_key.zkey");
    assert_eq!(pieces.len(), 2, "{pieces:?}");
    for (piece, start) in pieces.iter().zip([0, PART_BYTES]) {
        assert!(piece.starts_with(&format!("206 GET files/proving_key.zkey bytes={start}-")), "{pieces:?}");
    }
    assert_eq!(gate.answered("turn/parts"), ["204 PUT turn/parts/0", "204 PUT turn/parts/1"]);
    assert_eq!(gate.answered("turn/submit"), ["202 POST turn/submit"]);
}
