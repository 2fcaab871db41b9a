//! A replica under attack: no forged frame is news, settles an order or draws a word, and what is genuine goes on as if
//! there had been no attack, to the last byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ridethrough_protocol::{Event, Orders};
use ridethrough_protocol_fuzz::Case;
use ridethrough_protocol_fuzz::tape::{ReplicaCall, play, replica, tape};
use ridethrough_vocabulary::units::Millis;

fuzz_target!(|case: Case| {
    let orders = if case.two { Orders::TwoOfThree } else { Orders::One };
    let (tape, nth) = (tape(orders), usize::from(case.second));
    let calls = &tape.replicas[nth];
    let mut replica = replica(nth, orders);
    let (before, after) = calls.split_at(case.position(calls.len()));
    for call in before {
        play(&mut replica, call);
    }
    let now = before.iter().map(time).next_back().unwrap_or(Millis::ZERO);
    for shot in case.shots() {
        let Some(forged) = shot.attack.forge(&tape.genuine) else { continue };
        let seen = (replica.live_devices(), replica.unanswered());
        let event = replica.observe(&forged, shot.lan(), now);
        assert!(matches!(event, Some(Event::Rejected(_))), "a forged frame became {event:?}");
        assert!((replica.live_devices(), replica.unanswered()) == seen, "a forged frame changed a replica");
    }
    for call in after {
        play(&mut replica, call);
    }
});

const fn time(call: &ReplicaCall) -> Millis {
    match call {
        ReplicaCall::Observe { now, .. }
        | ReplicaCall::Lead(_, now)
        | ReplicaCall::Follow(_, now)
        | ReplicaCall::Submit(_, _, now)
        | ReplicaCall::Endorse(_, now)
        | ReplicaCall::Poll(now, _) => *now,
    }
}
