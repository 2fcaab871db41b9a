use std::time::Duration;

use super::*;
use crate::manager::{Manager, engine, get, secrets};

const UP_TIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];

struct Place {
    usm: Usm,
    engine: Engine,
    now: Instant,
}

fn place() -> Place {
    let now = Instant::now();
    let engine = engine(3, now);
    Place { usm: Usm::new(engine.clone(), &secrets()).expect("random"), engine, now }
}

impl Place {
    fn manager(&self) -> Manager {
        Manager::new(&self.engine, self.now)
    }

    /// Why a message is not answered, and how that is told: level, `usmStats` and its count.
    fn refused(&mut self, manager: &Manager, datagram: &[u8]) -> (Report, Option<(SecurityLevel, String)>) {
        let Read::Reported(report, told) = self.usm.read(datagram, self.now) else { panic!("it is not reported") };
        let told = told.map(|bytes| {
            let (level, scoped) = manager.read(&bytes);
            let bound = &scoped.pdu.varbinds()[0];
            (level, format!("{} {:?}", bound.oid.to_string().split_off(12), bound.value))
        });
        (report, told)
    }

    fn check(&mut self, manager: &Manager, report: Report, level: SecurityLevel, told: &str) {
        let datagram = manager.ask(get(&UP_TIME));
        assert_eq!(self.refused(manager, &datagram), (report, Some((level, told.into()))));
    }
}

#[test]
fn who_is_known_is_heard_and_answered_signed_and_encrypted() {
    let mut place = place();
    let manager = Manager { context: b"A1".to_vec(), size_max: 484, ..place.manager() };
    let Read::Asked(asked) = place.usm.read(&manager.ask(get(&UP_TIME)), place.now) else { panic!("it is asked") };
    assert_eq!((asked.context(), asked.pdu.clone(), asked.room()), (&b"A1"[..], get(&UP_TIME), 484 - AROUND));
    let body = PduBody::Standard { pdu_type: StandardPduType::Response, error_status: 0, error_index: 0 };
    let pdu = Pdu::from_raw_parts(77, body, Vec::new());
    let [first, second] = [0, 1].map(|_| place.usm.answer(&asked, pdu.clone(), place.now).expect("made"));
    assert_ne!(first, second, "no salt is used twice");
    let (level, scoped) = manager.read(&first);
    assert_eq!((level, &scoped.context_name[..], scoped.pdu), (SecurityLevel::AuthPriv, &b"A1"[..], pdu));
}

#[test]
fn an_answer_fits_with_the_longest_names_and_signature() {
    let now = Instant::now();
    let user = "x".repeat(32);
    let text = format!(
        "[[user]]\nname = \"{user}\"\nauth = \"sha-512\"\nauth_password = \"correct-horse\"\n\
         privacy_password = \"battery-staple\"\n"
    );
    let engine = engine(1, now);
    let usm = Usm::new(engine, &Secrets::parse("f", &text).expect("good")).expect("random");
    let context = vec![b'c'; 32];
    let asked = Asked { user: user.into_bytes(), id: i32::MAX, size_max: 484, context, pdu: get(&UP_TIME) };
    let body = PduBody::Standard { pdu_type: StandardPduType::Response, error_status: 0, error_index: 0 };
    let value = |length: usize| Value::from(vec![7_u8; length].as_slice());
    let pdu = |length| {
        Pdu::from_raw_parts(i32::MAX, body.clone(), vec![VarBind::new(Oid::from_slice(&UP_TIME), value(length))])
    };
    let size = |length: usize| VarBind::new(Oid::from_slice(&UP_TIME), value(length)).encoded_size() + 32;
    let longest = (0..484).take_while(|length| size(*length) <= asked.room()).last().expect("room");
    let answer = usm.answer(&asked, pdu(longest), now).expect("made");
    assert!(answer.len() <= 484, "{}", answer.len());
}

#[test]
fn who_knows_no_engine_is_told_which_one_this_is() {
    let mut place = place();
    let stranger = Manager::stranger(&place.engine, place.now);
    place.check(&stranger, Report::UnknownEngine, SecurityLevel::NoAuthNoPriv, "15.1.1.4.0 Counter32(1)");
    let other = Manager { engine: b"another engine".to_vec(), ..place.manager() };
    place.check(&other, Report::UnknownEngine, SecurityLevel::NoAuthNoPriv, "15.1.1.4.0 Counter32(2)");
    let silent = Manager { reportable: false, ..stranger };
    let datagram = silent.ask(get(&UP_TIME));
    assert_eq!(place.refused(&silent, &datagram), (Report::UnknownEngine, None), "nobody wants to hear it");
}

#[test]
fn who_is_not_known_or_hides_nothing_is_told_so() {
    let mut place = place();
    let nobody = Manager { user: b"nobody".to_vec(), ..place.manager() };
    place.check(&nobody, Report::UnknownUser, SecurityLevel::NoAuthNoPriv, "15.1.1.3.0 Counter32(1)");
    for (level, count) in [(SecurityLevel::NoAuthNoPriv, 1), (SecurityLevel::AuthNoPriv, 2)] {
        let open = Manager { level, ..place.manager() };
        let told = format!("15.1.1.1.0 Counter32({count})");
        place.check(&open, Report::UnsupportedLevel, SecurityLevel::NoAuthNoPriv, &told);
    }
}

#[test]
fn no_byte_of_a_message_may_be_another() {
    let mut place = place();
    let manager = place.manager();
    let good = manager.ask(get(&UP_TIME));
    for nth in 0..good.len() {
        let mut bytes = good.clone();
        bytes[nth] ^= 1;
        assert!(!matches!(place.usm.read(&bytes, place.now), Read::Asked(_)), "byte {nth}");
        assert!(!matches!(place.usm.read(&good[..nth], place.now), Read::Asked(_)), "{nth} bytes of it");
    }
    let mut bytes = good;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let told = place.refused(&manager, &bytes);
    assert_eq!(told.0, Report::WrongDigest);
    assert_eq!(told.1.expect("told").0, SecurityLevel::NoAuthNoPriv, "nothing is signed for whoever does not sign");
}

#[test]
fn what_was_said_too_long_ago_or_before_a_restart_is_not_heard_again() {
    let mut place = place();
    let manager = place.manager();
    let recorded = manager.ask(get(&UP_TIME));
    assert!(matches!(place.usm.read(&recorded, place.now + Duration::from_secs(150)), Read::Asked(_)));
    place.now += Duration::from_secs(151);
    let late = place.refused(&manager, &recorded);
    let told = (SecurityLevel::AuthNoPriv, "15.1.1.2.0 Counter32(1)".to_owned());
    assert_eq!(late, (Report::NotInTimeWindow, Some(told)), "signed, so that its sender can set his clock by it");
    let before = Manager { boots: 2, ..place.manager() };
    place.check(&before, Report::NotInTimeWindow, SecurityLevel::AuthNoPriv, "15.1.1.2.0 Counter32(2)");
}

#[test]
fn who_encrypts_by_another_key_is_told_so() {
    let mut place = place();
    let mut manager = place.manager();
    let other = secrets().localized(b"another engine").swap_remove(0).1;
    let own = std::mem::replace(&mut manager.keys.privacy, other.privacy);
    let datagram = manager.ask(get(&UP_TIME));
    manager.keys.privacy = own;
    let told = (SecurityLevel::AuthNoPriv, "15.1.1.6.0 Counter32(1)".to_owned());
    assert_eq!(place.refused(&manager, &datagram), (Report::Decryption, Some(told)));
}

#[test]
fn another_engines_contexts_are_not_here() {
    let mut place = place();
    let manager = Manager { context_engine: b"another engine".to_vec(), ..place.manager() };
    let read = place.usm.read(&manager.ask(get(&UP_TIME)), place.now);
    assert!(matches!(read, Read::Dropped(Dropped::Context)));
    assert!(matches!(place.usm.read(b"\x30\x03\x02\x01\x03", place.now), Read::Dropped(Dropped::Malformed)));
}
