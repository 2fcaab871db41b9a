//! `ridectl keys`: the secrets of the field network, made and handed out.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Subcommand;
use ridethrough_core::device::ReplicaId;
use ridethrough_protocol::{KeyEpoch, Keyring, SiteSecret};

/// What can be done with secrets. Nothing here prints one.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Draw a new site secret into a new file that only its owner can read.
    ///
    /// It is for the machine that commissions devices and for nobody else: all keys of the site follow from it.
    Make {
        /// Its key epoch, above that of the secret before it.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        epoch: u32,
        /// The file to make.
        file: PathBuf,
    },
    /// Write one replica's own secrets into a new file that only its owner can read: what `dpcn.secret` names.
    Replica {
        /// The file with the site's secret, or with two while it is changed.
        #[arg(long, value_name = "FILE")]
        site: PathBuf,
        /// Which replica.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        replica: u16,
        /// The file to make.
        file: PathBuf,
    },
}

/// Carries a command out; true when it is done.
pub fn run(command: &Command) -> Result<bool> {
    match command {
        Command::Make { epoch, file } => {
            let mut secret = [0; 32];
            getrandom::fill(&mut secret).map_err(|error| anyhow!("no randomness from the system: {error}"))?;
            let epoch = KeyEpoch::new(*epoch).context("key epochs begin at 1")?;
            write_private(file, &Keyring::new(epoch, SiteSecret::new(secret)).export())?;
        }
        Command::Replica { site, replica, file } => {
            let text = std::fs::read_to_string(site).with_context(|| format!("{}: cannot be read", site.display()))?;
            let keyring = Keyring::parse(&text).with_context(|| site.display().to_string())?;
            write_private(file, &keyring.replica(ReplicaId(*replica)).export())?;
        }
    }
    Ok(true)
}

/// A new file, never one that is there: a secret that is overwritten is lost.
pub fn write_private(file: &Path, text: &str) -> Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut made = made.with_context(|| format!("{}: cannot be made", file.display()))?;
    made.write_all(text.as_bytes()).with_context(|| format!("{}: cannot be written", file.display()))?;
    made.sync_all().with_context(|| format!("{}: cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use ridethrough_protocol::ReplicaKeys;

    use super::*;

    #[test]
    fn a_site_secret_is_made_and_handed_out() {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let [site, own, next] = ["site.key", "n2.key", "next.key"].map(|name| folder.path().join(name));
        run(&Command::Make { epoch: 3, file: site.clone() }).expect("made");
        run(&Command::Replica { site: site.clone(), replica: 2, file: own.clone() }).expect("made");
        let text = std::fs::read_to_string(&own).expect("there");
        assert!(text.starts_with("3 ") && ReplicaKeys::parse(ReplicaId(2), &text).is_ok());
        assert_eq!(std::fs::metadata(&own).expect("there").permissions().mode() & 0o777, 0o600);
        let error = run(&Command::Make { epoch: 4, file: site.clone() }).expect_err("it is there");
        assert!(format!("{error:#}").contains("cannot be made"), "{error:#}");
        // While the secret is changed there are two lines, and a replica's file has two as well.
        run(&Command::Make { epoch: 4, file: next.clone() }).expect("made");
        let both = [&site, &next].map(|file| std::fs::read_to_string(file).expect("there")).concat();
        std::fs::write(&site, both).expect("room");
        run(&Command::Replica { site, replica: 2, file: folder.path().join("both.key") }).expect("made");
        assert_eq!(std::fs::read_to_string(folder.path().join("both.key")).expect("there").lines().count(), 2);
    }
}
