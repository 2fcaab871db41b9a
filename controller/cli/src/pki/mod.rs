//! `ridectl pki`: who is who between replicas.

mod authority;
mod show;

use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use clap::Subcommand;
use ridethrough_pki::cluster_id;

use self::authority::Whose;
use crate::output::Output;

/// Most bytes of a certificate, key or list that are read.
const BYTES_MAX: u64 = 1 << 20;

/// What can be done with certificates. Nothing here prints a key, and no key or certificate is ever overwritten.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Found a cluster's authority: `ca.pem`, which every replica gets, and `ca.key`, which nobody gets.
    ///
    /// The folder is for the machine that hands out certificates and for no replica: whoever has `ca.key` can be any replica.
    Ca {
        /// The cluster's id, 32 hexadecimal digits, as `ridethroughd check-config` names it.
        #[arg(long, value_name = "HEX", value_parser = cluster, required_unless_present = "cluster_name")]
        cluster: Option<ClusterHex>,
        /// Instead of the id: `cluster` of the replicas' configuration.
        #[arg(long, value_name = "NAME", conflicts_with = "cluster")]
        cluster_name: Option<String>,
        /// The folder to make it in.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// For how long; no certificate outlives its authority.
        #[arg(long, default_value_t = 3_650, value_parser = clap::value_parser!(u32).range(1..=7_300))]
        days: u32,
    },
    /// Make a replica's key and certificate, `replica-N.key` and `replica-N.pem`, or a person's, `person-NAME.key` and `person-NAME.pem`, or
    /// those of what a replica serves, `service-ADDRESS.key` and `service-ADDRESS.pem`.
    Issue {
        /// The authority's folder.
        #[arg(long, value_name = "DIR")]
        ca: PathBuf,
        /// Which replica.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), required_unless_present_any = ["person", "addresses"])]
        replica: Option<u16>,
        /// Instead of a replica: a person who asks replicas from elsewhere.
        #[arg(long, value_name = "NAME", conflicts_with = "replica")]
        person: Option<String>,
        /// Instead of both: an address at which a replica serves Redfish, to clients that believe the authority; may be given more than once.
        #[arg(long = "address", value_name = "IP", conflicts_with_all = ["replica", "person"])]
        addresses: Vec<IpAddr>,
        /// The folder to make them in.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// For how long.
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3_650))]
        days: u32,
    },
    /// Put a certificate on the authority's list of revoked ones, `revoked.pem`, which every replica then needs.
    Revoke {
        /// The authority's folder.
        #[arg(long, value_name = "DIR")]
        ca: PathBuf,
        /// The certificate.
        certificate: PathBuf,
    },
    /// Say of whom certificates are and until when, or what a list holds. Status 1 when one of them is not valid now.
    Show {
        /// A file with certificates, or with a list.
        file: PathBuf,
    },
}

/// A cluster's id as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterHex([u8; 16]);

/// Carries a command out; false is a negative answer.
pub fn run(command: &Command, output: Output) -> Result<bool> {
    match command {
        Command::Ca { cluster, cluster_name, out, days } => {
            let named = cluster_name.as_deref().map(cluster_id);
            let id = cluster.map(|hex| hex.0).or(named).context("a cluster must be named")?;
            authority::found(id, out, *days, output)
        }
        Command::Issue { ca, replica, person, addresses, out, days } => {
            let whose = match (replica, person) {
                (Some(replica), _) => Whose::Replica(*replica),
                (None, Some(person)) => Whose::Person(person),
                (None, None) => Whose::Addresses(addresses),
            };
            authority::issue(ca, whose, out, *days, output)
        }
        Command::Revoke { ca, certificate } => authority::revoke(ca, certificate, output),
        Command::Show { file } => show::show(file, output),
    }
}

fn cluster(text: &str) -> Result<ClusterHex> {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|_| digits);
    id.map(|id| ClusterHex(id.to_be_bytes())).ok_or_else(|| anyhow!("expected 32 hexadecimal digits"))
}

/// The text of a file with certificates, a key or a list, of at most [`BYTES_MAX`].
pub fn read(file: &Path) -> Result<String> {
    let cannot = || format!("{}: cannot be read", file.display());
    let mut text = String::new();
    let opened = std::fs::File::open(file).with_context(cannot)?;
    opened.take(BYTES_MAX + 1).read_to_string(&mut text).with_context(cannot)?;
    if text.len() as u64 > BYTES_MAX {
        bail!("{}: is larger than {BYTES_MAX} bytes", file.display());
    }
    Ok(text)
}

fn now_unix_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder for a test")
    }

    fn refused(command: &Command) -> String {
        format!("{:#}", run(command, Output::Json).expect_err("refused"))
    }

    fn ca(out: &Path) -> Command {
        Command::Ca { cluster: None, cluster_name: Some("demo".into()), out: out.into(), days: 30 }
    }

    fn issue(ca: &Path, replica: u16, out: &Path, days: u32) -> Command {
        let (addresses, person) = (Vec::new(), None);
        Command::Issue { ca: ca.into(), replica: Some(replica), person, addresses, out: out.into(), days }
    }

    #[test]
    fn what_a_replica_serves_has_a_certificate_for_its_addresses() {
        let home = folder();
        let (authority, out) = (home.path().join("ca"), home.path().join("n1"));
        assert!(run(&ca(&authority), Output::Json).expect("done"));
        let addresses: Vec<IpAddr> = ["fd00::1", "10.0.0.1"].map(|one| one.parse().expect("one")).to_vec();
        let (replica, person) = (None, None);
        let issue = Command::Issue { ca: authority, replica, person, addresses, out: out.clone(), days: 9 };
        assert!(run(&issue, Output::Json).expect("done"));
        assert!(run(&Command::Show { file: out.join("service-fd00--1.pem") }, Output::Json).expect("valid"));
        assert!(out.join("service-fd00--1.key").exists() && !out.join("ca.pem").exists());
    }

    #[test]
    fn an_authority_issues_and_revokes_and_overwrites_nothing() {
        let home = folder();
        let (authority, out) = (home.path().join("ca"), home.path().join("n1"));
        let done = |command: &Command| assert!(run(command, Output::Json).expect("done"));
        done(&ca(&authority));
        done(&issue(&authority, 1, &out, 30));
        for key in [authority.join("ca.key"), out.join("replica-1.key")] {
            assert_eq!(std::fs::metadata(&key).expect("there").permissions().mode() & 0o777, 0o600);
        }
        let before = std::fs::read(out.join("replica-1.pem")).expect("there");
        assert!(refused(&ca(&authority)).contains("ca.key: is there already"));
        assert!(refused(&issue(&authority, 1, &out, 30)).contains("replica-1.key: is there already"));
        assert_eq!(std::fs::read(out.join("replica-1.pem")).expect("there"), before);
        assert!(refused(&issue(&authority, 2, &out, 31)).contains("would outlive its authority"));
        assert!(!out.join("replica-2.key").exists(), "a refusal leaves nothing behind");
        done(&Command::Show { file: out.join("replica-1.pem") });
        let revoke = Command::Revoke { ca: authority.clone(), certificate: out.join("replica-1.pem") };
        done(&revoke);
        assert!(refused(&revoke).contains("replica-1.pem: is revoked already"));
        done(&Command::Show { file: authority.join("revoked.pem") });
        std::fs::write(authority.join("revoked.pem"), "beef").expect("room");
        assert!(refused(&revoke).contains("revoked.pem"), "a damaged list is not replaced by an empty one");
        assert_eq!(std::fs::read_to_string(authority.join("revoked.pem")).expect("there"), "beef");
    }

    #[test]
    fn what_is_no_certificate_is_refused_by_name() {
        let home = folder();
        let file = home.path().join("beef.pem");
        std::fs::write(&file, "beef").expect("room");
        let shown = refused(&Command::Show { file: file.clone() });
        assert!(shown.contains("beef.pem: holds no PEM block `CERTIFICATE`"), "{shown}");
        let missing = refused(&issue(&home.path().join("nowhere"), 1, home.path(), 1));
        assert!(missing.contains("nowhere/ca.pem: cannot be read"), "{missing}");
        assert_eq!(cluster(&"0f".repeat(16)).expect("good"), ClusterHex([15; 16]));
        for wrong in ["", "0f", &"+f".repeat(16), &"0f".repeat(17)] {
            assert!(cluster(wrong).is_err(), "{wrong}");
        }
    }
}
