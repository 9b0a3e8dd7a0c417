//! [`Documents`]: where the documents of the Node service come from.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use futures::stream::{self, BoxStream, StreamExt as _};
use serde_json::Value;
#[cfg(feature = "mongodb")]
use zkflow_store::MongoReader;

use super::NodeError;

/// Collection of circuits.
pub(super) const CIRCUITS: &str = "circuits";
/// Collection of proof requests.
pub(super) const PROOF_REQUESTS: &str = "proofrequests";

/// Largest line of a file: the limit of a document in MongoDB, and room for the longer form of JSON.
const LONGEST_LINE: u64 = 64 << 20;
/// Largest file that is one array.
const LARGEST_ARRAY: u64 = 256 << 20;

/// The collections of the Node service.
#[derive(Debug)]
pub enum Documents {
    /// Files of `mongoexport` in a folder: `circuits.json` and `proofrequests.json`, one document per line, or one array.
    /// A missing file is an empty collection.
    Folder(PathBuf),
    /// Its database.
    #[cfg(feature = "mongodb")]
    Mongo(MongoReader),
}

/// Connects to the database of the Node service. Writes nothing to it.
///
/// # Errors
/// The URI is malformed or names no database; the server does not answer or refuses the user.
#[cfg(feature = "mongodb")]
pub async fn connect(uri: &str) -> Result<MongoReader, NodeError> {
    MongoReader::open(uri).await.map_err(NodeError::Documents)
}

/// Documents in extended JSON. One that cannot be read is given as the reason.
pub(super) type Found<'a> = BoxStream<'a, Result<Result<Value, String>, NodeError>>;

impl Documents {
    /// All documents of a collection.
    pub(super) fn read(&self, collection: &'static str) -> Found<'_> {
        match self {
            Self::Folder(folder) => of_file(&folder.join(format!("{collection}.json"))),
            #[cfg(feature = "mongodb")]
            Self::Mongo(reader) => {
                reader.documents(collection).map(|found| found.map_err(NodeError::Documents)).boxed()
            }
        }
    }
}

fn of_file(path: &Path) -> Found<'static> {
    let failed = |source: io::Error| NodeError::File { path: path.display().to_string(), source };
    let opened = match File::open(path) {
        Ok(file) => Ok(BufReader::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return stream::empty().boxed(),
        Err(error) => Err(error),
    };
    let opened = opened.and_then(|mut file| {
        let is_array = file.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        Ok((file, is_array))
    });
    match opened {
        Err(error) => stream::iter([Err(failed(error))]).boxed(),
        Ok((file, true)) => {
            let items: Result<Vec<Value>, _> = serde_json::from_reader(file.take(LARGEST_ARRAY));
            let items = items.map_or_else(
                |error| vec![Err(format!("{}: {error}", path.display()))],
                |items| items.into_iter().map(Ok).collect(),
            );
            stream::iter(items.into_iter().map(Ok)).boxed()
        }
        Ok((file, false)) => {
            let path = path.display().to_string();
            let failed = move |source| NodeError::File { path: path.clone(), source };
            stream::iter(Lines { file, done: false }.map(move |line| line.map_err(&failed))).boxed()
        }
    }
}

/// The documents of a file with one per line.
struct Lines {
    file: BufReader<File>,
    done: bool,
}

impl Iterator for Lines {
    type Item = io::Result<Result<Value, String>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        while !self.done {
            line.clear();
            match (&mut self.file).take(LONGEST_LINE).read_until(b'\n', &mut line) {
                Ok(0) => self.done = true,
                Ok(length) if length as u64 == LONGEST_LINE && line.last() != Some(&b'\n') => {
                    self.done = true;
                    return Some(Ok(Err("a line is longer than 64 MiB; the rest was not read".to_owned())));
                }
                Ok(_) if line.iter().all(u8::is_ascii_whitespace) => {}
                Ok(_) => return Some(Ok(serde_json::from_slice(&line).map_err(|error| error.to_string()))),
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn read(text: &str) -> Vec<Result<Value, String>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("circuits.json"), text).unwrap();
        let documents = Documents::Folder(folder.path().to_path_buf());
        assert_eq!(documents.read(PROOF_REQUESTS).count().await, 0, "a missing file");
        documents.read(CIRCUITS).map(Result::unwrap).collect().await
    }

    #[tokio::test]
    async fn lines_and_arrays_are_read_and_damaged_lines_are_named() {
        assert_eq!(read("").await, []);
        assert_eq!(read("{\"a\": 1}\n\n {\"b\": 2}").await, [Ok(json!({"a": 1})), Ok(json!({"b": 2}))]);
        assert_eq!(read(" \n[{\"a\": 1}, 7]").await, [Ok(json!({"a": 1})), Ok(json!(7))]);
        let found = read("{\"a\": 1}\n{\"a\": \n{\"b\": 2}\n\u{0}\n").await;
        assert!(found[0].is_ok() && found[1].is_err() && found[2].is_ok() && found[3].is_err(), "{found:?}");
        let deep = read(&format!("{}\n{{}}", "[".repeat(100_000))).await;
        assert!(deep.len() == 1 && deep[0].is_err());
        let deep = read(&format!("{{\"a\": {}\n{{}}", "[".repeat(100_000))).await;
        assert!(deep[0].is_err() && deep[1].is_ok());
    }
}
