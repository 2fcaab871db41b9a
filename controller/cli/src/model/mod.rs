//! `ridectl model`: who vouches for a model, and which one decides.

mod serve;
mod sign;

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use crate::ask::{How, Of};
use crate::ended::Ended;
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
    /// Say which model decides, which is tried in shadow, and what lies in a replica's folder of models.
    List(Of),
    /// Try a model beside the one that decides. It is scored and touches no decision.
    Shadow {
        /// The manifest's file name in `forecast.models`, without `.json`.
        model: String,
        #[command(flatten)]
        how: How,
    },
    /// Let the model that is in shadow decide.
    Promote {
        /// The manifest's file name in `forecast.models`, without `.json`.
        model: String,
        /// No version below may decide from now on.
        #[arg(long, value_name = "VERSION")]
        minimum_version: Option<u64>,
        #[command(flatten)]
        how: How,
    },
    /// Let the model decide again that did before.
    Rollback {
        /// Lower the least version that may decide to this; it stays as it is when left out.
        #[arg(long, value_name = "VERSION")]
        minimum_version: Option<u64>,
        #[command(flatten)]
        how: How,
    },
}

/// Carries a command out.
pub fn run(command: &Command, output: Output) -> Result<Ended> {
    let answered = match command {
        Command::Keygen { out } => sign::keygen(out, output),
        Command::Sign { key, version, manifest } => sign::sign(key, *version, manifest, output),
        Command::Verify { manifest, trusted } => sign::verify(manifest, trusted, output),
        Command::Show { manifest } => sign::show(manifest, output),
        Command::List(of) => serve::list(of, output),
        Command::Shadow { model, how } => return serve::operate("shadow", Some(model.as_str()), None, how, output),
        Command::Promote { model, minimum_version, how } => {
            return serve::operate("promote", Some(model.as_str()), *minimum_version, how, output);
        }
        Command::Rollback { minimum_version, how } => {
            return serve::operate("rollback", None, *minimum_version, how, output);
        }
    };
    answered.map(Ended::from)
}
