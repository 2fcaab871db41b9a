use super::*;
use crate::example::{LIMIT, World, forecast};
use crate::ledger::Effect;

/// The rack that is helped, over two ties from K0 on R0.
const RACK: u16 = 2;

/// A leader whose rack R2 is expected to draw 32 kW has granted it a transfer; a follower has heard the same for over a minute.
struct Row {
    world: World,
    heard: Heard,
}

impl Row {
    fn new() -> Self {
        let mut world = World::new();
        let mut heard = Heard::new(world.ledger.site());
        for _ in 0..=60 {
            world.pass(1_000);
            heard.note(&world.view, &world.forecasts, world.now);
        }
        world.forecasts[usize::from(RACK)] = forecast(32_000);
        assert!(matches!(world.tick(), Some(Effect::Admitted { .. })));
        let mut row = Self { world, heard };
        row.note();
        row
    }

    /// What a tick of the follower takes in.
    fn note(&mut self) {
        self.heard.note(&self.world.view, &self.world.forecasts, self.world.now);
    }

    fn foresees(&mut self, watts: i64) {
        self.world.forecasts[usize::from(RACK)] = forecast(watts);
        // What was foreseen before is over.
        for _ in 0..3 {
            self.world.pass(1_000);
            self.note();
        }
    }

    fn stores(&mut self, kesm: u16, joules: i64) {
        for _ in 0..3 {
            self.world.pass(1_000);
            self.world.stored(kesm, joules);
            self.note();
        }
    }

    fn opinion(&self) -> Opinion {
        let transfer = self.world.ledger.transfer(RackId(RACK)).expect("granted");
        let ledger = self.world.ledger.at(self.world.now);
        judge(&ledger, &[transfer], &self.heard).remove(0)
    }
}

#[test]
fn whoever_hears_and_foresees_the_same_agrees() {
    assert_eq!(Row::new().opinion(), Opinion::Agreed);
}

#[test]
fn a_draw_that_is_not_foreseen_here_is_disputed_beyond_a_tenth_of_the_limit() {
    let mut row = Row::new();
    let tolerance = LIMIT / 10;
    row.foresees(32_000 - tolerance);
    assert_eq!(row.opinion(), Opinion::Agreed, "just within");
    row.foresees(32_000 - tolerance - 1);
    let (claimed, most) = (Watts::new(32_000), Watts::new(31_999));
    let dispute = Dispute::Draw { claimed, most };
    assert_eq!(row.opinion(), Opinion::Disputed(dispute.clone()));
    let words = "the leader counts with a draw of 32.0 kW, this replica with 32.0 kW at most";
    assert_eq!((dispute.describe(row.world.ledger.site()).as_str(), dispute.label()), (words, "draw"));
}

#[test]
fn what_the_rack_drew_within_a_minute_it_may_draw_again() {
    let mut row = Row::new();
    row.world.load(RACK, 31_000);
    row.note();
    row.world.load(RACK, 9_000);
    row.foresees(10_000);
    assert_eq!(row.opinion(), Opinion::Agreed);
    for _ in 0..121 {
        row.world.pass(1_000);
        row.note();
    }
    assert!(matches!(row.opinion(), Opinion::Disputed(Dispute::Draw { .. })), "and two minutes later no more");
}

#[test]
fn a_module_that_stores_less_here_is_disputed_beyond_a_fiftieth_of_its_capacity() {
    let mut row = Row::new();
    let site = row.world.ledger.site();
    let transfer = row.world.ledger.transfer(RackId(RACK)).expect("granted");
    let usage = envelope::Usage::after(
        &row.world.ledger.at(row.world.now),
        &Plan { grants: vec![transfer.grant.clone()], ..Plan::default() },
    );
    let kesm = transfer.grant.legs[0].kesm;
    let needed = usage.energy[&kesm].saturating_add(site.kesm(kesm).reserve);
    let least = needed.get() - site.kesm(kesm).capacity.get() / 50;
    row.stores(kesm.0, least);
    assert_eq!(row.opinion(), Opinion::Agreed);
    row.stores(kesm.0, least - 1);
    let Opinion::Disputed(Dispute::Limits(broken)) = row.opinion() else { panic!("{:?}", row.opinion()) };
    assert!(matches!(broken[..], [Violation::BelowReserve { kesm: named, .. }] if named == kesm), "{broken:?}");
}

#[test]
fn a_receiver_that_draws_here_what_no_breaker_bears_without_its_source_is_disputed() {
    let mut row = Row::new();
    assert_eq!(row.opinion(), Opinion::Agreed);
    // Twice and a half the limit for seconds, where the leader was told 10 kW: beyond what the breaker bears alone.
    for _ in 0..3 {
        row.world.pass(1_000);
        row.world.load(RACK, 41_000);
        hot(&mut row, 1_000);
        row.note();
    }
    let Opinion::Disputed(Dispute::Limits(broken)) = row.opinion() else { panic!("{:?}", row.opinion()) };
    let at_the_receiver = |violation: &Violation| matches!(violation, Violation::NotSecure(insecurity) if insecurity.rack == RackId(RACK));
    assert!(!broken.is_empty() && broken.iter().all(at_the_receiver), "{broken:?}");
}

/// The receiver's breaker is so hot.
fn hot(row: &mut Row, breaker_permille: u16) {
    let load = Watts::new(41_000);
    let bus = crate::units::Millivolts::new(800_000);
    let reading = crate::device::Reading::Pdu { load, draw: load, bus, breaker_permille, tripped: false };
    let site = row.world.ledger.site().clone();
    row.world.view.observe(&site, DeviceId::Pdu(RackId(RACK)), reading, row.world.now);
}

#[test]
fn what_is_not_known_is_not_judged() {
    let mut row = Row::new();
    row.heard = Heard::new(row.world.ledger.site());
    row.note();
    assert_eq!(row.opinion(), Opinion::Unjudged(Gap::RackUnheard), "heard for less than a minute");
    let mut row = Row::new();
    let (lost, short, long) = (row.world.now, Millis::new(9_000), Millis::new(10_001));
    row.world.now = lost.saturating_add(short);
    row.world.pass(0);
    row.note();
    assert!(row.heard.draw_most(RackId(RACK)).is_some(), "lost frames are no reason");
    row.world.now = row.world.now.saturating_add(long);
    row.world.pass(0);
    row.note();
    assert_eq!(row.heard.draw_most(RackId(RACK)), None, "a long silence is");
    let mut row = Row::new();
    let later = row.world.now.saturating_add(Millis::new(501));
    row.heard.note(&row.world.view, &row.world.forecasts, later);
    assert_eq!(row.opinion(), Opinion::Unjudged(Gap::KesmUnheard), "nobody is heard any more");
    let mut row = Row::new();
    let mut grant = row.world.ledger.transfer(RackId(RACK)).expect("granted").clone();
    grant.grant.risk.present = row.world.ledger.site().rack(RackId(RACK)).nameplate;
    let ledger = row.world.ledger.at(row.world.now);
    assert!(
        matches!(judge(&ledger, &[&grant], &row.heard)[..], [Opinion::Disputed(_)]),
        "nothing is wrong with the meter"
    );
    row.heard.note_doubt(RackId(RACK), row.world.now);
    assert_eq!(judge(&ledger, &[&grant], &row.heard), [Opinion::Unjudged(Gap::MeterDoubted)]);
}

#[test]
fn a_broken_limit_concerns_the_grants_that_have_to_do_with_it() {
    use crate::envelope::{Contingency, Insecurity};
    use crate::site::TieId;
    use crate::units::{Joules, Millis};
    let row = Row::new();
    let site = row.world.ledger.site();
    let grant = &row.world.ledger.transfer(RackId(RACK)).expect("granted").grant;
    let below = |kesm| Violation::BelowReserve { kesm: KesmId(kesm), stored: Joules::ZERO, needed: Joules::ZERO };
    assert!(concerns(site, &below(0), grant) && !concerns(site, &below(1), grant));
    let insecure = |rack| {
        Violation::NotSecure(Insecurity {
            lost: Contingency::Tie(TieId(0)),
            rack: RackId(rack),
            draw: Watts::ZERO,
            limit: Watts::ZERO,
            bears: Some(Millis::ZERO),
            bearable_peak: Watts::ZERO,
            can_be_taken_back: true,
        })
    };
    let concerned: Vec<u16> = (0..6).filter(|rack| concerns(site, &insecure(*rack), grant)).collect();
    assert_eq!(concerned, [0, 1, 2], "the source, the rack between, and the one that is helped");
    assert!(!concerns(site, &Violation::Manual, grant));
}

#[test]
fn a_dispute_over_limits_is_told_with_all_that_is_broken() {
    let violations = vec![Violation::StoredUnknown(KesmId(1)), Violation::TieBothWays(crate::site::TieId(0))];
    let dispute = Dispute::Limits(violations);
    assert_eq!(dispute.label(), "limits");
    let words =
        "by what this replica measures: the stored energy of K1 is not known; tie T0 would carry power both ways";
    assert_eq!(dispute.describe(&crate::example::site()), words);
}
