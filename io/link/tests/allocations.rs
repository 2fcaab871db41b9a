//! Nothing is allocated from an order to its ack, on the link thread or on any other.

mod support;

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use ridethrough_link::{FromLink, Link, ToLink};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use support::{LEAD, Lans, Plant, addresses, config, order, wait, wait_for_devices};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const WARM_UP: usize = 500;
const TURNS: usize = 10_000;

/// Counts as a real recorder does, so that what is counted on the way is part of the proof.
struct Counting;

impl Recorder for Counting {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(AtomicU64::new(0)))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(AtomicU64::new(0)))
    }

    /// The link thread has none.
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn turn(link: &Link, order: ToLink, index: u64) {
    assert!(link.send(order));
    wait(link, |news| matches!(news, FromLink::Ack { ack, .. } if ack.fence.index == index).then_some(()));
}

#[test]
fn nothing_is_allocated_from_an_order_to_its_ack() {
    metrics::set_global_recorder(Counting).expect("the first");
    let link = Link::start(config(1, Lans::Both)).expect("it starts");
    let plant = Plant::start(1, addresses(&link));
    wait_for_devices(&link, 1);
    assert!(link.send(LEAD));
    let orders: Vec<_> = (1..).map(|index| (index, order(0, index))).take(WARM_UP + TURNS).collect();
    let (warm_up, turns) = orders.split_at(WARM_UP);
    for (index, order) in warm_up {
        turn(&link, *order, *index);
    }
    let region = Region::new(ALLOCATOR);
    for (index, order) in turns {
        turn(&link, *order, *index);
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0), "in {TURNS} turns");
    assert_eq!(link.stop(), Ok(()));
    plant.stop();
}
