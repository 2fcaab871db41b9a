//! Whatever arrives, the agent lives, tells nobody anything who has not proved who he is, and says no more than fits into a datagram.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Instant;

use arc_swap::ArcSwap;
use async_snmp::message::{CommunityMessage, Message};
use async_snmp::{DecodeConfig, PduType};
use proptest::prelude::*;
use ridethrough_snmp::{Agent, Board, Desk, Engine, Fleet, Limits, Secrets, Ups, UpsShown};

const USERS: &str = "community = \"not-public\"\n[[user]]\nname = \"supervision\"\n\
    auth_password = \"correct-horse\"\nprivacy_password = \"battery-staple\"\n";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn cases() -> ProptestConfig {
    let cases = std::env::var("RIDETHROUGH_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    ProptestConfig::with_cases(cases)
}

/// One desk for all cases, since its keys take a while to make and it keeps nothing of what it was asked but counts.
static DESK: LazyLock<(Mutex<Desk>, Instant)> = LazyLock::new(|| {
    let now = Instant::now();
    (Mutex::new(desk(now)), now)
});

/// What a datagram is answered with, as soon as the desk was there.
fn answer(datagram: &[u8]) -> Option<Vec<u8>> {
    let (desk, now) = &*DESK;
    desk.lock().expect("no case has ended in the middle").answer(HERE, datagram, *now)
}

/// A desk that everybody may ask as often as he likes.
fn desk(now: Instant) -> Desk {
    let home = tempfile::tempdir().expect("a folder");
    let engine = Engine::begin(&home.path().join("snmp-engine"), now).expect("room");
    let text = String::new;
    let site = Ups { name: "demo".into(), model: text(), attached: text() };
    let fleet = Fleet::new(site, Vec::new()).expect("good");
    let board = Board { at: Some(now), upses: vec![UpsShown::default()] };
    let agent = Agent { description: text(), contact: text(), name: text(), location: text(), began: now };
    let keys = (Secrets::parse("snmp.users", USERS).expect("good"), engine);
    let often = 1_000_000_000;
    let limits = Limits { per_second: often, per_second_each: often, reports_per_second: often };
    Desk::new(agent, fleet, Arc::new(ArcSwap::from_pointee(board)), keys, limits).expect("random").with_v2c()
}

/// A request of version 2c for what stands in its last bytes, and of version 3 without a name, as net-snmp sends them.
const V2C: &[u8] = b"\x30\x2b\x02\x01\x01\x04\x0anot-public\xa5\x1a\x02\x01\x07\x02\x01\x00\x02\x01\x0a\x30\x0f\x30\x0d\x06\x09\x2b\x06\x01\x02\x01\x21\x01\x02\x01\x05\x00";
const V3: &[u8] = b"\x30\x3e\x02\x01\x03\x30\x11\x02\x04\x31\x1d\x5a\x01\x02\x03\x00\xff\xe3\x04\x01\x04\x02\x01\x03\x04\x10\x30\x0e\x04\x00\x02\x01\x00\x02\x01\x00\x04\x00\x04\x00\x04\x00\x30\x14\x04\x00\x04\x00\xa0\x0e\x02\x04\x31\x1d\x5a\x01\x02\x01\x00\x02\x01\x00\x30\x00";

/// Anything, or a good request in which a few bytes are others, or which ends early.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let broken = |good: &'static [u8]| {
        let changes = prop::collection::vec((0..good.len(), any::<u8>()), 0..4);
        (changes, 0..=good.len()).prop_map(move |(changes, length)| {
            let mut bytes = good.to_vec();
            for (nth, byte) in changes {
                bytes[nth] = byte;
            }
            bytes.truncate(length.max(good.len() / 2));
            bytes
        })
    };
    prop_oneof![prop::collection::vec(any::<u8>(), 0..1_600), broken(V2C), broken(V3)]
}

#[test]
fn what_is_broken_here_is_answered_when_it_is_whole() {
    assert!(answer(V2C).is_some() && answer(V3).is_some());
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn nobody_gets_more_than_is_his(datagram in datagram()) {
        let Some(answer) = answer(&datagram) else { return Ok(()) };
        prop_assert!(answer.len() <= 1_472);
        let of_v2c = CommunityMessage::decode(datagram.into(), DecodeConfig::STRICT);
        let knows = of_v2c.is_ok_and(|asked| asked.value.community().as_bytes() == b"not-public");
        match Message::decode(answer.into(), DecodeConfig::STRICT).expect("others read it").value {
            Message::Community(_) => prop_assert!(knows),
            // Nobody here knows the keys, so that only reports come.
            Message::V3(told) => {
                let pdu = told.pdu().expect("not encrypted");
                prop_assert_eq!(pdu.pdu_type(), PduType::Report);
                prop_assert!(pdu.varbinds()[0].oid.to_string().starts_with("1.3.6.1.6.3.15.1.1."));
            }
        }
    }
}
