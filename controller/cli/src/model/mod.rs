//! `ridectl model`: who vouches for a model.

mod sign;

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use crate::output::Output;

/// What to do with models.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Draw a new signing key into a new file that only its owner can read, and print its public half.
    ///
    /// The file is for the machine that releases models and for nobody else; the public half is for `forecast.trusted`
    /// in the configuration of every replica.
    Keygen {
        /// The file to make.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Vouch for a model: write a signature over its manifest beside it, once model and manifest fit together.
    Sign {
        /// The file with the signing key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The number of this release, above that of the release before.
        #[arg(long)]
        version: u64,
        /// The manifest; the model lies beside it, with the ending `.onnx`.
        manifest: PathBuf,
    },
    /// Say whether a trusted key vouches for a model, and whether the model is the one.
    Verify {
        /// The manifest; model and signature lie beside it.
        manifest: PathBuf,
        /// A public key that is trusted; repeat it for more.
        #[arg(long, value_name = "KEY", required = true)]
        trusted: Vec<String>,
    },
    /// Print what a manifest says, and who claims to vouch for it. It checks no signature.
    Show {
        /// The manifest.
        manifest: PathBuf,
    },
}

/// Carries a command out; false is a negative answer.
pub fn run(command: &Command, output: Output) -> Result<bool> {
    match command {
        Command::Keygen { out } => sign::keygen(out, output),
        Command::Sign { key, version, manifest } => sign::sign(key, *version, manifest, output),
        Command::Verify { manifest, trusted } => sign::verify(manifest, trusted, output),
        Command::Show { manifest } => sign::show(manifest, output),
    }
}
