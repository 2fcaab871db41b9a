//! Replicas elsewhere: TLS 1.3 with certificates on both sides, the same line each way as on the socket.

use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use ridethrough_core::device::ReplicaId;
use ridethrough_raft::{PeerPems, PersonTls};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::{ANSWER_BYTES_MAX, ANSWER_DEADLINE, Unanswered, read};
use crate::pki;

/// How long a replica may take to let somebody in.
const CALL_DEADLINE: Duration = Duration::from_secs(3);

/// A replica and where it listens for people: `n1=10.0.0.1:7401`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    replica: u16,
    address: SocketAddr,
}

impl At {
    pub(super) fn name(&self) -> String {
        format!("n{}", self.replica)
    }
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}`: expected a replica and its address, such as `n1=10.0.0.1:7401`");
        let (replica, address) = text.split_once('=').ok_or_else(expected)?;
        let replica = replica.strip_prefix('n').and_then(|number| number.parse().ok()).filter(|number| *number > 0);
        Ok(Self { replica: replica.ok_or_else(expected)?, address: address.parse().map_err(|_| expected())? })
    }
}

/// Asks the first that lets this person in; where only a leader can do it, that one, if it is among them.
pub(super) fn ask(all: &[At], identity: &Path, request: &Value) -> Result<Value> {
    let tls = open(identity)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut errors = Vec::new();
    for at in all {
        match runtime.block_on(ask_one(*at, &tls, request)) {
            Ok(told) => {
                let leader = told["leader"].as_u64().filter(|_| told["refused"].is_string());
                let next = leader.and_then(|id| all.iter().find(|one| u64::from(one.replica) == id && *one != at));
                return next.map_or(Ok(told), |next| runtime.block_on(ask_one(*next, &tls, request)));
            }
            // It may have been done: nobody else is asked.
            Err(error) if error.is::<Unanswered>() => return Err(error),
            Err(error) => errors.push(format!("{error:#}")),
        }
    }
    Err(anyhow!("no replica answers: {}", errors.join("; ")))
}

async fn ask_one(At { replica, address }: At, tls: &PersonTls, request: &Value) -> Result<Value> {
    let named = || format!("n{replica} at {address}");
    let called = tokio::time::timeout(CALL_DEADLINE, tls.call(address, ReplicaId(replica))).await;
    let mut stream = called.map_err(|_| anyhow!("does not answer")).with_context(named)?.with_context(named)?;
    stream.write_all((request.to_string() + "\n").as_bytes()).await.with_context(named)?;
    let mut line = String::new();
    let mut limited = BufReader::new((&mut stream).take(ANSWER_BYTES_MAX));
    let answered = tokio::time::timeout(ANSWER_DEADLINE, limited.read_line(&mut line)).await;
    match answered {
        // With TLS 1.3 whoever is not believed hears of it only when he reads.
        Ok(Err(error)) => Err(error).with_context(named),
        Ok(Ok(_)) if line.ends_with('\n') => read(&line, &named()),
        _ => Err(Unanswered { why: format!("{}: no answer in time", named()) }.into()),
    }
}

fn open(identity: &Path) -> Result<PersonTls> {
    let with = |ending: &str| pki::read(Path::new(&format!("{}.{ending}", identity.display())));
    let ca = pki::read(&identity.with_file_name("ca.pem"))?;
    let (certificate, key) = (with("pem")?, with("key")?);
    PersonTls::new(PeerPems { ca: &ca, certificate: &certificate, key: &key, revoked: None })
        .with_context(|| format!("{}: no identity", identity.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_named_with_its_address() {
        let at = At { replica: 2, address: ([10, 0, 0, 2], 7401).into() };
        assert_eq!("n2=10.0.0.2:7401".parse(), Ok(at));
        for wrong in ["", "10.0.0.2:7401", "n0=10.0.0.2:7401", "n2=host:7401", "2=10.0.0.2:7401", "n2=10.0.0.2"] {
            assert!(wrong.parse::<At>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_identity_is_three_files() {
        let home = tempfile::tempdir().expect("a folder");
        let refused = |name: &str| format!("{:#}", open(&home.path().join(name)).expect_err("refused"));
        assert!(refused("person-mira").contains("ca.pem: cannot be read"));
        for file in ["ca.pem", "person-mira.pem", "person-mira.key"] {
            std::fs::write(home.path().join(file), "beef").expect("room");
        }
        assert!(
            refused("person-mira").contains("person-mira: no identity: ca: holds no PEM block"),
            "{}",
            refused("person-mira")
        );
    }
}
