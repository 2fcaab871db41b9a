//! Leave for flywheels to spin up: from headroom that nobody is expected to need, up to what each is expected to need.
//!
//! A full wheel loses the most, so a module is kept where its need is: its reserve, what it is usually drawn down by,
//! and a tenth. A module that stands ready to supply may take in what swinging loads leave in their troughs, or what a
//! load that falls leaves too much: the device does one or the other, within milliseconds.

use super::draft::Draft;
use super::risk::Verdict;
use super::topology::Topology;
use crate::command::ChargeGrant;
use crate::device::DeviceId;
use crate::mode::Mode;
use crate::site::{KesmId, RackId, RowId, Site};
use crate::units::{Millis, Watts};

/// More than this is not charged, in thousandths of the capacity.
const FULL_PERMILLE: i64 = 980;
/// A module is charged when it is so far below its target.
const BELOW_PERMILLE: i64 = 15;
/// What a module that has not been watched yet is expected to be drawn down by, and kept above that, in thousandths.
const EXPECTED_PERMILLE: i64 = 450;
const SPARE_PERMILLE: i64 = 100;
/// What is expected falls by a thousandth in so long.
const FORGET: Millis = Millis::seconds(3);
/// So long is a leave to charge.
const HOLD: Millis = Millis::seconds(20);
/// A leave is renewed when less than this is left.
const RENEW: Millis = Millis::seconds(8);
/// Less headroom than this is not worth an entry; it is also what a leave is taken back to.
const LEAST: Watts = Watts::new(1_000);
/// A row may always be charged up to so much of its limit, in thousandths, whatever its peak was.
const FREE_PERMILLE: u16 = 600;
/// The highest draw of a row is forgotten by so much in a tick, in millionths: half of it in some two hours.
const PEAK_FORGET_PPM: i64 = 10;

/// What the planner remembers of modules and rows.
#[derive(Clone, Debug)]
pub(super) struct Charging {
    kesms: Vec<Habit>,
    /// The highest draw of each row without charging, slowly forgotten.
    row_peaks: Vec<Watts>,
}

/// How much of its store a module is usually drawn down by, in thousandths.
#[derive(Clone, Copy, Debug)]
struct Habit {
    high_permille: i64,
    expected_permille: i64,
    forgot_at: Option<Millis>,
}

impl Habit {
    fn watch(&mut self, stored_permille: i64, now: Millis) {
        self.high_permille = self.high_permille.max(stored_permille);
        let drawn = self.high_permille - stored_permille;
        self.expected_permille = self.expected_permille.max(drawn);
        let forgot_at = *self.forgot_at.get_or_insert(now);
        if now.saturating_sub(forgot_at) >= FORGET {
            self.forgot_at = Some(now);
            self.high_permille = (self.high_permille - 1).max(stored_permille);
            self.expected_permille = (self.expected_permille - 1).max(drawn);
        }
    }
}

impl Charging {
    pub(super) fn new(site: &Site) -> Self {
        let habit = Habit { high_permille: 0, expected_permille: EXPECTED_PERMILLE, forgot_at: None };
        Self { kesms: vec![habit; site.kesms.len()], row_peaks: vec![Watts::ZERO; site.rows.len()] }
    }

    /// Adds the charges that fit under the limits of racks, rows and feeds.
    pub(super) fn plan(&mut self, draft: &mut Draft<'_>, topology: &Topology, verdicts: &[Verdict]) {
        let held = |verdict: &Verdict| verdict.risk.present.min(verdict.hold);
        let taken: Vec<Watts> =
            topology.rows.iter().map(|row| row.racks.iter().map(|rack| held(&verdicts[rack.index()])).sum()).collect();
        for row in draft.site().row_ids() {
            let members = &topology.rows[row.index()];
            if members.kesms.is_empty() {
                continue;
            }
            let mut room = self.row_room(draft, &members.racks, &taken, row);
            let mut order: Vec<(i64, KesmId)> =
                members.kesms.iter().filter_map(|kesm| Some((self.missing(draft, *kesm)?, *kesm))).collect();
            // The emptiest against its need comes first.
            order.sort_by_key(|(missing, kesm)| (std::cmp::Reverse(*missing), *kesm));
            for (missing, kesm) in order {
                room = allow(draft, verdicts, kesm, missing, room);
            }
        }
    }

    /// How far a module is below its target, in thousandths of its capacity; none while it is not known.
    fn missing(&mut self, draft: &Draft<'_>, kesm: KesmId) -> Option<i64> {
        let stored = draft.inputs.view.stored(kesm, draft.inputs.now)?;
        let module = draft.site().kesm(kesm);
        let permille = |joules: i64| joules.saturating_mul(1_000) / module.capacity.get().max(1);
        let habit = &mut self.kesms[kesm.index()];
        habit.watch(permille(stored.get()), draft.inputs.now);
        let target = permille(module.reserve.get()) + habit.expected_permille + SPARE_PERMILLE;
        Some(target.min(FULL_PERMILLE) - permille(stored.get()))
    }

    /// What the row's feeder, and the feed's share of it, leave beside what racks take (`taken`, by row), without making a
    /// new peak.
    fn row_room(&mut self, draft: &Draft<'_>, racks: &[RackId], taken: &[Watts], row: RowId) -> Watts {
        let site = draft.site();
        let (own, limit, hold) = (taken[row.index()], site.rows[row.index()].limit, site.row_hold(row));
        let peak = &mut self.row_peaks[row.index()];
        let forgotten = Watts::new(peak.get() - peak.get() * PEAK_FORGET_PPM / 1_000_000);
        *peak = forgotten.max(own);
        let ceiling = (*peak).max(limit.permille(FREE_PERMILLE)).min(hold);
        let feed = &site.feeds[site.rows[row.index()].feed.index()];
        let on_feed: Watts = feed.rows.iter().map(|row| taken[row.index()]).sum();
        let rows = i64::try_from(feed.rows.len()).unwrap_or(1).max(1);
        let share = Watts::new(feed.limit.saturating_sub(on_feed).get() / rows);
        // A row that draws up to its limit, for whatever reason, charges nothing.
        let full = draft.measured_draw(racks).is_none_or(|drawn| drawn > hold);
        if full { Watts::ZERO } else { ceiling.saturating_sub(own).min(share).or_zero() }
    }
}

/// Gives, renews or takes back one leave; returns what room is left.
fn allow(draft: &mut Draft<'_>, verdicts: &[Verdict], kesm: KesmId, missing: i64, room: Watts) -> Watts {
    let rack = draft.site().kesm(kesm).rack;
    let standing = draft.inputs.ledger.charge(kesm).copied();
    let feed = draft.site().feed_of(rack);
    let may = matches!(draft.mode(feed), Mode::Normal | Mode::Recovery) && !draft.is_excluded(DeviceId::Kesm(kesm));
    let verdict = &verdicts[rack.index()];
    // The device fills only what lies below its rack's level, so a load that rises ends the charging by itself.
    let level = draft.standing(rack).map_or(verdict.hold, |standing| standing.help_above);
    let headroom = level.saturating_sub(verdict.risk.present).or_zero();
    let wanted = draft.site().kesm(kesm).charge_rated.min(headroom).min(room.or_zero());
    let wanted = Watts::new(wanted.get() / LEAST.get() * LEAST.get());
    let left = |until: Millis| until.saturating_sub(draft.inputs.ledger_now);
    let enough = wanted >= LEAST && may;
    match standing {
        Some(charge) if left(charge.until) > RENEW && enough => room.saturating_sub(charge.charge_max.min(wanted)),
        Some(charge) if charge.charge_max > LEAST && !enough => {
            // Taken back to the least that a leave can be, which then runs out.
            draft.plan.charges.push(ChargeGrant { kesm, charge_max: LEAST, hold: left(charge.until).max(LEAST_HOLD) });
            room
        }
        None if missing < BELOW_PERMILLE => room,
        Some(_) if missing <= 0 => room,
        _ if !enough => room,
        _ => {
            draft.plan.charges.push(ChargeGrant { kesm, charge_max: wanted, hold: HOLD });
            room.saturating_sub(wanted)
        }
    }
}

/// A leave that is taken back runs out no sooner.
const LEAST_HOLD: Millis = Millis::seconds(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::World;

    #[test]
    fn what_a_module_was_drawn_down_by_is_forgotten_by_a_thousandth_every_three_seconds() {
        let mut habit = Habit { high_permille: 0, expected_permille: 450, forgot_at: None };
        let mut told = |stored, ms| {
            habit.watch(stored, Millis::new(ms));
            (habit.high_permille, habit.expected_permille)
        };
        assert_eq!(told(900, 1_000), (900, 450));
        assert_eq!(told(300, 2_000), (900, 600));
        assert_eq!(told(400, 3_999), (900, 600));
        assert_eq!(told(400, 4_000), (899, 599));
        assert_eq!(told(400, 6_999), (899, 599));
        assert_eq!(told(950, 7_000), (950, 598), "it is full again");
        assert_eq!(told(950, 10_000), (950, 597));
    }

    /// Room for charging in the example's row when its racks take so much, as a planner sees it that has seen those rows before.
    fn room(charging: &mut Charging, each: i64) -> i64 {
        let mut world = World::new();
        (0..6).for_each(|rack| world.load(rack, each));
        let racks: Vec<RackId> = world.ledger.site().rack_ids().collect();
        world.with_inputs(&|_| None, |inputs| {
            charging.row_room(&Draft::new(*inputs), &racks, &[Watts::new(6 * each)], RowId(0)).get()
        })
    }

    #[test]
    fn a_row_charges_up_to_its_highest_draw_or_three_fifths_of_its_limit() {
        let mut charging = Charging::new(World::new().ledger.site());
        assert_eq!(room(&mut charging, 10_000), 90_000 - 60_000);
        assert_eq!(room(&mut charging, 20_000), 0, "that would be a new peak");
        assert_eq!(room(&mut charging, 10_000), 119_999 - 60_000, "which is slowly forgotten");
        assert_eq!(room(&mut charging, 23_751), 0, "142.5 kW are what the row is held at");
        assert_eq!(room(&mut charging, 10_000), 142_500 - 60_000);
        assert_eq!(room(&mut Charging::new(World::new().ledger.site()), 23_750), 0);
    }

    fn charges(world: &mut World, ticks: usize) -> Vec<(i64, i64, i64)> {
        let begun = world.now;
        let told = (0..ticks).flat_map(|_| {
            let plan = world.plan();
            let at = world.now.saturating_sub(begun).get();
            let told: Vec<_> =
                plan.charges.iter().map(|charge| (at, charge.charge_max.get(), charge.hold.get())).collect();
            if !plan.is_empty() {
                world.commit(crate::command::Command::Plan(plan));
            }
            world.pass(100);
            told
        });
        told.collect()
    }

    #[test]
    fn a_leave_is_renewed_in_time_and_taken_back_when_the_rack_takes_more() {
        let mut world = World::new();
        world.stored(0, 1_000_000);
        // 22.8 kW less 10 kW, in whole kilowatts.
        assert_eq!(charges(&mut world, 125), [(0, 12_000, 20_000), (12_000, 12_000, 20_000)]);
        world.load(0, 21_900);
        assert_eq!(charges(&mut world, 3), [(0, 1_000, 19_500)], "to the least, for as long as it would have lasted");
        world.load(0, 21_800);
        assert_eq!(charges(&mut world, 1), [], "until then it stays");
    }

    #[test]
    fn a_module_that_is_held_or_hardly_below_its_target_is_not_charged() {
        let target = 2_000 * (300 + 450 + 100);
        let mut world = World::new();
        world.stored(0, target - 2_000 * 14);
        assert_eq!(charges(&mut world, 1), []);
        world.stored(0, target - 2_000 * 15);
        assert_eq!(charges(&mut world, 1).len(), 1);
        let mut world = World::new();
        world.stored(0, 1_000_000);
        let action = crate::command::Action::Hold(DeviceId::Kesm(KesmId(0)));
        let operation =
            crate::command::Operation { request: None, actor: "anna".into(), reason: "noise".into(), action };
        world.commit(crate::command::Command::Operation(operation));
        assert_eq!(charges(&mut world, 1), []);
    }

    #[test]
    fn a_row_that_draws_more_than_it_is_held_at_charges_nothing() {
        let full = |draw| {
            let mut world = World::new();
            (0..6).for_each(|rack| world.pdu(rack, 10_000, draw));
            let racks: Vec<RackId> = world.ledger.site().rack_ids().collect();
            let mut charging = Charging::new(world.ledger.site());
            let room = world.with_inputs(&|_| None, |inputs| {
                charging.row_room(&Draft::new(*inputs), &racks, &[Watts::new(60_000)], RowId(0))
            });
            room == Watts::ZERO
        };
        assert!(!full(23_750) && full(23_751), "six of them are held at 142.5 kW");
    }

    #[test]
    fn a_module_that_has_reached_its_target_is_given_no_longer_leave() {
        let mut world = World::new();
        world.stored(0, 1_000_000);
        assert_eq!(charges(&mut world, 1).len(), 1);
        world.stored(0, 1_990_000);
        assert_eq!(charges(&mut world, 200), [], "the leave that it has runs out");
    }

    #[test]
    fn rows_share_what_their_feed_has_left() {
        let room = |other: i64| {
            let world = World::of(&crate::example::two_rows());
            let racks: Vec<RackId> = (0..3).map(RackId).collect();
            world.with_inputs(&|_| None, |inputs| {
                let taken = [Watts::new(30_000), Watts::new(other)];
                Charging::new(world.ledger.site()).row_room(&Draft::new(*inputs), &racks, &taken, RowId(0)).get()
            })
        };
        assert_eq!(room(30_000), 30_000, "three fifths of the row's 100 kW");
        assert_eq!(room(150_000), 10_000, "half of the 20 kW that the feed has left");
        assert_eq!(room(170_000), 0);
    }
}
