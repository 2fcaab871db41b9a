//! Loss of the utility, seen by positive evidence; how long what is stored lasts; what is started and what is shut down.
//!
//! Unknown is not failed. A utility is lost when the supply's own meters say so and at least one row that is heard draws
//! nothing from its feed; or, while the supply is silent, when every row that is heard draws nothing and there are at
//! least two of them (or one with three racks or more).

use super::draft::Draft;
use super::lasting::Lasting;
use super::topology::{RowMembers, Topology};
use super::{Inputs, Verdict};
use crate::command::{CapReason, GeneratorGrant, ModeChange};
use crate::device::{DeviceId, GeneratorDuty, GeneratorPhase, Reading, SupplySource};
use crate::electrical;
use crate::mode::{Mode, ModeReason};
use crate::site::{FeedId, RackId, RowId, Site, TIER_MAX};
use crate::units::{Joules, Millis, Watts};

/// A loss must last so long: two ticks, so that one bad sample moves nothing.
const SEEN_FOR: Millis = Millis::new(150);
/// A generator is started when the utility has been lost for so long: four of five losses are over within two seconds
/// (EPRI), and modules bridge those.
const START_AFTER: Millis = Millis::seconds(1);
/// Less time than this, and the generator is started at once.
const START_AT_ONCE: Millis = Millis::seconds(20);
/// An order to a generator holds for so long, and is given anew at half of it: a new order is a new attempt.
const GENERATOR_HOLD: Millis = Millis::seconds(20);
/// More time than servers need to shut down, for seeing, committing and telling.
const GUARD: Millis = Millis::seconds(4);
/// A server that shuts down takes so much of what it took, in thousandths.
const SHUTTING_PERMILLE: i128 = 600;
/// Energy that is never counted on, in thousandths: meters and losses on the way.
const UNSURE_PERMILLE: i128 = 80;
/// Recharging is over when modules hold so much, in thousandths of what they can, or after [`RECOVERY_MAX`].
const RECHARGED_PERMILLE: i64 = 750;
const RECOVERY_MAX: Millis = Millis::seconds(600);
/// Racks are waited for at least so long after an outage: servers that failed start again within it.
const RECOVERY_MIN: Millis = Millis::seconds(120);
/// A utility within these thousandths of nominal is good; below the second it is lost (as transfer switches have it).
const GOOD_PERMILLE: std::ops::RangeInclusive<u16> = 900..=1_100;
const LOST_PERMILLE: u16 = 700;
/// The highest load of a rack is forgotten by so much in a tick, in thousandths of it: half of it in a minute.
const BEFORE_KEPT_PERMILLE: u16 = 999;
/// A rack that takes less than this share of what it took before has servers that failed.
const FAILED_PERMILLE: u16 = 500;
/// Supplies that refill take so much of the rack's limit more, in thousandths.
const REFILL_PERMILLE: u16 = 100;
/// Racks that take less than this say nothing about their feed.
const TELLING_LOAD: Watts = Watts::new(500);

/// What the planner remembers of outages.
#[derive(Clone, Debug)]
pub(super) struct Outages {
    lost: Vec<Lasting>,
    /// The highest tier that is kept on, by row.
    keep_tiers: Vec<u8>,
    /// What each rack took before its utility was lost: servers that failed or were shut down come back with it.
    before: Vec<Watts>,
}

/// What the witnesses of one feed say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Evidence {
    /// The supply itself: whether any utility is good, or all are lost; none while it says neither or is silent.
    utility_good: Option<bool>,
    source: Option<SupplySource>,
    generator: Option<GeneratorPhase>,
    rows_fed: u8,
    rows_unfed: u8,
    /// Whether one of the rows that are not fed has three racks or more that say so.
    large_row_unfed: bool,
}

impl Evidence {
    fn is_utility_lost(self) -> bool {
        match self.utility_good {
            Some(true) => false,
            Some(false) => self.rows_unfed > 0,
            None => self.rows_fed == 0 && (self.rows_unfed >= 2 || self.large_row_unfed),
        }
    }

    fn is_utility_back(self) -> bool {
        let on_utility = matches!(self.source, Some(SupplySource::UtilityA | SupplySource::UtilityB));
        self.utility_good == Some(true) && on_utility && self.rows_unfed == 0
    }

    fn generator_carries(self) -> bool {
        let running = self.source == Some(SupplySource::Generator) && self.generator == Some(GeneratorPhase::Running);
        running && self.rows_unfed == 0
    }

    fn lost(self) -> ModeReason {
        let supply = u8::from(self.utility_good == Some(false));
        let heard = u8::from(self.utility_good.is_some()) + self.rows_fed + self.rows_unfed;
        ModeReason::UtilityLost { witnesses: supply + self.rows_unfed, of: heard }
    }
}

impl Outages {
    pub(super) fn new(site: &Site) -> Self {
        Self {
            lost: vec![Lasting::default(); site.feeds.len()],
            keep_tiers: vec![TIER_MAX; site.rows.len()],
            before: vec![Watts::ZERO; site.racks.len()],
        }
    }

    /// The highest tier of a row that is kept on.
    pub(super) fn keep_tiers(&self, row: RowId) -> u8 {
        self.keep_tiers[row.index()]
    }

    /// What a rack may come back to after an outage, while its feed recovers or the generator carries it: its supplies
    /// refill at every gap, and servers that have failed start all at once with whatever they do then.
    pub(super) fn comes_back_to(&mut self, inputs: &Inputs<'_>, rack: RackId) -> Watts {
        let site = inputs.ledger.site();
        let feed = inputs.ledger.mode(site.feed_of(rack));
        let load = inputs.view.load(rack, inputs.now);
        let before = &mut self.before[rack.index()];
        let refill = site.rack(rack).limit.permille(REFILL_PERMILLE);
        match (feed.mode, load) {
            (Mode::Normal, Some(load)) => {
                *before = load.max(before.permille(BEFORE_KEPT_PERMILLE));
                Watts::ZERO
            }
            (Mode::Normal, None) => Watts::ZERO,
            (_, Some(load)) if load < before.permille(FAILED_PERMILLE) => {
                site.rack(rack).nameplate.saturating_add(refill)
            }
            _ => before.saturating_add(refill),
        }
    }

    /// Adds changes of mode and orders to generators, and decides which tiers are kept on.
    pub(super) fn follow(&mut self, draft: &mut Draft<'_>, topology: &Topology, verdicts: &[Verdict]) {
        for feed in draft.site().feed_ids() {
            let evidence = witness(draft, topology, feed);
            let lost = self.lost[feed.index()].holds_for(SEEN_FOR, evidence.is_utility_lost(), draft.inputs.now);
            self.decide_tiers(draft, topology, verdicts, feed, lost);
            let time_left = draft.mode(feed).bridges().then(|| time_left(draft, topology, verdicts, feed));
            if let Some((to, reason)) = self.next_mode(draft, feed, evidence, lost) {
                draft.plan.modes.push(ModeChange { feed, to, reason, time_left });
            }
            self.rule_generator(draft, feed, time_left);
        }
    }

    fn next_mode(&self, draft: &Draft<'_>, feed: FeedId, evidence: Evidence, lost: bool) -> Option<(Mode, ModeReason)> {
        let rows = &draft.site().feeds[feed.index()].rows;
        let shedding = rows.iter().any(|row| self.keep_tiers[row.index()] < TIER_MAX);
        let standing = draft.inputs.ledger.mode(feed);
        match standing.mode {
            Mode::Normal | Mode::Recovery if lost => Some((Mode::RideThrough, evidence.lost())),
            Mode::RideThrough | Mode::OrderlyShutdown if evidence.is_utility_back() => {
                Some((Mode::Recovery, ModeReason::UtilityBack))
            }
            Mode::RideThrough | Mode::OrderlyShutdown if evidence.generator_carries() => {
                Some((Mode::Generator, ModeReason::GeneratorCarries))
            }
            Mode::RideThrough if shedding => Some((Mode::OrderlyShutdown, ModeReason::TimeIsUp)),
            Mode::Generator if evidence.is_utility_back() => Some((Mode::Recovery, ModeReason::UtilityBack)),
            Mode::Generator if lost => Some((Mode::RideThrough, ModeReason::GeneratorLost)),
            Mode::Recovery => {
                let since = draft.inputs.ledger_now.saturating_sub(standing.since);
                let done = since >= RECOVERY_MIN && is_recharged(draft, feed);
                (done || since >= RECOVERY_MAX).then_some((Mode::Normal, ModeReason::Recharged))
            }
            _ => None,
        }
    }

    /// While modules bridge: the most tiers whose servers could all still shut down in good order before what is
    /// stored is used up. It never rises within one outage.
    fn decide_tiers(&mut self, draft: &Draft<'_>, topology: &Topology, verdicts: &[Verdict], feed: FeedId, lost: bool) {
        let bridges = draft.mode(feed).bridges();
        for row in &draft.site().feeds[feed.index()].rows {
            let members = &topology.rows[row.index()];
            let kept = &mut self.keep_tiers[row.index()];
            if !bridges {
                *kept = TIER_MAX;
                continue;
            }
            // A new leader goes on where the last one was, from its first tick on: what is shut down stays so.
            let committed = members.racks.iter().filter_map(|rack| draft.inputs.ledger.cap(*rack));
            let committed = committed.filter(|cap| cap.reason == CapReason::TimeLeft).map(|cap| cap.keep_tiers).min();
            *kept = (*kept).min(committed.unwrap_or(TIER_MAX));
            // Servers that are off tell nothing of their feed: what was shut down stays so until it is fed again.
            if !lost {
                continue;
            }
            let bridge = Bridge::of(draft, members, verdicts);
            *kept = (0..=*kept).rev().find(|tier| bridge.lasts_with(*tier)).unwrap_or(0);
        }
    }

    fn rule_generator(&self, draft: &mut Draft<'_>, feed: FeedId, time_left: Option<Millis>) {
        let there = draft.site().feeds[feed.index()].generator.is_some();
        let Some(time_left) = time_left.filter(|_| there) else { return };
        let lost_for = self.lost[feed.index()].span(draft.inputs.now);
        let wanted = draft.mode(feed).bridges() && (lost_for >= START_AFTER || time_left < START_AT_ONCE);
        let ordered = draft.inputs.ledger.generator(feed).is_some_and(|rule| {
            rule.until.saturating_sub(draft.inputs.ledger_now) > Millis::new(GENERATOR_HOLD.get() / 2)
        });
        if wanted && !ordered && !draft.is_excluded(DeviceId::Supply(feed)) && !draft.inputs.ledger.is_manual() {
            draft.plan.generators.push(GeneratorGrant { feed, duty: GeneratorDuty::Run, hold: GENERATOR_HOLD });
        }
    }
}

fn witness(draft: &Draft<'_>, topology: &Topology, feed: FeedId) -> Evidence {
    let mut evidence = Evidence::default();
    if let Some(Reading::Supply { utility_a_permille: a, utility_b_permille: b, source, generator, .. }) =
        draft.inputs.view.supply(feed, draft.inputs.now)
    {
        let good = GOOD_PERMILLE.contains(&a) || GOOD_PERMILLE.contains(&b);
        let lost = a < LOST_PERMILLE && b < LOST_PERMILLE;
        evidence.utility_good = (good || lost).then_some(good);
        evidence.source = Some(source);
        evidence.generator = Some(generator);
    }
    for row in &draft.site().feeds[feed.index()].rows {
        let (drawing, idle) = row_votes(draft, &topology.rows[row.index()]);
        if 3 * idle > 2 * (drawing + idle) {
            evidence.rows_unfed = evidence.rows_unfed.saturating_add(1);
            evidence.large_row_unfed |= idle >= 3;
        } else if drawing > 0 {
            evidence.rows_fed = evidence.rows_fed.saturating_add(1);
        }
    }
    evidence
}

/// How many racks of a row draw from its feed, and how many take power but draw nothing.
fn row_votes(draft: &Draft<'_>, members: &RowMembers) -> (usize, usize) {
    let now = draft.inputs.now;
    let drawing = members.racks.iter().filter_map(|rack| {
        let (load, draw) = (draft.inputs.view.load(*rack, now)?, draft.inputs.view.draw(*rack, now)?);
        (load >= TELLING_LOAD).then_some(draw > load.permille(20))
    });
    drawing.fold((0, 0), |(fed, unfed), draws| if draws { (fed + 1, unfed) } else { (fed, unfed + 1) })
}

/// The least that any row of the feed has left.
fn time_left(draft: &Draft<'_>, topology: &Topology, verdicts: &[Verdict], feed: FeedId) -> Millis {
    let rows = &draft.site().feeds[feed.index()].rows;
    let left = rows.iter().map(|row| Bridge::of(draft, &topology.rows[row.index()], verdicts).time_with(TIER_MAX));
    left.min().unwrap_or(Millis::ZERO)
}

fn is_recharged(draft: &Draft<'_>, feed: FeedId) -> bool {
    let site = draft.site();
    site.kesm_ids().filter(|kesm| site.feed_of(site.kesm(*kesm).rack) == feed).all(|kesm| {
        let stored = draft.inputs.view.stored(kesm, draft.inputs.now);
        stored.is_none_or(|stored| stored.get() * 1_000 >= site.kesm(kesm).capacity.get() * RECHARGED_PERMILLE)
    })
}

/// What a row's modules have and what its servers take.
struct Bridge {
    stored: Joules,
    /// What leaves the stores in a second for each kilowatt of load.
    joules_per_kilowatt_second: i128,
    /// Load of the servers that are on, by tier.
    load: [Watts; TIER_MAX as usize + 1],
    /// The longest time that a server of the tier needs to shut down.
    shutdown: [Millis; TIER_MAX as usize + 1],
}

impl Bridge {
    fn of(draft: &Draft<'_>, members: &RowMembers, verdicts: &[Verdict]) -> Self {
        let site = draft.site();
        let mut bridge = Self {
            stored: members
                .kesms
                .iter()
                .map(|kesm| draft.inputs.view.stored_bound(site, *kesm, draft.inputs.now))
                .sum(),
            joules_per_kilowatt_second: 0,
            load: [Watts::ZERO; TIER_MAX as usize + 1],
            shutdown: [Millis::ZERO; TIER_MAX as usize + 1],
        };
        for rack in &members.racks {
            let present = verdicts[rack.index()].risk.present;
            let rated: Watts = site.servers_of(*rack).map(|server| server.rated).sum();
            for server in site.servers_of(*rack) {
                let tier = usize::from(server.tier.min(TIER_MAX));
                let share = present.share(server.rated.get(), rated.get());
                bridge.load[tier] = bridge.load[tier].saturating_add(share);
                bridge.shutdown[tier] = bridge.shutdown[tier].max(server.shutdown);
            }
        }
        let load: Watts = bridge.load.iter().copied().sum();
        let modules = i64::try_from(members.kesms.len()).unwrap_or(1).max(1);
        let share = Watts::new(load.get() / modules);
        let used: Joules =
            members.kesms.iter().map(|kesm| electrical::stored_for(site.kesm(*kesm), share, Millis::seconds(1))).sum();
        bridge.joules_per_kilowatt_second = i128::from(used.get()) * 1_000 / i128::from(load.get().max(1));
        bridge
    }

    /// How long what is stored lasts when tiers above this one shut down now.
    fn time_with(&self, keep: u8) -> Millis {
        let per_kilowatt = self.joules_per_kilowatt_second.max(1);
        let stored = i128::from(self.stored.get()) * (1_000 - UNSURE_PERMILLE) / 1_000;
        let above = usize::from(keep) + 1..self.load.len();
        let shutting: i128 = above
            .map(|tier| {
                let kilowatt_ms = i128::from(self.load[tier].get()) * i128::from(self.shutdown[tier].get());
                kilowatt_ms * SHUTTING_PERMILLE / 1_000 * per_kilowatt / 1_000_000
            })
            .sum();
        let kept: Watts = self.load[..=usize::from(keep)].iter().copied().sum();
        let left = (stored - shutting).max(0);
        let ms = left * 1_000_000 / (i128::from(kept.get()).max(1) * per_kilowatt).max(1);
        Millis::new(i64::try_from(ms).unwrap_or(i64::MAX))
    }

    /// Whether those that are kept on could still shut down after it.
    fn lasts_with(&self, keep: u8) -> bool {
        let needed = self.shutdown[..=usize::from(keep)].iter().max().copied().unwrap_or_default();
        needed == Millis::ZERO || self.time_with(keep) >= needed.saturating_add(GUARD)
    }
}

#[cfg(test)]
mod tests;
