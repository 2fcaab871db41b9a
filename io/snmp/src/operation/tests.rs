use std::time::Instant;

use async_snmp::pdu::GetBulkPdu;
use async_snmp::{RequestPdu, Version};

use super::*;
use crate::board::Ups;
use crate::desk::Agent;
use crate::mib::Seen;
use crate::shown::UpsShown;

const ROOMY: usize = 60_000;
const UP_TIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];
const SOURCE: [u32; 10] = [1, 3, 6, 1, 2, 1, 33, 1, 4, 1];
const LAST: [u32; 11] = [1, 3, 6, 1, 2, 1, 33, 1, 9, 6, 0];

fn tree() -> Tree {
    let text = String::new;
    let now = Instant::now();
    let agent = Agent { description: text(), contact: text(), name: text(), location: text(), began: now };
    let ups = Ups { name: text(), model: text(), attached: text() };
    Tree::new(Seen { agent: &agent, ups: &ups, shown: Some(&UpsShown::default()), now })
}

fn oids(all: &[&[u32]]) -> Vec<Oid> {
    all.iter().map(|arcs| Oid::from_slice(arcs)).collect()
}

fn answered(request: impl Into<Pdu>, room: usize) -> (Outcome, Pdu) {
    let request = request.into();
    let (outcome, answer) = answer(&tree(), &request, room).expect("a request");
    assert_eq!((answer.pdu_type(), answer.request_id()), (PduType::Response, request.request_id()));
    (outcome, answer)
}

fn bulk_of(single: u32, repetitions: u32, all: &[&[u32]], room: usize) -> Vec<VarBind> {
    let bindings = oids(all).into_iter().map(VarBind::null).collect();
    let request = GetBulkPdu::new(Version::V2c, 7, single, repetitions, bindings).expect("good");
    let (outcome, answer) = answered(request, room);
    assert_eq!((outcome, answer.error_status()), (Outcome::Ok, 0));
    answer.into_varbinds()
}

#[test]
fn what_is_not_there_is_said_for_each_and_why() {
    let unknown = [1, 3, 6, 1, 2, 1, 33, 1, 2, 4, 0];
    let asked = oids(&[&UP_TIME, &SOURCE, &unknown, &[1, 3, 6, 1, 4, 1, 9], &[2, 5]]);
    let (outcome, answer) = answered(RequestPdu::get(Version::V2c, 7, &asked).expect("good"), ROOMY);
    assert_eq!(outcome, Outcome::Ok);
    let names: Vec<&Oid> = answer.varbinds().iter().map(|bound| &bound.oid).collect();
    assert_eq!(names, asked.iter().collect::<Vec<_>>(), "as it was asked");
    let values: Vec<&Value> = answer.varbinds().iter().map(|bound| &bound.value).collect();
    let [instance, object] = [&Value::NoSuchInstance, &Value::NoSuchObject];
    assert_eq!(values, [&Value::TimeTicks(0), instance, instance, object, object]);
}

#[test]
fn a_walk_sees_everything_once_and_ends() {
    let (tree, mut seen) = (tree(), Vec::new());
    let mut at = Oid::from_slice(&[0]);
    while let Some(bound) = tree.next(&at) {
        assert!(bound.oid > at);
        at = bound.oid.clone();
        seen.push(bound.clone());
    }
    assert_eq!(seen, tree.all());
    let (_, answer) = answered(RequestPdu::get_next(Version::V2c, 7, &oids(&[&SOURCE, &LAST])).expect("good"), ROOMY);
    let told: Vec<(String, &Value)> =
        answer.varbinds().iter().map(|bound| (bound.oid.to_string(), &bound.value)).collect();
    assert_eq!(told[0], ("1.3.6.1.2.1.33.1.4.1.0".into(), &Value::Integer(3)));
    assert_eq!(told[1], (Oid::from_slice(&LAST).to_string(), &Value::EndOfMibView));
}

#[test]
fn get_and_next_are_whole_or_too_big() {
    let asked = vec![Oid::from_slice(&UP_TIME); 40];
    let requests: [Pdu; 2] = [
        RequestPdu::get(Version::V2c, 7, &asked).expect("good").into(),
        RequestPdu::get_next(Version::V2c, 7, &asked).expect("good").into(),
    ];
    for request in requests {
        let (outcome, answer) = answered(request.clone(), ROOMY);
        assert_eq!((outcome, answer.varbinds().len()), (Outcome::Ok, 40));
        let size: usize = answer.varbinds().iter().map(VarBind::encoded_size).sum();
        assert_eq!(answered(request.clone(), size + AROUND_BINDINGS).0, Outcome::Ok);
        let (outcome, answer) = answered(request, size + AROUND_BINDINGS - 1);
        assert_eq!((outcome, answer.error_status(), answer.varbinds().len()), (Outcome::TooBig, 1, 0));
    }
}

#[test]
fn bulk_is_as_much_as_fits_and_no_more_than_there_is() {
    let all = tree().all().to_vec();
    let name = |bound: &VarBind| bound.oid.to_string();
    let names = |bound: &[VarBind]| bound.iter().map(name).collect::<Vec<_>>();
    assert_eq!(names(&bulk_of(0, 3, &[&[1, 3]], ROOMY)), names(&all[..3]));
    let mixed = bulk_of(1, 2, &[&UP_TIME, &[1, 3], &SOURCE], ROOMY);
    let expected = ["1.4.0", "1.1.0", "33.1.4.1.0", "1.2.0", "33.1.4.3.0"].map(|end| format!("1.3.6.1.2.1.{end}"));
    assert_eq!(names(&mixed), expected, "one, then rows of two");
    let rest = bulk_of(0, i32::MAX.unsigned_abs(), &[&[1, 3]], ROOMY);
    assert_eq!(names(&rest[..all.len()]), names(&all), "the whole tree");
    assert_eq!((rest.len(), &rest[all.len()].value), (all.len() + 1, &Value::EndOfMibView), "and one end");
    let few = bulk_of(0, 1_000, &[&[1, 3]], 200);
    assert!(!few.is_empty() && few.iter().map(VarBind::encoded_size).sum::<usize>() <= 200 - AROUND_BINDINGS);
    assert_eq!(names(&few), names(&all[..few.len()]));
    assert!(bulk_of(0, 9, &[&[1, 3]], 0).is_empty(), "no room for any");
    assert!(bulk_of(9, 9, &[], ROOMY).is_empty(), "nothing is asked");
    assert_eq!(bulk_of(0, 0, &[&[1, 3]], ROOMY), Vec::new(), "no repetition");
    assert_eq!(bulk_of(5, 9, &[&[1, 3]], ROOMY).len(), 1, "more are single than there are");
}

#[test]
fn nothing_is_set() {
    let set = |bindings: Vec<VarBind>, room| {
        let (outcome, answer) = answered(RequestPdu::set(Version::V2c, 7, bindings).expect("good"), room);
        (outcome, answer.error_status(), answer.error_index(), answer.into_varbinds().len())
    };
    let bound = |arcs: &[u32]| VarBind::new(Oid::from_slice(arcs), Value::Integer(1));
    assert_eq!(set(vec![bound(&LAST), bound(&UP_TIME)], ROOMY), (Outcome::NotWritable, 17, 1, 2));
    assert_eq!(set(vec![bound(&[1, 3, 6, 1, 4, 1, 9])], ROOMY), (Outcome::NotWritable, 17, 1, 1));
    assert_eq!(set(vec![bound(&LAST); 30], 90), (Outcome::TooBig, 1, 0, 0));
    assert_eq!(set(Vec::new(), ROOMY), (Outcome::Ok, 0, 0, 0));
}

#[test]
fn what_is_no_request_gets_no_answer() {
    for pdu_type in
        [StandardPduType::Response, StandardPduType::InformRequest, StandardPduType::TrapV2, StandardPduType::Report]
    {
        let body = PduBody::Standard { pdu_type, error_status: 0, error_index: 0 };
        assert!(answer(&tree(), &Pdu::from_raw_parts(1, body, Vec::new()), ROOMY).is_none(), "{pdu_type:?}");
    }
}
