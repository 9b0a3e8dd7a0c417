//! Two folders with equal files, one for each program.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program whose result the next step continues from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    Ours,
    Theirs,
}

pub(crate) struct Pair {
    home: tempfile::TempDir,
}

/// Files that only zkflow writes, and the contract, which is another one with the same interface.
fn is_compared(name: &str) -> bool {
    !name.ends_with(".record.json") && !name.ends_with(".sol")
}

impl Pair {
    pub(crate) fn new() -> Self {
        let pair = Self { home: tempfile::tempdir().unwrap() };
        fs::create_dir_all(pair.ours()).unwrap();
        fs::create_dir_all(pair.theirs()).unwrap();
        pair
    }

    pub(crate) fn ours(&self) -> PathBuf {
        self.home.path().join("ours")
    }

    fn theirs(&self) -> PathBuf {
        self.home.path().join("theirs")
    }

    /// Writes a file into both folders.
    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        for folder in [self.ours(), self.theirs()] {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes.as_ref()).unwrap();
        }
    }

    pub(crate) fn zkflow(&self, line: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_zkflow"))
            .args(line)
            .current_dir(self.ours())
            .env("XDG_DATA_HOME", self.home.path().join("data"))
            .env("XDG_CACHE_HOME", self.home.path().join("cache"))
            .output()
            .unwrap()
    }

    pub(crate) fn snarkjs(&self, line: &[&str]) -> Output {
        let program = modules().join("snarkjs/build/cli.cjs");
        let mut node = Command::new("node");
        node.arg(program).args(line).current_dir(self.theirs());
        let mut child =
            node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Without -e, snarkjs asks for a text. It may have ended before it reads.
        let _ = child.stdin.take().unwrap().write_all(b"some text\n");
        child.wait_with_output().unwrap()
    }

    /// Both programs run the line. Their exit codes and all files are equal. Returns what they printed, ours first.
    pub(crate) fn same(&self, line: &[&str]) -> [String; 2] {
        let printed = self.both(line);
        self.files_are_equal(line);
        printed
    }

    /// Both programs run a line that draws random numbers. `new` are its output files.
    pub(crate) fn random(&self, line: &[&str], new: &[&str], from: From) {
        self.both(line);
        for name in new {
            let (ours, theirs) = (self.ours().join(name), self.theirs().join(name));
            let length = |path: &Path| fs::metadata(path).unwrap().len();
            assert!(name.ends_with(".json") || length(&ours) == length(&theirs), "{line:?}: {name}");
            match from {
                From::Ours => fs::copy(ours, theirs).unwrap(),
                From::Theirs => fs::copy(theirs, ours).unwrap(),
            };
        }
        self.files_are_equal(line);
    }

    /// Both programs refuse the line with the same exit code, and zkflow leaves no file.
    pub(crate) fn refused(&self, line: &[&str]) {
        let before = files(&self.ours());
        let (ours, theirs) = (self.zkflow(line), self.snarkjs(line));
        assert_eq!(ours.status.code(), theirs.status.code(), "{line:?}: {ours:?} {theirs:?}");
        assert!(!ours.status.success() && !ours.stderr.is_empty(), "{line:?}: {ours:?}");
        assert_eq!(files(&self.ours()), before, "{line:?}");
    }

    fn both(&self, line: &[&str]) -> [String; 2] {
        let (ours, theirs) = (self.zkflow(line), self.snarkjs(line));
        assert!(theirs.status.success(), "{line:?}: {theirs:?}");
        assert_eq!(ours.status.code(), theirs.status.code(), "{line:?}: {ours:?}");
        [ours, theirs].map(|output| without_colours(&String::from_utf8(output.stdout).unwrap()))
    }

    fn files_are_equal(&self, line: &[&str]) {
        let (ours, theirs) = (files(&self.ours()), files(&self.theirs()));
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&ours), names(&theirs), "{line:?}");
        for (name, bytes) in &ours {
            assert!(*bytes == theirs[name], "{line:?}: {name} differs");
        }
    }
}

/// The npm packages.
pub(crate) fn modules() -> PathBuf {
    let tools = std::env::var_os("ZKFLOW_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools"), PathBuf::from);
    tools.join("node_modules")
}

/// The compared files of a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let named = files.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    named.filter(|(name, _)| is_compared(name)).map(|(name, path)| (name, fs::read(path).unwrap())).collect()
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.split_once('m').map_or("", |(_, rest)| rest))
}
