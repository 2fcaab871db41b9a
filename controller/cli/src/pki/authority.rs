//! An authority in its folder.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use ridethrough_pki::{Authority, Certificate, Revoked, Validity};
use serde::Serialize;

use super::{now_unix_s, read};
use crate::keys::write_private;
use crate::output::{Output, hex};

const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca.key";
const REVOKED: &str = "revoked.pem";

#[derive(Serialize)]
struct Made {
    cluster: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<IpAddr>,
    certificate: String,
    key: String,
    days_left: i64,
}

impl Made {
    fn print(&self, output: Output) -> Result<bool> {
        output.print(self, || {
            let whose = match (self.replica, &self.person) {
                (Some(replica), _) => format!("replica {replica}"),
                (None, Some(person)) => format!("person {person}"),
                (None, None) if !self.addresses.is_empty() => service(&self.addresses),
                (None, None) => "authority".into(),
            };
            format!(
                "made         {whose} of cluster {}\ncertificate  {}\nkey          {}\ndays left    {}\n",
                self.cluster, self.certificate, self.key, self.days_left
            )
        })?;
        Ok(true)
    }
}

/// Founds an authority in a folder.
pub fn found(cluster: [u8; 16], out: &Path, days: u32, output: Output) -> Result<bool> {
    let authority = Authority::found(cluster, Validity::days(days))?;
    let (certificate, key) = (out.join(CERTIFICATE), out.join(KEY));
    write_pair(out, [&key, &certificate], [&authority.key_pem(), authority.certificate_pem()])?;
    made(cluster, None, [&certificate, &key], authority.certificate_pem())?.print(output)
}

fn service(addresses: &[IpAddr]) -> String {
    let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    format!("service at {}", all.join(", "))
}

/// Whose a certificate is.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// A replica's.
    Replica(u16),
    /// A person's.
    Person(&'a str),
    /// What a replica serves at these addresses.
    Addresses(&'a [IpAddr]),
}

/// Makes a key and a certificate. A person gets the authority's certificate beside it, for whoever asks needs all three.
pub fn issue(ca: &Path, whose: Whose<'_>, out: &Path, days: u32, output: Output) -> Result<bool> {
    let (authority, validity) = (open(ca)?, Validity::days(days));
    let (name, issued) = match whose {
        Whose::Replica(replica) => (format!("replica-{replica}"), authority.issue(replica, validity)),
        Whose::Person(person) => (format!("person-{person}"), authority.issue_person(person, validity)),
        Whose::Addresses(addresses) => {
            let first = addresses.first().map(ToString::to_string).unwrap_or_default();
            (format!("service-{}", first.replace(':', "-")), authority.issue_addresses(addresses, validity))
        }
    };
    let issued = issued.with_context(|| name.replacen('-', " ", 1))?;
    let (certificate, key) = (out.join(format!("{name}.pem")), out.join(format!("{name}.key")));
    write_pair(out, [&key, &certificate], [&issued.key_pem, &issued.certificate_pem])?;
    let beside = out.join(CERTIFICATE);
    if matches!(whose, Whose::Person(_)) && !beside.exists() {
        write_new(&beside, authority.certificate_pem())?;
    }
    made(authority.cluster(), Some(whose), [&certificate, &key], &issued.certificate_pem)?.print(output)
}

#[derive(Serialize)]
struct Listed {
    list: String,
    revoked: usize,
    serial: String,
}

/// Puts a certificate on the list, which is replaced as a whole.
pub fn revoke(ca: &Path, certificate: &Path, output: Output) -> Result<bool> {
    let (authority, file) = (open(ca)?, ca.join(REVOKED));
    let before = file.exists().then(|| read(&file)).transpose()?;
    if let Some(text) = &before {
        Revoked::read_pem(text).with_context(|| file.display().to_string())?;
    }
    let pem = read(certificate)?;
    let named = || certificate.display().to_string();
    let list = authority.revoke(before.as_deref(), &pem).with_context(named)?;
    replace(&file, &list)?;
    let serial = Certificate::read_pem(&pem).with_context(named)?.first().map(|one| hex(&one.serial));
    let listed = Listed {
        list: file.display().to_string(),
        revoked: Revoked::read_pem(&list).with_context(|| file.display().to_string())?.entries.len(),
        serial: serial.unwrap_or_default(),
    };
    output.print(&listed, || {
        format!("revoked  serial {}\nlist     {}, {} certificates\n", listed.serial, listed.list, listed.revoked)
    })?;
    Ok(true)
}

fn open(ca: &Path) -> Result<Authority> {
    let (certificate, key) = (read(&ca.join(CERTIFICATE))?, read(&ca.join(KEY))?);
    Authority::open(&certificate, &key).with_context(|| ca.join(CERTIFICATE).display().to_string())
}

fn made(cluster: [u8; 16], whose: Option<Whose<'_>>, files: [&Path; 2], pem: &str) -> Result<Made> {
    let read = Certificate::read_pem(pem)?;
    let (replica, person, addresses) = match whose {
        Some(Whose::Replica(replica)) => (Some(replica), None, &[][..]),
        Some(Whose::Person(person)) => (None, Some(person.to_owned()), &[][..]),
        Some(Whose::Addresses(addresses)) => (None, None, addresses),
        None => (None, None, &[][..]),
    };
    Ok(Made {
        cluster: hex(&cluster),
        replica,
        person,
        addresses: addresses.to_vec(),
        certificate: files[0].display().to_string(),
        key: files[1].display().to_string(),
        days_left: read.first().map_or(0, |certificate| certificate.days_left(now_unix_s())),
    })
}

/// A new key and what belongs to it; neither is written when one of them is there.
fn write_pair(folder: &Path, [key, certificate]: [&Path; 2], [key_pem, certificate_pem]: [&str; 2]) -> Result<()> {
    for file in [key, certificate] {
        if file.exists() {
            bail!("{}: is there already, and nothing is overwritten: name another folder", file.display());
        }
    }
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    write_private(key, key_pem)?;
    write_new(certificate, certificate_pem)
}

fn write_new(file: &Path, text: &str) -> Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o644).open(file);
    let mut made = made.with_context(|| format!("{}: cannot be made", file.display()))?;
    made.write_all(text.as_bytes())
        .and_then(|()| made.sync_all())
        .with_context(|| format!("{}: cannot be written", file.display()))
}

/// At no time is there half a list: a certificate that is missing on it would be believed.
fn replace(file: &Path, text: &str) -> Result<()> {
    let fresh = file.with_extension("pem.new");
    // One that an interrupted run left behind is of no use.
    let _ = fs::remove_file(&fresh);
    write_new(&fresh, text)?;
    fs::rename(&fresh, file).with_context(|| format!("{}: cannot be replaced", file.display()))
}
