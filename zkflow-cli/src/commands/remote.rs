//! A ceremony on a server: its address, and downloads of its files.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use clap::Args;
use zkflow_client::blocking::Client;
use zkflow_core::digest::Digest;

use super::Error;
use super::files::{Watched, in_file};
use super::server::ApiKeyArgs;

/// The ceremony, and the caller's key of the API.
#[derive(Debug, Args)]
pub(super) struct CeremonyArgs {
    /// Address of the ceremony, such as https://zkflow.example/v1/ceremonies/ID
    #[allow(rustdoc::bare_urls, reason = "the help text shows the address as it is typed")]
    url: String,
    #[command(flatten)]
    key: ApiKeyArgs,
}

/// Bytes of a download at a time.
const PIECE: u64 = 8 << 20;

impl CeremonyArgs {
    /// The address without a slash at its end.
    pub(super) fn url(&self) -> &str {
        self.url.trim_end_matches('/')
    }

    /// Id of the ceremony, and a client of its server.
    pub(super) fn open(&self) -> Result<(String, Client), Error> {
        let expected = "expected the address of a ceremony, such as https://zkflow.example/v1/ceremonies/ID";
        let (base, id) = self.url().split_once("/v1/ceremonies/").ok_or(expected)?;
        if !id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            return Err(expected.into());
        }
        Ok((id.to_owned(), self.key.client(base)?))
    }
}

/// Downloads a file of a ceremony, or the rest of it, to `path`. Its length and its digest are known before.
pub(super) fn download(
    client: &Client,
    id: &str,
    name: &str,
    path: &Path,
    (size, sha256): (u64, &Digest),
) -> Result<(), Error> {
    let part = path.with_extension("part");
    let mut file =
        File::options().create(true).truncate(false).write(true).open(&part).map_err(in_file(&part))?;
    let mut done = file.seek(SeekFrom::End(0)).map_err(in_file(&part))?;
    while done < size {
        let bytes = client.ceremony_file(id, name, done..size.min(done + PIECE))?;
        if bytes.is_empty() {
            return Err(format!("{name}: the server sent no bytes from {done} on").into());
        }
        file.write_all(&bytes).map_err(in_file(&part))?;
        done += bytes.len() as u64;
    }
    drop(file);
    if (done, Watched::open(&part)?.digest(&part)?) != (size, *sha256) {
        fs::remove_file(&part).map_err(in_file(&part))?;
        return Err(
            format!("{name}: the download has another length or SHA-256 than announced: try again").into()
        );
    }
    fs::rename(&part, path).map_err(in_file(path))
}
