use super::*;
use crate::command::{Command, Plan};
use crate::example::{World, forecast};
use crate::ledger::Effect;
use crate::site::{KesmId, TieId};
use crate::trust::Fault;
use crate::units::Millis;

const RACK: RackId = RackId(1);

/// A failure that shows at R1, which could bear it if its servers took no more than so much.
fn found(lost: Contingency, bearable_peak: i64, can_be_taken_back: bool) -> Insecurity {
    Insecurity {
        lost,
        rack: RACK,
        draw: Watts::new(40_000),
        limit: Watts::new(24_000),
        bears: Some(Millis::new(100)),
        bearable_peak: Watts::new(bearable_peak),
        can_be_taken_back,
    }
}

/// R1 is served by K0 over T0. What mending these says, of what has been planned so far.
fn mended(planned: &Plan, fault: Option<Fault>, found: &[Insecurity]) -> Vec<String> {
    let mut world = World::new();
    world.forecasts[1] = forecast(32_000);
    assert!(matches!(world.tick(), Some(Effect::Admitted { .. })));
    world.with_inputs(&|device| fault.filter(|_| device == DeviceId::Pdu(RACK)), |inputs| {
        let mut draft = Draft::new(*inputs);
        draft.plan = planned.clone();
        for insecurity in found {
            mend(&mut draft, insecurity);
        }
        let plan = draft.finish();
        let caps = plan.caps.iter().map(|cap| format!("R{} at {}, {:?}", cap.rack.0, cap.cap.get(), cap.reason));
        let lifts = plan.lifts.iter().map(|rack| format!("R{} free", rack.0));
        let ends = plan.releases.iter().map(|end| format!("R{} ends", end.rack.0));
        caps.chain(lifts).chain(ends).collect()
    })
}

const K0: Contingency = Contingency::Kesm(KesmId(0));

fn floor() -> i64 {
    capping::rack_floor(World::new().ledger.site(), RACK, TIER_MAX).get()
}

#[test]
fn a_rack_is_capped_to_what_it_bears_where_a_cap_can_do_it() {
    let check = |fault, found: &[Insecurity], expected: &[&str]| {
        assert_eq!(mended(&Plan::default(), fault, found), expected, "{found:?}");
    };
    check(None, &[found(K0, 30_000, true)], &["R1 at 30000, Insecure"]);
    check(None, &[found(K0, 50_000, true)], &["R1 at 42000, Insecure"]);
    check(None, &[found(K0, 30_000, true), found(K0, 29_000, true)], &["R1 at 29000, Insecure"]);
    // Otherwise what would be lost is not counted on.
    check(None, &[found(K0, 30_000, false)], &["R1 ends"]);
    check(Some(Fault::Silent), &[found(K0, 30_000, true)], &["R1 ends"]);
    check(None, &[found(K0, floor() - 1, true)], &["R1 ends"]);
    let lowest = format!("R1 at {}, Insecure", floor());
    check(None, &[found(K0, floor(), true)], &[&lowest]);
}

#[test]
fn a_cap_that_did_not_suffice_is_not_tried_again() {
    let told = mended(&Plan::default(), None, &[found(K0, 30_000, true), found(K0, 30_000, true)]);
    assert_eq!(told, ["R1 at 30000, Insecure", "R1 ends"]);
    let told = mended(&Plan::default(), None, &[found(K0, 29_000, true), found(K0, 30_000, true)]);
    assert_eq!(told, ["R1 at 29000, Insecure", "R1 ends"]);
}

#[test]
fn only_what_rests_on_the_device_ends() {
    let lost = |lost| mended(&Plan::default(), None, &[found(lost, 0, false)]);
    assert_eq!(lost(Contingency::Tie(TieId(0))), ["R1 ends"]);
    assert_eq!(lost(Contingency::Tie(TieId(1))), [""; 0]);
    assert_eq!(lost(Contingency::Kesm(KesmId(1))), [""; 0]);
}

#[test]
fn a_rack_that_must_be_capped_is_not_freed_and_its_other_cap_gives_way() {
    let planned = Plan { lifts: vec![RackId(0), RACK], ..Plan::default() };
    assert_eq!(mended(&planned, None, &[found(K0, 30_000, true)]), ["R1 at 30000, Insecure", "R0 free"]);
    let cap = |rack, cap, keep_tiers| {
        let (rack, cap) = (RackId(rack), Watts::new(cap));
        CapGrant { rack, cap, keep_tiers, reason: CapReason::RackUncovered, hold: HOLD }
    };
    let planned = Plan { caps: vec![cap(0, 20_000, 4), cap(1, 30_001, 4)], ..Plan::default() };
    let told = mended(&planned, None, &[found(K0, 30_000, true)]);
    assert_eq!(told, ["R0 at 20000, RackUncovered", "R1 at 30000, Insecure"]);
}

#[test]
fn tiers_that_are_shut_down_stay_so_under_a_new_cap() {
    let mut world = World::new();
    let cap = CapGrant { rack: RACK, cap: Watts::new(40_000), keep_tiers: 2, reason: CapReason::TimeLeft, hold: HOLD };
    world.commit(Command::Plan(Plan { caps: vec![cap], ..Plan::default() }));
    let kept = |planned: Vec<CapGrant>| {
        world.with_inputs(&|_| None, |inputs| {
            let mut draft = Draft::new(*inputs);
            draft.plan.caps = planned;
            mend(&mut draft, &found(K0, 30_000, true));
            draft.plan.caps.iter().map(|cap| (cap.cap.get(), cap.keep_tiers)).collect::<Vec<_>>()
        })
    };
    assert_eq!(kept(Vec::new()), [(30_000, 2)]);
    assert_eq!(kept(vec![CapGrant { keep_tiers: 1, ..cap }]), [(30_000, 1)]);
}
