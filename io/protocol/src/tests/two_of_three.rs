//! Devices that act only on the word of two replicas.

use proptest::prelude::*;
use ridethrough_core::device::{Fence, Order, ReplicaId, Verdict};

use super::support::*;
use crate::body::OrderBody;
use crate::{Event, Handled, Header, Kind, Lan, Leadership, Orders, Outgoing, Refusal};

const UNENDORSED: Handled = Handled::Ignored(Refusal::Unendorsed);

fn executed(replica: ReplicaId) -> Handled {
    Handled::Answer { replica, verdict: Verdict::Executed }
}

/// A device with replica 1 in the lead of term 1, replica 2 following, and replica 3 with a session only.
fn three() -> (Field, [Scripted; 3]) {
    let mut field = Field::demanding(DEVICE, Orders::TwoOfThree);
    let mut number = 0;
    let replicas = REPLICAS.map(|id| {
        number += 1;
        let mut replica = Scripted::new(id, session(number), field.boot());
        replica.hear(&field.telemetry(id, 0));
        assert_eq!(field.handle(&replica.beat(0, 0), 0), Handled::Opened(id));
        replica
    });
    let [mut leader, mut follower, third] = replicas;
    assert_eq!(field.handle(&leader.beat(1, 900), 0), UNENDORSED, "nobody else is known to be in its term");
    assert_eq!(field.endpoint.lease_remaining(), ms(0));
    assert_eq!(field.handle(&follower.beat(1, 0), 0), Handled::Nothing);
    assert_eq!(field.endpoint.lease_remaining(), ms(900), "the leader's beat had been kept");
    (field, [leader, follower, third])
}

#[test]
fn an_order_moves_the_device_when_a_second_replica_says_the_same() {
    for order_first in [true, false] {
        let (mut field, [mut leader, mut follower, _]) = three();
        let (order, endorsement) = (leader.order(1, 5, 800), follower.endorsement(1, 5, 790));
        if order_first {
            assert_eq!(field.handle(&order, 1), UNENDORSED);
            assert!(field.recorder.applied.is_empty());
            assert_eq!(field.handle(&endorsement, 1), executed(R1), "the leader gets the answer");
        } else {
            assert_eq!(field.handle(&endorsement, 1), Handled::Nothing);
            assert_eq!(field.handle(&order, 1), executed(R1));
        }
        let ack = Header::parse(field.out.as_bytes()).expect("a frame");
        assert_eq!((ack.replica, ack.kind), (R1, Kind::Ack));
        assert_eq!(field.recorder.applied, [Some(supply(5))]);
        assert_eq!(field.poll(1), Some(790), "neither can prolong what the other says");
        assert_eq!(field.handle(&follower.endorsement(1, 5, 800), 2), Handled::Nothing);
        let again = Handled::Answer { replica: R1, verdict: Verdict::Duplicate };
        assert_eq!(field.handle(&leader.order(1, 5, 800), 2), again);
        assert_eq!(field.recorder.applied.len(), 1);
    }
}

#[test]
fn an_endorsement_of_anything_else_moves_nothing() {
    let said =
        OrderBody { fence: Fence { term: 1, index: 5 }, entry_term: 1, expires_at: ms(800), setpoint: supply(5) };
    let changes: [fn(&mut OrderBody); 4] = [
        |order| order.setpoint = supply(6),
        |order| order.fence.index = 6,
        |order| order.entry_term = 0,
        |order| (order.fence.term, order.entry_term) = (2, 1),
    ];
    for change in changes {
        let (mut field, [mut leader, mut follower, mut third]) = three();
        let mut other = said;
        change(&mut other);
        field.handle(&follower.endorsement_of(other), 1);
        field.handle(&third.endorsement_of(other), 1);
        assert_eq!(field.handle(&leader.order(1, 5, 800), 1), UNENDORSED);
        assert!(field.recorder.applied.is_empty());
        assert_eq!(field.handle(&follower.endorsement_of(said), 2), executed(R1));
    }
}

#[test]
fn two_endorsements_are_no_order() {
    let (mut field, [_, mut follower, mut third]) = three();
    assert_eq!(field.handle(&follower.endorsement(1, 5, 800), 1), Handled::Nothing);
    assert_eq!(field.handle(&third.endorsement(1, 5, 800), 1), Handled::Nothing);
    assert!(field.recorder.applied.is_empty());
}

#[test]
fn a_leader_does_not_endorse_itself() {
    let (mut field, [mut leader, ..]) = three();
    field.handle(&leader.order(1, 5, 800), 1);
    field.handle(&leader.endorsement(1, 5, 800), 1);
    assert_eq!(field.handle(&leader.order(1, 5, 800), 1), UNENDORSED);
    assert!(field.recorder.applied.is_empty());
}

#[test]
fn a_stolen_key_cannot_shut_the_true_leader_out() {
    let (mut field, [mut leader, mut follower, mut thief]) = three();
    assert_eq!(field.handle(&thief.beat(u64::MAX, 60_000), 1), UNENDORSED);
    assert_eq!(field.handle(&thief.order(u64::MAX, 99, 60_000), 1), UNENDORSED);
    assert_eq!(field.handle(&leader.beat(1, 1_000), 2), Handled::Nothing);
    assert_eq!(field.endpoint.lease_remaining(), ms(998));
    field.handle(&follower.endorsement(1, 5, 800), 2);
    assert_eq!(field.handle(&leader.order(1, 5, 800), 2), executed(R1));
    let duplicate = Handled::Answer { replica: REPLICAS[2], verdict: Verdict::Duplicate };
    assert_eq!(field.handle(&thief.order(u64::MAX, 5, 800), 3), duplicate);
    assert_eq!(field.endpoint.fence(), Fence { term: 1, index: 5 }, "one replica does not raise the fence");
    field.handle(&follower.endorsement(1, 6, 800), 4);
    assert_eq!(field.handle(&leader.order(1, 6, 800), 4), executed(R1));
}

#[test]
fn the_next_leader_takes_over_with_the_word_of_two() {
    let (mut field, [mut old, mut new, mut third]) = three();
    field.handle(&new.endorsement(1, 5, 800), 1);
    assert_eq!(field.handle(&old.order(1, 5, 800), 1), executed(R1));
    assert_eq!(field.handle(&new.beat(2, 1_000), 2), UNENDORSED);
    assert_eq!(field.handle(&third.beat(2, 0), 2), Handled::Nothing);
    assert_eq!(field.endpoint.lease_remaining(), ms(998));
    let stale = Handled::Answer { replica: R1, verdict: Verdict::StaleFence };
    assert_eq!(field.handle(&old.order(1, 6, 800), 3), stale);
    assert_eq!(field.handle(&old.beat(1, 2_000), 3), Handled::Ignored(Refusal::StaleTerm));
    let duplicate = Handled::Answer { replica: R2, verdict: Verdict::Duplicate };
    assert_eq!(field.handle(&new.order(2, 5, 800), 4), duplicate);
    assert_eq!(field.endpoint.fence(), Fence { term: 2, index: 5 });
    field.handle(&third.endorsement(2, 6, 800), 5);
    assert_eq!(field.handle(&new.order(2, 6, 800), 5), executed(R2));
}

#[test]
fn real_replicas_move_it_together() {
    let mut field = Field::demanding(DEVICE, Orders::TwoOfThree);
    let (mut leader, mut follower) = (controller(R1, 1), controller(R2, 2));
    introduce(&mut leader, R1, &mut field, 0);
    introduce(&mut follower, R2, &mut field, 0);
    leader.lead(Leadership { term: 4, lease: ms(500), valid_for: ms(9_000) }, ms(1)).expect("it may lead");
    follower.follow(4, ms(1));
    let order: Order = order(7, 3);
    leader.take_in(&order, 4, ms(800), ms(1)).expect("it may be sent");
    follower.take_in_endorsement(&order, ms(800), ms(1)).expect("it may be endorsed");
    let frames: Vec<_> = [due(&mut leader, 1), due(&mut follower, 1)].concat();
    let answers = frames.iter().filter(|frame| field.handle(frame, 1) == executed(R1)).count();
    assert_eq!((answers, field.recorder.applied.len()), (1, 1));
    let ack = leader.observe(field.out.as_bytes(), Lan::A, ms(2));
    assert!(matches!(ack, Some(Event::Ack { transmissions: 1, .. })), "{ack:?}");
    // The follower falls silent about it once telemetry shows that it was accepted.
    let mut endorsements = |now| {
        let mut count = 0;
        follower.poll(ms(now), &mut |outgoing: Outgoing<'_>| {
            count += usize::from(outgoing.kind == Kind::Endorsement);
        });
        count
    };
    assert_eq!(endorsements(6), 1, "not heard yet: again");
    follower.observe(&field.telemetry(R2, 7), Lan::A, ms(7));
    let mut endorsements = |now| {
        let mut count = 0;
        follower.poll(ms(now), &mut |outgoing: Outgoing<'_>| {
            count += usize::from(outgoing.kind == Kind::Endorsement);
        });
        count
    };
    assert_eq!((8..700).map(&mut endorsements).sum::<usize>(), 0);
    assert_eq!(follower.take_in_endorsement(&order, ms(800), ms(700)), Ok(()), "and is not asked again");
    assert!(
        due(&mut follower, 701).iter().all(|frame| Header::parse(frame).map(|header| header.kind) == Ok(Kind::Beat))
    );
}

/// What a holder of one replica's keys may try.
#[derive(Clone, Debug)]
enum Trick {
    Beat {
        term: u64,
        lease: i64,
    },
    Order {
        term: u64,
        index: u64,
        watts: i64,
    },
    Endorse {
        term: u64,
        index: u64,
        watts: i64,
    },
    /// What the others do meanwhile: the next committed order, ordered and endorsed.
    Honest,
}

fn tricks() -> impl Strategy<Value = Trick> {
    let terms = || prop_oneof![0_u64..4, Just(u64::MAX)];
    let order = || (terms(), 1_u64..30, 0_i64..30);
    prop_oneof![
        (terms(), 0_i64..100_000).prop_map(|(term, lease)| Trick::Beat { term, lease }),
        order().prop_map(|(term, index, watts)| Trick::Order { term, index, watts }),
        order().prop_map(|(term, index, watts)| Trick::Endorse { term, index, watts }),
        Just(Trick::Honest),
    ]
}

proptest! {
    #[test]
    fn no_single_replica_moves_a_watt_or_stops_the_others(tricks in prop::collection::vec(tricks(), 1..60)) {
        let (mut field, [mut leader, mut follower, mut thief]) = three();
        let mut committed = 0;
        for (trick, now) in tricks.iter().zip(1..) {
            let forged = |term: u64, index, watts| OrderBody {
                fence: Fence { term, index },
                entry_term: term.min(1),
                expires_at: ms(60_000),
                setpoint: supply(1_000 + watts),
            };
            match *trick {
                Trick::Beat { term, lease } => { field.handle(&thief.beat(term, lease), now); }
                Trick::Order { term, index, watts } => {
                    let order = forged(term, index, watts);
                    field.handle(&thief.order_with(term, index, 60_000, order.setpoint), now);
                }
                Trick::Endorse { term, index, watts } => { field.handle(&thief.endorsement_of(forged(term, index, watts)), now); }
                Trick::Honest => {
                    committed += 1;
                    field.handle(&leader.beat(1, now + 900), now);
                    field.handle(&follower.endorsement(1, committed, 100_000), now);
                    prop_assert_eq!(field.handle(&leader.order(1, committed, 100_000), now), executed(R1));
                }
            }
        }
        let expected: Vec<_> = (1..=committed).map(|index| Some(supply(index.cast_signed()))).collect();
        prop_assert_eq!(&field.recorder.applied, &expected);
    }
}
