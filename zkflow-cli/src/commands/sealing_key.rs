//! `zkflow sealing-key`: the private keys that open inputs, in a file of the processes that make proofs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use zkflow_store::vault::sealing::SealingRing;

use super::Error;

/// Subcommands of `zkflow sealing-key`.
#[derive(Debug, Subcommand)]
pub(crate) enum SealingKeyCommand {
    /// Make a file with a private key, and print the public one for processes that make no proofs
    Create(FileArgs),
    /// Print the public keys of a file, the current one first
    Show(FileArgs),
    /// Add a new key to a file, before the others, which still open inputs
    Rotate(FileArgs),
    /// Remove the keys of a file that are not current: inputs that were sealed to them cannot be opened afterwards
    Prune(FileArgs),
}

/// Arguments of the subcommands of `zkflow sealing-key`.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The file, which only its owner may access
    file: PathBuf,
}

pub(super) fn sealing_key(command: &SealingKeyCommand) -> Result<(), Error> {
    match command {
        SealingKeyCommand::Create(FileArgs { file }) => {
            let ring = SealingRing::generate();
            ring.create(file)?;
            show(&ring);
        }
        SealingKeyCommand::Show(FileArgs { file }) => show(&SealingRing::load(file)?),
        SealingKeyCommand::Rotate(FileArgs { file }) => {
            show(&SealingRing::change(file, SealingRing::rotate)?)
        }
        SealingKeyCommand::Prune(FileArgs { file }) => show(&SealingRing::change(file, SealingRing::prune)?),
    }
    Ok(())
}

fn show(ring: &SealingRing) {
    for key in ring.public_keys() {
        println!("public key           {key}");
        println!("id                   {}", hex::encode(key.id()));
    }
}
