//! Every key on the way from a site's secret to a MAC.

use ridethrough_vocabulary::device::{DeviceId, ReplicaId};
use ridethrough_vocabulary::part::FeedId;
use serde_json::{Value, json};

use super::{KESM, PDU, SECRETS, TIE, header, hex, keyring, words};
use crate::header::Header;
use crate::keys::Shown;
use crate::{BootNonce, KeyEpoch, Kind, SessionNonce};

pub(super) fn all() -> Vec<Value> {
    let lives = header(Kind::Beat, KESM);
    let last = DeviceId::Supply(FeedId(u16::MAX));
    let high = Header { session: SessionNonce::new(u64::MAX), boot: BootNonce::new(u64::MAX), ..lives };
    vec![
        vector("one replica and one device", 1, 1, KESM, &lives),
        vector("another replica", 1, 2, KESM, &lives),
        vector("another device", 1, 1, TIE, &lives),
        vector("another epoch", 2, 1, KESM, &lives),
        vector("another life of the replica", 1, 1, KESM, &Header { session: SessionNonce::new(1), ..lives }),
        vector("another life of the device", 1, 1, KESM, &Header { boot: BootNonce::new(1), ..lives }),
        vector("a device that knows no session", 1, 3, PDU, &Header { session: SessionNonce::NONE, ..lives }),
        vector("everything at its highest", u32::MAX, u16::MAX, last, &high),
    ]
}

fn vector(name: &str, epoch: u32, replica: u16, device: DeviceId, lives: &Header) -> Value {
    let (_, secret) = SECRETS.into_iter().find(|(of, _)| *of == epoch).expect("an epoch of the vectors");
    let epoch = KeyEpoch::new(epoch).expect("epochs begin at one");
    let header = Header { epoch, replica: ReplicaId(replica), device, ..*lives };
    let shown: Shown = keyring(epoch).replica(header.replica).shown(&header);
    json!({
        "name": name,
        "epoch": epoch.get(),
        "site_secret": hex(&secret),
        "replica": replica,
        "device": words::device(device),
        "session": header.session.to_wire(),
        "boot": header.boot.to_wire(),
        "keys": {
            "replica_secret": hex(&shown.replica_secret),
            "to_device": hex(&shown.to_device),
            "to_replica": hex(&shown.to_replica),
            "session_to_device": hex(&shown.session_to_device),
            "session_to_replica": hex(&shown.session_to_replica),
        },
    })
}
