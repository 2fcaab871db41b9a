use std::collections::BTreeMap;

use super::*;
use crate::command::Position;
use crate::device::Verdict;
use crate::example::{World, forecast, site};
use crate::ledger::{Effect, Transfer};
use crate::site::{KesmId, RackId, TieId};

const SELF: ReplicaId = ReplicaId(1);
const FOUNDING: Founding = Founding { cluster: [7; 16], site_hash: [0; 32] };
const SOURCE: DeviceId = DeviceId::Kesm(KesmId(0));
const NEAR: DeviceId = DeviceId::Tie(TieId(0));
const FAR: DeviceId = DeviceId::Tie(TieId(1));
/// The rack that is helped: two ties from K0.
const RACK: usize = 2;

/// A leader over the example row, and its devices, which obey.
struct Run {
    world: World,
    control: Control,
    there: BTreeMap<DeviceId, (Fence, Option<Setpoint>)>,
    refusing: Option<Verdict>,
}

impl Run {
    fn new() -> Self {
        let world = World::new();
        let control = Control::new(Arc::new(world.ledger.clone()));
        let mut run = Self { world, control, there: BTreeMap::new(), refusing: None };
        run.pass(0);
        run
    }

    /// A leader whose rack R2 is expected to draw 32 kW, over its 24 kW.
    fn surging() -> Self {
        let mut run = Self::new();
        run.world.forecasts[RACK] = forecast(32_000);
        run
    }

    /// One in which the transfer to R2 is in force at every device, its outcome not yet proposed.
    fn in_force() -> Self {
        let mut run = Self::surging();
        assert_eq!(run.tick(), Some(Effect::Admitted { orders: 3 }));
        while !run.obey().is_empty() {}
        run
    }

    /// Lets time pass; every device says what it said before, and what is in force there.
    fn pass(&mut self, span: i64) {
        self.world.pass(span);
        let now = self.world.now;
        let site = site();
        for (slot, device) in site.devices().enumerate() {
            if let Some((reading, _)) = self.world.view.latest(slot, now) {
                let (fence, in_force) = self.there.get(&device).copied().unwrap_or_default();
                self.control.observe(device, reading, fence, in_force, now);
            }
        }
        self.control.follow(Arc::new(self.world.ledger.clone()), now);
    }

    /// One tick of the leader: what it proposes is committed at once.
    fn tick(&mut self) -> Option<Effect> {
        self.control.set_forecasts(self.world.forecasts.clone());
        let command = self.control.proposal(self.world.now, FOUNDING)?.expect("within the envelope");
        Some(self.commit(command))
    }

    fn commit(&mut self, command: Command) -> Effect {
        let now = self.world.now;
        let entry = self.control.entry(command, SELF, now, 0);
        let at = Position { term: 1, leader: SELF, index: self.world.ledger.seen().index + 1 };
        let effect = self.world.ledger.apply(at, &entry);
        self.control.follow(Arc::new(self.world.ledger.clone()), now);
        effect
    }

    fn send(&mut self) -> Vec<Order> {
        let mut sent = Vec::new();
        let until = self.control.ledger_at(self.world.now);
        self.control.send_orders(self.world.now, &mut |order, valid_for| {
            assert_eq!(until.saturating_add(valid_for), order.get().until);
            sent.push(*order.get());
            true
        });
        sent
    }

    /// Every order that may go reaches its device and is answered; returns whose they were.
    fn obey(&mut self) -> Vec<DeviceId> {
        let sent = self.send();
        for order in &sent {
            let known = self.there.entry(order.device).or_default();
            let fence = Fence { term: 1, index: order.index };
            let verdict = self.refusing.unwrap_or(if known.0.index == order.index {
                Verdict::Duplicate
            } else {
                Verdict::Executed
            });
            if verdict.in_force() {
                *known = (fence, Some(order.setpoint));
            }
            let ack = Ack { device: order.device, fence, verdict, device_at: self.world.now };
            self.control.answered(ack, known.1, 800, self.world.now);
        }
        sent.iter().map(|order| order.device).collect()
    }

    fn verdicts(&self) -> Vec<Vec<(DeviceId, Verdict)>> {
        let said = |timed: &TimedAck| (timed.ack.device, timed.ack.verdict);
        self.control.outcomes(self.world.now).iter().map(|outcome| outcome.acks.iter().map(said).collect()).collect()
    }

    fn transfer(&self) -> &Transfer {
        self.control.ledger().transfer(RackId(2)).expect("granted")
    }
}

#[test]
fn a_transfer_goes_from_the_forecast_to_its_release() {
    let mut run = Run::new();
    assert_eq!(run.tick(), None, "a calm row is left alone");

    run.world.forecasts[RACK] = forecast(32_000);
    assert_eq!(run.tick(), Some(Effect::Admitted { orders: 3 }));
    assert_eq!(run.tick(), None, "it is not proposed twice");

    // Make before break: the source first, then one tie after another.
    for device in [SOURCE, NEAR, FAR] {
        assert_eq!(run.verdicts(), [[]; 0], "not all have answered");
        assert_eq!(run.obey(), [device]);
    }
    assert_eq!(run.obey(), []);

    assert_eq!(run.verdicts(), [[SOURCE, NEAR, FAR].map(|device| (device, Verdict::Executed))]);
    let [outcome] = &run.control.outcomes(run.world.now)[..] else { panic!("one transfer") };
    run.control.outcome_sent(outcome.transfer);
    assert_eq!(run.verdicts(), [[]; 0], "it is on its way");
    assert_eq!(run.commit(Command::Outcome(outcome.clone())), Effect::Noted);
    assert!(run.transfer().noted);
    assert_eq!(run.verdicts(), [[]; 0]);

    run.world.forecasts[RACK] = forecast(12_000);
    assert_eq!(run.tick(), None, "patience first");
    run.pass(3_100);
    assert_eq!(run.tick(), Some(Effect::Admitted { orders: 3 }));
    assert_eq!(run.control.ledger().transfers().count(), 0);
    assert_eq!(run.obey(), [SOURCE, NEAR, FAR], "what lowers goes at once");
    assert!(run.there.values().all(|(_, setpoint)| setpoint.is_some_and(|setpoint| !setpoint.raises(None))));
}

#[test]
fn a_new_leadership_sends_what_stands_once_more_and_hears_the_answers_once_more() {
    let mut run = Run::in_force();
    assert_eq!(run.obey(), []);
    run.control.begin_leadership();
    assert_eq!(run.verdicts(), [[]; 0], "what the former leader was told is not known here");
    assert_eq!(run.obey(), [SOURCE, NEAR, FAR], "all is in force already, so nothing waits");
    assert_eq!(run.verdicts(), [[SOURCE, NEAR, FAR].map(|device| (device, Verdict::Duplicate))]);
    assert_eq!(run.obey(), []);
}

#[test]
fn an_outcome_whose_proposal_failed_is_proposed_again() {
    let mut run = Run::in_force();
    let outcomes = run.control.outcomes(run.world.now);
    assert_eq!(run.control.outcomes(run.world.now), outcomes, "not proposed yet: there was no room");
    run.control.outcome_sent(outcomes[0].transfer);
    assert_eq!(run.control.outcomes(run.world.now), []);
    run.control.outcome_failed(outcomes[0].transfer);
    assert_eq!(run.control.outcomes(run.world.now), outcomes);
}

#[test]
fn an_order_that_the_link_does_not_take_is_offered_again_until_its_time_is_over() {
    let mut run = Run::surging();
    run.tick();
    let mut offered = Vec::new();
    run.control.send_orders(run.world.now, &mut |order, _| {
        offered.push(order.get().device);
        false
    });
    assert_eq!(offered, [SOURCE]);
    run.pass(7_999);
    assert_eq!(run.send().len(), 1);
    run.control.begin_leadership();
    run.pass(1);
    assert_eq!(run.send(), [], "8 s is what this site's transfers hold");
}

#[test]
fn a_module_that_refuses_is_replaced_by_another_and_its_ties_are_not_raised() {
    let mut run = Run::surging();
    run.tick();
    run.refusing = Some(Verdict::Unavailable);
    assert_eq!(run.obey(), [SOURCE]);
    assert_eq!(run.obey(), [], "no tie may draw on a source that does not supply");
    run.refusing = None;
    assert!(matches!(run.tick(), Some(Effect::Admitted { .. })));
    let sources: Vec<KesmId> = run.transfer().grant.legs.iter().map(|leg| leg.kesm).collect();
    assert_eq!(sources, [KesmId(1)]);
}

#[test]
fn a_device_that_has_lapsed_holds_back_what_rests_on_it() {
    let mut run = Run::surging();
    run.tick();
    assert_eq!(run.obey(), [SOURCE]);
    // It answers a repetition: executed once, no longer in force.
    let (fence, _) = run.there[&SOURCE];
    let ack = Ack { device: SOURCE, fence, verdict: Verdict::Expired, device_at: run.world.now };
    run.control.answered(ack, None, 800, run.world.now);
    assert_eq!(run.obey(), []);
}

#[test]
fn the_log_is_bound_to_a_site_before_anything_is_planned() {
    let site = site();
    let mut control = Control::new(Arc::new(Ledger::new(Arc::clone(&site))));
    let founding = Founding { site_hash: site.hash, ..FOUNDING };
    assert!(!control.is_founded());
    assert_eq!(control.proposal(Millis::ZERO, founding), Some(Ok(Command::Found(founding))));
    let mut run = Run::new();
    assert!(run.control.is_founded());
    assert_eq!(run.control.proposal(run.world.now, founding), None, "there is no forecast yet");
    assert_eq!(run.control.with_inputs(run.world.now, |_| ()), None);
    run.tick();
    assert_eq!(run.control.with_inputs(run.world.now, |inputs| inputs.forecasts.len()), Some(6));
}

#[test]
fn an_entry_carries_ledger_time_on_from_what_was_applied() {
    let run = Run::new();
    let applied = run.control.ledger().now();
    let later = run.world.now.saturating_add(Millis::new(250));
    let entry = run.control.entry(Command::Found(FOUNDING), SELF, later, 99);
    assert_eq!(entry.stamp, Stamp { at: applied.saturating_add(Millis::new(250)), wall_unix_ms: 99 });
    assert_eq!(entry.seen, run.world.ledger.seen());
    // A replica whose own clock began elsewhere tells the same ledger time.
    let mut other = Control::new(Arc::clone(run.control.ledger()));
    other.follow(Arc::clone(run.control.ledger()), Millis::new(7));
    assert_eq!(other.ledger_at(Millis::new(257)), run.control.ledger_at(later));
}

#[test]
fn a_follower_endorses_no_order_for_what_it_doubts() {
    let mut run = Run::new();
    let mut follower = Control::new(Arc::clone(run.control.ledger()));
    let site = site();
    let hear = |follower: &mut Control, run: &mut Run, own: &[RackForecast]| {
        run.pass(1_000);
        for (slot, device) in site.devices().enumerate() {
            if let Some((reading, _)) = run.world.view.latest(slot, run.world.now) {
                follower.observe(device, reading, Fence::default(), None, run.world.now);
            }
        }
        follower.set_forecasts(own.to_vec());
        follower.follow(Arc::new(run.world.ledger.clone()), run.world.now);
        follower.cross_check_again(run.world.now).len()
    };
    let mut own = run.world.forecasts.clone();
    for _ in 0..=61 {
        assert_eq!(hear(&mut follower, &mut run, &own), 0);
    }
    run.world.forecasts[RACK] = forecast(32_000);
    assert_eq!(run.tick(), Some(Effect::Admitted { orders: 3 }));
    follower.follow(Arc::new(run.world.ledger.clone()), run.world.now);
    let standing =
        Standing { term: 1, leads: false, last_index: Some(2), applied_index: Some(2), confirmed_for: Millis::ZERO };
    assert_eq!(follower.follow_standing(standing), Some(1));
    let endorsed = |follower: &mut Control, run: &Run| {
        let mut devices = Vec::new();
        follower.cross_check(false, run.world.now);
        follower.endorse_orders(run.world.now, &mut |order, _| {
            devices.push(order.get().device);
            true
        });
        devices
    };
    assert_eq!(endorsed(&mut follower, &run), [], "nothing that it foresees asks for it");
    assert_eq!(hear(&mut follower, &mut run, &own), 1);
    assert_eq!(endorsed(&mut follower, &run), []);
    assert_eq!(follower.disputed().count(), 1);
    own[RACK] = forecast(32_000);
    assert_eq!(hear(&mut follower, &mut run, &own), 0);
    assert_eq!(endorsed(&mut follower, &run), [SOURCE, NEAR, FAR], "it has come to see the same");
}

#[test]
fn the_log_is_told_of_what_is_wrong_once() {
    let mut run = Run::new();
    let lost = AlarmKey { kind: crate::alarm::AlarmKind::UtilityOutage, subject: crate::alarm::Subject::Site };
    assert_eq!(run.control.alarm_note(run.world.now, [lost]), None, "without forecasts nothing is judged");
    run.tick();
    let note = run.control.alarm_note(run.world.now, [lost]).expect("it is urgent");
    assert_eq!((note.raised.clone(), note.cleared.clone()), (vec![lost], vec![]));
    run.commit(Command::Alarms(note));
    assert_eq!(run.control.alarm_note(run.world.now, [lost]), None);
}

#[test]
fn what_is_foreseen_is_what_was_told_of_racks_and_rows() {
    let mut run = Run::new();
    assert!(run.control.forecasts().is_empty() && run.control.row_forecasts().is_empty());
    run.control.set_forecasts(run.world.forecasts.clone());
    run.control.set_row_forecasts(vec![forecast(90_000)]);
    assert_eq!((run.control.forecasts(), run.control.row_forecasts().len()), (run.world.forecasts.as_slice(), 1));
    let seen = run.control.with_inputs(run.world.now, |inputs| inputs.row_forecasts.to_vec());
    assert_eq!(seen, Some(vec![forecast(90_000)]));
}

#[test]
fn an_outcome_that_is_on_its_way_is_remembered_as_long_as_its_transfer_lives() {
    let mut run = Run::in_force();
    let [outcome] = &run.control.outcomes(run.world.now)[..] else { panic!("one transfer") };
    let transfer = outcome.transfer;
    run.control.outcome_sent(transfer);
    run.commit(Command::Plan(Plan::default()));
    assert!(run.control.noted.contains(&transfer), "it is still to be noted");
    run.world.forecasts[RACK] = forecast(12_000);
    run.tick();
    run.pass(3_100);
    assert_eq!(run.tick(), Some(Effect::Admitted { orders: 3 }));
    assert_eq!(run.control.ledger().closings().len(), 1);
    assert!(run.control.noted.contains(&transfer), "its end is still to be noted");
    run.commit(Command::Outcome(outcome.clone()));
    assert!(!run.control.noted.contains(&transfer));
    let mut run = Run::in_force();
    let [outcome] = &run.control.outcomes(run.world.now)[..] else { panic!("one transfer") };
    run.control.outcome_sent(outcome.transfer);
    run.commit(Command::Outcome(outcome.clone()));
    assert!(run.control.noted.is_empty(), "it is noted");
}

#[test]
fn a_device_in_quarantine_is_named_with_its_reason() {
    let mut run = Run::new();
    assert_eq!(run.control.quarantined(run.world.now), []);
    // A meter that repeats itself at 10 kW for six seconds stands still.
    let meter = DeviceId::Pdu(RackId(1));
    for _ in 0..70 {
        run.pass(100);
        run.tick();
    }
    let found = run.control.quarantined(run.world.now);
    assert!(found.contains(&(meter, Fault::Still)), "{found:?}");
}

#[test]
fn an_order_is_endorsed_once_and_only_while_it_is_valid() {
    let mut run = Run::surging();
    let mut follower = Control::new(Arc::clone(run.control.ledger()));
    assert_eq!(run.tick(), Some(Effect::Admitted { orders: 3 }));
    let until = run.control.ledger().orders().map(|order| order.get().until).min().expect("ordered");
    let standing =
        Standing { term: 1, leads: false, last_index: Some(2), applied_index: Some(2), confirmed_for: Millis::ZERO };
    follower.follow_standing(standing);
    follower.follow(Arc::new(run.world.ledger.clone()), run.world.now);
    follower.cross_check(false, run.world.now);
    assert!(!follower.cross_check_goes_on());
    let endorsed = |follower: &mut Control, now| {
        let mut count = 0;
        follower.endorse_orders(now, &mut |_, valid_for| {
            assert!(valid_for > Millis::ZERO);
            count += 1;
            true
        });
        count
    };
    assert_eq!(endorsed(&mut follower.clone(), until), 0, "its time is over");
    assert_eq!(endorsed(&mut follower.clone(), until.saturating_sub(Millis::new(1))), 3);
    assert_eq!((endorsed(&mut follower, run.world.now), endorsed(&mut follower, run.world.now)), (3, 0));
}
