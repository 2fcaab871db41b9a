use std::net::Ipv4Addr;
use std::time::Duration;

use async_snmp::pdu::GetBulkPdu;
use async_snmp::{Oid, RequestPdu, Value, VarBind, Version};

use super::*;
use crate::board::Ups;
use crate::manager::{Manager, engine, get, secrets};
use crate::shown::UpsShown;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const NAME: [u32; 11] = [1, 3, 6, 1, 2, 1, 33, 1, 1, 5, 0];
const CHARGE: [u32; 11] = [1, 3, 6, 1, 2, 1, 33, 1, 2, 4, 0];

/// A desk of a site with one rack, charged to 64 and 32 %.
struct Place {
    desk: Desk,
    engine: Engine,
    now: Instant,
}

fn place(limits: Limits) -> Place {
    let now = Instant::now();
    let text = String::new;
    let ups = |name: &str| Ups { name: name.into(), model: text(), attached: text() };
    let fleet = Fleet::new(ups("demo"), vec![ups("A1")]).expect("good");
    let charged = |percent| UpsShown { charge_percent: Some(percent), ..UpsShown::default() };
    let board = Board { at: Some(now), upses: vec![charged(64), charged(32)] };
    let agent = Agent { description: text(), contact: text(), name: text(), location: text(), began: now };
    let engine = engine(1, now);
    let keys = (secrets(), engine.clone());
    let desk = Desk::new(agent, fleet, Arc::new(ArcSwap::from_pointee(board)), keys, limits).expect("random");
    Place { desk, engine, now }
}

fn by_v2c(community: &str, pdu: impl Into<Pdu>) -> Vec<u8> {
    CommunityMessage::v2c(community, pdu).expect("good").encode().expect("good").to_vec()
}

impl Place {
    fn heard(&mut self, datagram: &[u8]) -> Result<Vec<u8>, Option<Dropped>> {
        self.desk.heard(HERE, datagram, self.now)
    }

    fn asked_by_v2c(&mut self, community: &str, pdu: impl Into<Pdu>) -> Result<Vec<VarBind>, Option<Dropped>> {
        let answer = self.heard(&by_v2c(community, pdu))?;
        let decoded = CommunityMessage::decode(answer.into(), DecodeConfig::STRICT).expect("a message").value;
        assert_eq!(decoded.community().as_bytes(), community.as_bytes());
        Ok(decoded.into_pdu().expect("a response").into_varbinds())
    }
}

fn value(bindings: Result<Vec<VarBind>, Option<Dropped>>) -> Result<Value, Option<Dropped>> {
    bindings.map(|mut bindings| bindings.swap_remove(0).value)
}

#[test]
fn a_context_or_what_stands_behind_the_community_is_a_rack() {
    let mut place = place(Limits::default());
    place.desk = place.desk.with_v2c();
    for (rack, name, charge) in [("", "demo", 64), ("A1", "A1", 32)] {
        let manager = Manager { context: rack.as_bytes().to_vec(), ..Manager::new(&place.engine, place.now) };
        for (arcs, expected) in [(&NAME, Value::from(name)), (&CHARGE, Value::Integer(charge))] {
            let answer = place.heard(&manager.ask(get(arcs))).expect("an answer");
            assert_eq!(manager.read(&answer).1.pdu.varbinds()[0].value, expected, "{rack}");
            let community = if rack.is_empty() { "not-public".into() } else { format!("not-public@{rack}") };
            assert_eq!(value(place.asked_by_v2c(&community, get(arcs))), Ok(expected), "{rack}");
        }
    }
    let manager = Manager { context: b"A2".to_vec(), ..Manager::new(&place.engine, place.now) };
    assert_eq!(place.heard(&manager.ask(get(&NAME))), Err(Some(Dropped::Context)));
    assert_eq!(place.asked_by_v2c("not-public@A2", get(&NAME)), Err(Some(Dropped::Context)));
}

#[test]
fn version_2c_is_off_unless_wanted_and_then_wants_the_community() {
    let mut place = place(Limits::default());
    assert_eq!(place.asked_by_v2c("not-public", get(&NAME)), Err(Some(Dropped::Version)));
    place.desk = place.desk.with_v2c();
    for community in ["public", "", "not-public2", "Not-public", "@A1", "public@A1"] {
        assert_eq!(place.asked_by_v2c(community, get(&NAME)), Err(Some(Dropped::Community)), "{community}");
    }
    let v1 = CommunityMessage::v1("not-public", get(&NAME)).expect("good").encode().expect("good").to_vec();
    assert_eq!(place.heard(&v1), Err(Some(Dropped::Version)));
    let mut v9 = by_v2c("not-public", get(&NAME));
    assert_eq!(v9[4], 1);
    v9[4] = 9;
    assert_eq!(place.heard(&v9), Err(Some(Dropped::Version)));
}

#[test]
fn what_is_cut_short_or_too_long_or_nothing_gets_nothing() {
    let mut place = place(Limits { per_second: 10_000, per_second_each: 10_000, ..Limits::default() });
    place.desk = place.desk.with_v2c();
    let whole = by_v2c("not-public", get(&NAME));
    assert!(place.heard(&whole).is_ok());
    for length in 0..whole.len() {
        assert_eq!(place.heard(&whole[..length]), Err(Some(Dropped::Malformed)), "{length} bytes of it");
    }
    assert_eq!(place.heard(&[&whole[..], &[0]].concat()), Err(Some(Dropped::Malformed)), "more behind it");
    assert_eq!(place.heard(&[0x30; DATAGRAM_MAX]), Err(Some(Dropped::Malformed)));
    assert_eq!(place.heard(&[0x30; DATAGRAM_MAX + 1]), Err(Some(Dropped::TooLong)));
}

#[test]
fn no_answer_is_longer_than_a_datagram_and_a_manager_gets_no_more_than_he_takes() {
    let mut place = place(Limits::default());
    place.desk = place.desk.with_v2c();
    let all = vec![VarBind::null(Oid::from_slice(&[1, 3])); 40];
    let bulk = || -> Pdu { GetBulkPdu::new(Version::V2c, 7, 0, 1_000, all.clone()).expect("good").into() };
    let answer = place.heard(&by_v2c("not-public", bulk())).expect("an answer");
    assert!((DATAGRAM_MAX - 100..=DATAGRAM_MAX).contains(&answer.len()), "{}", answer.len());
    for size_max in [484, 1_000, 65_507] {
        let manager = Manager { size_max, ..Manager::new(&place.engine, place.now) };
        let answer = place.heard(&manager.ask(bulk())).expect("an answer");
        let most = usize::try_from(size_max).expect("few").min(DATAGRAM_MAX);
        assert!(answer.len() <= most && answer.len() > most - 256, "{} of {most}", answer.len());
        assert!(!manager.read(&answer).1.pdu.varbinds().is_empty());
    }
}

#[test]
fn what_is_old_is_unknown_and_system_is_told_all_the_same() {
    let mut place = place(Limits::default());
    place.desk = place.desk.with_v2c();
    place.now += Duration::from_millis(2_001);
    assert_eq!(value(place.asked_by_v2c("not-public", get(&CHARGE))), Ok(Value::NoSuchInstance));
    let status = [1, 3, 6, 1, 2, 1, 33, 1, 2, 1, 0];
    assert_eq!(value(place.asked_by_v2c("not-public", get(&status))), Ok(Value::Integer(1)));
    let up_time = [1, 3, 6, 1, 2, 1, 1, 3, 0];
    assert_eq!(value(place.asked_by_v2c("not-public", get(&up_time))), Ok(Value::TimeTicks(200)));
    let asked = Manager::new(&place.engine, place.now).ask(get(&CHARGE));
    let (outcome, _) = place.desk.work(b"", &get(&CHARGE), 1_000, place.now).expect("a request");
    assert!(outcome == Outcome::Unknown && place.heard(&asked).is_ok());
}

#[test]
fn nothing_is_set_and_traps_are_not_taken() {
    let mut place = place(Limits::default());
    place.desk = place.desk.with_v2c();
    let set: Pdu = RequestPdu::set(Version::V2c, 7, vec![VarBind::new(Oid::from_slice(&NAME), "mine".into())])
        .expect("good")
        .into();
    let answer = place.heard(&by_v2c("not-public", set)).expect("an answer");
    let decoded = CommunityMessage::decode(answer.into(), DecodeConfig::STRICT).expect("a message").value;
    let pdu = decoded.into_pdu().expect("a response");
    assert_eq!((pdu.error_status(), pdu.error_index()), (17, 1));
    assert_eq!(value(place.asked_by_v2c("not-public", get(&NAME))), Ok("demo".into()));
    let answer: Pdu = async_snmp::ResponsePdu::success(Version::V2c, 7, Vec::new()).expect("good").into();
    assert_eq!(place.asked_by_v2c("not-public", answer), Err(Some(Dropped::NoRequest)));
}

#[test]
fn who_asks_too_often_gets_nothing_and_strangers_share_few_reports() {
    let limits = Limits { per_second: 1_000, per_second_each: 50, reports_per_second: 3 };
    let mut place = place(limits);
    let stranger = Manager::stranger(&place.engine, place.now).ask(get(&NAME));
    let answered = (0..40).filter(|_| place.heard(&stranger).is_ok()).count();
    assert_eq!(answered, 3);
    let known = Manager::new(&place.engine, place.now).ask(get(&NAME));
    assert!(place.heard(&known).is_ok(), "who is known needs no report");
    let answered = (0..100).filter(|_| place.heard(&known).is_ok()).count();
    assert_eq!(answered, 9, "50 datagrams of one address");
    assert_eq!(place.heard(&known), Err(Some(Dropped::TooOften)));
    let others = (0..9).map(|last| IpAddr::from([10, 0, 0, last]));
    let mut answers = others.map(|other| place.desk.answer(other, &known, place.now));
    assert!(answers.any(|answer| answer.is_some()), "other addresses are heard");
    place.now += Duration::from_secs(1);
    assert!(place.heard(&known).is_ok(), "another second");
}

/// What a stranger gets is not worth asking in another's name.
#[test]
fn a_report_is_about_as_long_as_its_question() {
    let mut place = place(Limits::default());
    let question = Manager::stranger(&place.engine, place.now).ask(get(&NAME));
    let report = place.heard(&question).expect("a report");
    assert!(report.len() <= 2 * question.len(), "{} for {}", report.len(), question.len());
}
