//! [`Place`]: what an interrupted run must know.

use std::path::Path;

use serde::{Deserialize, Serialize};
use zkflow_core::digest::Digest;

use super::super::Error;
use super::super::files::{in_file, read_found};
use super::super::output::write_secret;

/// Name of the file.
pub(super) const FILE: &str = "place.json";
/// Size limit of the file in bytes.
const LARGEST: u64 = 64 << 10;

/// A place in the queue of a ceremony, with its secret token. It has no `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    /// Address of the ceremony.
    url: String,
    token: String,
    /// SHA-256 of the key that the contribution in the folder was added to.
    contributed_to: Option<Digest>,
}

impl Place {
    pub(super) fn new(url: &str, token: &str) -> Self {
        Self { url: url.to_owned(), token: token.to_owned(), contributed_to: None }
    }

    /// The place in a folder, if there is one of this ceremony.
    pub(super) fn read(folder: &Path, url: &str) -> Result<Option<Self>, Error> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let place: Self = serde_json::from_slice(&read_found(&path, LARGEST)?).map_err(in_file(&path))?;
        match place.url == url {
            true => Ok(Some(place)),
            false => Err(in_file(&path)("it is of another ceremony: use --folder with another folder")),
        }
    }

    /// Writes the file, readable only by its owner.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        write_secret(&folder.join(FILE), &serde_json::to_vec_pretty(self)?)
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn contributed_to(&mut self, key: Digest) {
        self.contributed_to = Some(key);
    }

    pub(super) fn has_contributed_to(&self, key: &Digest) -> bool {
        self.contributed_to.as_ref() == Some(key)
    }
}
