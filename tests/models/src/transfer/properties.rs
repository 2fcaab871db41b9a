//! What must always hold, and what must happen at least once: a model in which nothing happens proves nothing.

use ridethrough_protocol::device::Bearing;
use stateright::Property;

use super::Transfer;
use super::device::{Device, InForce, Level, SINK, SOURCE};
use super::log::Act;
use super::replica::{Leaving, REPLICAS, Replica};
use super::state::State;
use super::wire::Frame;

/// I1.
pub const COMMIT_BEFORE_ACTUATE: &str = "I1: what is in force at a device is committed";
/// I2.
pub const FENCING: &str = "I2: no device goes back behind a leader or an order";
/// I4.
pub const ONCE: &str = "I4: no device executes the order of one entry twice";
/// I7.
pub const FAIL_SAFE: &str =
    "I7: without a lease a device is in its safe rule, one lease after the last leader at the latest";
/// Make before break.
pub const SUPPLY_FIRST: &str = "the sink never draws under a grant that its source has not accepted";
/// What leases and orders rest on.
pub const ONE_SENDER: &str = "no two replicas have the right to send at one time";
/// What everything rests on.
pub const DURABLE: &str = "what is committed stays committed";

/// The properties of the model.
pub(super) fn all() -> Vec<Property<Transfer>> {
    let mut all = always();
    all.extend(sometimes());
    all
}

fn always() -> Vec<Property<Transfer>> {
    vec![
        Property::always(COMMIT_BEFORE_ACTUATE, |_, state: &State| {
            let is_committed = |order: InForce| state.committed.term_at(order.index) == order.entry_term;
            state.devices.iter().filter_map(|device| device.in_force).all(is_committed)
        }),
        Property::always(FENCING, |_, state: &State| state.devices.iter().all(|device| !device.witness.went_back)),
        Property::always(ONCE, |_, state: &State| state.devices.iter().all(|device| !device.witness.twice)),
        Property::always(FAIL_SAFE, |model, state: &State| {
            let led = state.unled < model.bounds.lease;
            state.devices.iter().all(|device| device.in_force.is_none() || (device.lease > 0 && led))
        }),
        Property::always(SUPPLY_FIRST, is_supplied_first),
        Property::always(ONE_SENDER, |model, state: &State| {
            (0..REPLICAS).filter(|&replica| state.may_send(replica, model.rules)).count() <= 1
        }),
        Property::always(DURABLE, |_, state: &State| !state.forked),
    ]
}

fn is_supplied_first(model: &Transfer, state: &State) -> bool {
    let Some(order) = gives(&state.devices[SINK]) else { return true };
    let since = model.book.granted_since(&state.committed.up_to(order.index));
    since.is_none_or(|since| state.devices[SOURCE].witness.index >= since)
}

fn sometimes() -> Vec<Property<Transfer>> {
    vec![
        Property::sometimes("a transfer is in force", |_, state: &State| both_give(state).is_some()),
        Property::sometimes("a failover in mid-transfer completes it", |_, state: &State| {
            let both = both_give(state);
            both.is_some_and(|(source, sink)| source.index == sink.index && source.by < sink.by)
        }),
        Property::sometimes("a transfer is released, and another made after it", |_, state: &State| {
            let released = state.committed.entries().iter().position(|entry| entry.act == Act::Release);
            let both = both_give(state);
            both.zip(released).is_some_and(|((source, sink), at)| usize::from(source.index.min(sink.index)) > at + 1)
        }),
        Property::sometimes("a replaced leader's order arrives and is refused", |model, state: &State| {
            arrives(model, state, |device, frame, bearing| {
                bearing == Bearing::Past && frame.index > device.fence_index() && device.lease > 0
            })
        }),
        Property::sometimes("the next leader's resend arrives and is not done again", |model, state: &State| {
            arrives(model, state, |device, frame, bearing| {
                bearing == Bearing::Repeated && device.in_force.is_some_and(|order| order.by < frame.leader_term)
            })
        }),
        Property::sometimes("a lease lapses under an order that has not expired", |model, state: &State| {
            arrives(model, state, |device, frame, bearing| {
                bearing == Bearing::Repeated && device.in_force.is_none() && device.lease == 0 && frame.left > 0
            })
        }),
        Property::sometimes(
            "an order that a reboot or a lapse made void arrives under a new lease",
            |model, state: &State| {
                arrives(model, state, |device, _, bearing| {
                    bearing == Bearing::Repeated && device.in_force.is_none() && device.lease > 0
                })
            },
        ),
        Property::sometimes("an order expires under a lease", |model, state: &State| {
            let expired = |device: &Device| {
                let age = state.committed.entry(device.fence_index()).map_or(0, |entry| entry.age);
                device.in_force.is_none() && device.lease > 0 && age >= model.bounds.hold
            };
            state.devices.iter().any(expired)
        }),
        Property::sometimes("a successor commands while its predecessor is still confirmed", |model, state: &State| {
            let left = |replica: &Replica| replica.leaving == Leaving::Told && replica.right > 0;
            state.replicas.iter().any(left) && (0..REPLICAS).any(|place| state.may_send(place, model.rules))
        }),
        Property::sometimes("a deposed leader does not know", |_, state: &State| {
            state.replicas.iter().filter(|replica| replica.leads()).count() > 1
        }),
        Property::sometimes("a new leader that must not send yet is confirmed", |_, state: &State| {
            state.replicas.iter().any(|replica| replica.leads() && replica.right > 0 && !replica.is_caught_up())
        }),
        Property::sometimes("an entry that was not committed is lost", |_, state: &State| {
            let replaced = |index| {
                let mut terms =
                    state.replicas.iter().map(|replica| replica.log.term_at(index)).filter(|&term| term > 0);
                let first = terms.next();
                terms.any(|term| Some(term) != first)
            };
            (1..=state.committed.last_index()).any(replaced)
        }),
        // What lowers goes at once, and either device may miss it: by design, and for no longer than the expiry.
        Property::sometimes("the sink draws on for a while after its source was told to stop", |_, state: &State| {
            gives(&state.devices[SINK]).is_some()
                && state.devices[SOURCE].in_force.is_some_and(|order| order.level == Level::Rests)
        }),
    ]
}

fn gives(device: &Device) -> Option<InForce> {
    device.in_force.filter(|order| order.level == Level::Gives)
}

fn both_give(state: &State) -> Option<(InForce, InForce)> {
    gives(&state.devices[SOURCE]).zip(gives(&state.devices[SINK]))
}

/// Whether an order may arrive that stands so to what its device knows.
fn arrives(model: &Transfer, state: &State, so: fn(&Device, Frame, Bearing) -> bool) -> bool {
    state.wire.orders.iter().any(|&frame| {
        let device = &state.devices[usize::from(frame.device)];
        so(device, frame, device.judge(frame, model.rules))
    })
}
