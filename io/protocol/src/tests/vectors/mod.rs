//! `io/vectors/*.json`: what every kind of frame looks like and what is refused, for whoever implements DPCN anew.
//!
//! This test writes them when `RIDETHROUGH_BLESS` is set, else it compares with what lies there, so that no change of the
//! wire goes unseen. `tests/dpcn/decode.py`, which knows only the specification, decodes and encodes each of them.

mod good;

mod keys;
mod outlets;
mod refused;
mod words;

use std::fs;
use std::path::PathBuf;

use ridethrough_vocabulary::device::{DeviceId, ReplicaId};
use ridethrough_vocabulary::part::{FeedId, KesmId, RackId, TieId};
use serde_json::{Map, Value, json};

use crate::body::Body;
use crate::header::{Header, MAC_BYTES, Version, Way};
use crate::keys::{Lock, Seal};
use crate::{BootNonce, Datagram, KeyEpoch, Keyring, Kind, SessionNonce, SiteSecret, frame};

/// The secrets that the vectors are under, by epoch.
const SECRETS: [(u32, [u8; 32]); 3] =
    [(1, *b"a secret of 32 bytes, for tests."), (2, *b"another secret of 32 bytes, too."), (u32::MAX, [0xff; 32])];

const PDU: DeviceId = DeviceId::Pdu(RackId(7));
const KESM: DeviceId = DeviceId::Kesm(KesmId(3));
const TIE: DeviceId = DeviceId::Tie(TieId(0x0102));
const SUPPLY: DeviceId = DeviceId::Supply(FeedId(0));

#[test]
fn vectors_are_what_lies_there() {
    check("keys", &keys::all());
    check("beat", &good::beats());
    check("order", &good::orders());
    check("telemetry", &good::telemetry());
    check("ack", &good::acks());
    check("outlets", &outlets::all());
    check("datagram", &good::datagrams());
    check("refused", &refused::all());
}

fn check(name: &str, vectors: &[Value]) {
    let secrets = SECRETS.map(|(epoch, secret)| json!({ "epoch": epoch, "secret": hex(&secret) }));
    let document = json!({ "dpcn": Version::NEWEST.to_wire(), "secrets": secrets, "vectors": vectors });
    let text = serde_json::to_string_pretty(&document).expect("plain values") + "\n";
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../vectors/{name}.json"));
    if std::env::var_os("RIDETHROUGH_BLESS").is_some() {
        fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        return;
    }
    let lies_there = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let differing = lies_there.lines().zip(text.lines()).find(|(there, here)| there != here);
    assert!(
        lies_there == text,
        "{name}.json is not what the code says, first {differing:?}; a changed layout needs a new version, and what is \
         meant is written with RIDETHROUGH_BLESS=1"
    );
}

/// Each field another number, so that none can be taken for another. In the first version that has the kind.
fn header(kind: Kind, device: DeviceId) -> Header {
    Header {
        version: first_version(kind),
        kind,
        replica: ReplicaId(1),
        device,
        epoch: KeyEpoch::FIRST,
        session: SessionNonce::new(0x1817_1615_1413_1211),
        boot: BootNonce::new(0x2827_2625_2423_2221),
        sequence: 0x3837_3635_3433_3231,
        heard: 0x4847_4645_4443_4241,
    }
}

fn first_version(kind: Kind) -> Version {
    Version::ALL.into_iter().find(|version| version.has(kind)).expect("every kind has a version")
}

fn keyring(epoch: KeyEpoch) -> Keyring {
    let (_, secret) = SECRETS.into_iter().find(|(of, _)| *of == epoch.get()).expect("an epoch of the vectors");
    Keyring::new(epoch, SiteSecret::new(secret))
}

fn seal(header: &Header) -> Seal {
    let pairs = keyring(header.epoch).replica(header.replica).pair(header.device);
    Seal::new(pairs.map(|_, pair| match header.kind.way() {
        Way::ToDevice => pair.to_device.clone(),
        Way::ToReplica => pair.to_replica.clone(),
    }))
}

fn lock(header: &Header) -> Lock {
    let pairs = keyring(header.epoch).replica(header.replica).pair(header.device);
    Lock::new(pairs.map(|_, pair| match header.kind.way() {
        Way::ToDevice => pair.to_device.clone(),
        Way::ToReplica => pair.to_replica.clone(),
    }))
}

fn sealed(header: &Header, body: &Body) -> Vec<u8> {
    let mut out = Datagram::new();
    frame::seal(header, body, &mut seal(header), &mut out);
    out.as_bytes().to_vec()
}

/// What was changed under its MAC, with the MAC that it then has.
fn resealed(header: &Header, mut frame: Vec<u8>, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    frame.truncate(frame.len() - MAC_BYTES);
    change(&mut frame);
    let mut out = Datagram::new();
    out.push(&frame);
    seal(header).close(header, &mut out);
    out.as_bytes().to_vec()
}

fn named(name: &str, bytes: &[u8], more: Value) -> Value {
    let mut vector = Map::new();
    vector.insert("name".into(), name.into());
    vector.insert("bytes".into(), hex(bytes).into());
    if let Value::Object(more) = more {
        vector.extend(more);
    }
    Value::Object(vector)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
