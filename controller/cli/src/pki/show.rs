//! What certificates and lists say.

use std::path::Path;

use anyhow::{Context, Result};
use ridethrough_pki::{Certificate, Holder, Revoked};
use serde::Serialize;

use super::{now_unix_s, read};
use crate::output::{Output, hex, wall_time};

#[derive(Serialize)]
struct Shown {
    certificates: Vec<CertificateShown>,
}

#[derive(Serialize)]
struct CertificateShown {
    holder: &'static str,
    cluster: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    serial: String,
    from: String,
    until: String,
    days_left: i64,
    valid_now: bool,
}

#[derive(Serialize)]
struct ListShown {
    made: String,
    revoked: Vec<RevokedShown>,
}

#[derive(Serialize)]
struct RevokedShown {
    serial: String,
    at: String,
}

/// Shows what a file holds; false when one of its certificates is not valid now.
pub fn show(file: &Path, output: Output) -> Result<bool> {
    let text = read(file)?;
    let named = || file.display().to_string();
    if text.contains("BEGIN X509 CRL") {
        return show_list(&Revoked::read_pem(&text).with_context(named)?, output);
    }
    let read = Certificate::read_pem(&text).with_context(named)?;
    let now_unix_s = now_unix_s();
    let shown = Shown { certificates: read.iter().map(|one| shown(one, now_unix_s)).collect() };
    output.print(&shown, || shown.certificates.iter().map(words).collect::<Vec<_>>().join("\n"))?;
    Ok(shown.certificates.iter().all(|one| one.valid_now))
}

fn show_list(list: &Revoked, output: Output) -> Result<bool> {
    let entry = |(serial, at_unix_s): &(Vec<u8>, i64)| RevokedShown { serial: hex(serial), at: time(*at_unix_s) };
    let shown = ListShown { made: time(list.made_unix_s), revoked: list.entries.iter().map(entry).collect() };
    output.print(&shown, || {
        let lines = shown.revoked.iter().map(|one| format!("revoked    {} at {}\n", one.serial, one.at));
        format!("list made  {}\n{}", shown.made, lines.collect::<String>())
    })?;
    Ok(true)
}

fn shown(certificate: &Certificate, now_unix_s: i64) -> CertificateShown {
    let (holder, cluster, replica, person) = match &certificate.holder {
        Holder::Authority { cluster } => ("authority", *cluster, None, None),
        Holder::Replica(name) => ("replica", Some(name.cluster), Some(name.replica), None),
        Holder::Person(name) => ("person", Some(name.cluster), None, Some(name.person.clone())),
        Holder::Addresses(_) => ("addresses", None, None, None),
    };
    let addresses = match &certificate.holder {
        Holder::Addresses(addresses) => addresses.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    CertificateShown {
        holder,
        cluster: cluster.map(|id| hex(&id)),
        replica,
        person,
        addresses,
        serial: hex(&certificate.serial),
        from: time(certificate.from_unix_s),
        until: time(certificate.until_unix_s),
        days_left: certificate.days_left(now_unix_s),
        valid_now: certificate.is_valid_at(now_unix_s),
    }
}

fn words(one: &CertificateShown) -> String {
    let whose = match (one.replica, &one.person) {
        (Some(replica), _) => format!("replica {replica}"),
        (None, Some(person)) => format!("person {person}"),
        (None, None) if !one.addresses.is_empty() => format!("service at {}", one.addresses.join(", ")),
        (None, None) => "authority".into(),
    };
    let state = if one.valid_now { "valid" } else { "NOT VALID NOW" };
    format!(
        "holder     {whose} of cluster {}\nserial     {}\nvalid      {} to {}\ndays left  {} ({state})\n",
        one.cluster.as_deref().unwrap_or("any"),
        one.serial,
        one.from,
        one.until,
        one.days_left
    )
}

fn time(unix_s: i64) -> String {
    wall_time(unix_s.saturating_mul(1_000))
}
