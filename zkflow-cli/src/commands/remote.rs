//! A ceremony on a server: its address, and downloads of its files.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use clap::Args;
use zkflow_client::ClientError;
use zkflow_client::blocking::Client;
use zkflow_core::digest::Digest;

use super::Error;
use super::files::{Watched, in_file};
use super::ptau::parse_size;
use super::server::ApiKeyArgs;

/// The ceremony, and the caller's key of the API.
#[derive(Debug, Args)]
pub(super) struct CeremonyArgs {
    /// Address of the ceremony, such as https://zkflow.example/v1/ceremonies/ID
    #[allow(rustdoc::bare_urls, reason = "the help text shows the address as it is typed")]
    url: String,
    /// Largest file that is downloaded, in bytes or with the suffix KiB, MiB or GiB. The server chooses what it sends
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = parse_size)]
    largest_file: u64,
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

/// A file of a ceremony to download.
pub(super) struct Wanted {
    pub(super) name: &'static str,
    /// Length in bytes, if the server announced it.
    pub(super) size: Option<u64>,
    pub(super) sha256: Digest,
}

impl CeremonyArgs {
    /// Fails if a file with so many bytes is not downloaded.
    pub(super) fn allow(&self, name: &str, size: u64) -> Result<(), Error> {
        if size <= self.largest_file {
            return Ok(());
        }
        let most = self.largest_file;
        Err(format!(
            "{name}: the server announces {size} bytes, and at most {most} are downloaded: if the circuit is so large, use \
             --largest-file {}MiB",
            size.div_ceil(1 << 20)
        )
        .into())
    }

    /// Downloads a file, or the rest of it, to `path`.
    pub(super) fn download(
        &self,
        client: &Client,
        id: &str,
        Wanted { name, size, sha256 }: &Wanted,
        path: &Path,
    ) -> Result<(), Error> {
        if let Some(size) = size {
            self.allow(name, *size)?;
        }
        let part = path.with_extension("part");
        let mut file =
            File::options().create(true).truncate(false).write(true).open(&part).map_err(in_file(&part))?;
        let mut done = file.seek(SeekFrom::End(0)).map_err(in_file(&part))?;
        let most = size.unwrap_or(self.largest_file);
        while done < most {
            let asked = done..most.min(done + PIECE);
            let bytes = match client.ceremony_file(id, name, asked.clone()) {
                // The piece before was the last one.
                Err(ClientError::Refused { status: 416, .. }) if size.is_none() => break,
                bytes => bytes?,
            };
            if bytes.is_empty() {
                return Err(format!("{name}: the server sent no bytes from {done} on").into());
            }
            file.write_all(&bytes).map_err(in_file(&part))?;
            done += bytes.len() as u64;
            if size.is_none() && done < asked.end {
                break;
            }
        }
        drop(file);
        if (size.unwrap_or(done), Watched::open(&part)?.digest(&part)?) != (done, *sha256) {
            fs::remove_file(&part).map_err(in_file(&part))?;
            let expected = if size.is_some() {
                "length or SHA-256 than announced"
            } else {
                "SHA-256 than in the record"
            };
            let limit =
                if size.is_none() && done >= most { ", or more bytes than --largest-file" } else { "" };
            return Err(format!("{name}: the download has another {expected}{limit}: try again").into());
        }
        fs::rename(&part, path).map_err(in_file(path))
    }
}
