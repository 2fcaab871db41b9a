//! One run: a site, a seed, a span of virtual time.

mod lost_vote;
mod seat;
mod strike;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ridethrough_core::control::Judgements;
use ridethrough_core::units::Millis;
use ridethrough_fault_injection::field::Act;
use ridethrough_fault_injection::plant::random::mix;
use ridethrough_fault_injection::scenario::Scenario;
use ridethrough_protocol::{KeyEpoch, Keyring, Lan, Orders, SiteSecret};

use self::seat::Seat;
use self::strike::Struck;
use crate::consensus::disk::Disk;
use crate::consensus::{MEMBERS, slot};
use crate::dice::Dice;
use crate::faults::{self, Fault, Kind};
use crate::field::Field;
use crate::invariants::liveness::Standing;
use crate::invariants::{Held, Violation, Watch, energy, liveness};
use crate::net::{Packet, Tally, Wires};
use crate::replica::{Applied, Replica, Setting};

/// So long before the end nothing is wrong any more, in ms: long enough for all to be well again.
pub const CALM_MS: u64 = 12_000;

/// So long after its commit every replica has applied an entry, in ms: followers hear of a commit with the next heartbeat.
const APPLIED_MS: u64 = 200;

/// What is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed of everything.
    pub seed: u64,
    /// Virtual time, in ms.
    pub span_ms: u64,
    /// The faults; by default those of the seed.
    pub faults: Vec<Fault>,
    /// Whether all disks say that a sync is done before it is: what the invariants must find out.
    pub lying_disks: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What must not have been.
    pub violations: Vec<Violation>,
    /// Faults that took effect, by kind.
    pub faults: BTreeMap<Kind, u64>,
    /// What the wires did.
    pub wires: Tally,
    /// Entries committed.
    pub committed: u64,
    /// Orders that devices executed.
    pub executed: u64,
    /// Times that another replica began to command.
    pub failovers: u64,
    /// What followers thought of transfers by their own numbers.
    pub judged: Judgements,
    /// A name for everything that happened, in order: the same for the same seed.
    pub trace: u64,
}

impl Plan {
    /// The run of this seed.
    pub fn of(seed: u64, scenario: &Scenario, span_ms: u64) -> Self {
        let faults = faults::schedule(seed, &scenario.site, span_ms.saturating_sub(CALM_MS).max(2_000));
        Self { seed, span_ms, faults, lying_disks: false }
    }

    /// Runs it. A panic of whatever code is a violation like others.
    pub fn run(&self, scenario: &Scenario) -> Outcome {
        let run = || {
            let mut run = Run::new(self, scenario);
            run.all();
            run.end()
        };
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            let what = panic.downcast_ref::<String>().map(String::as_str);
            let what = what.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words").to_owned();
            Outcome { violations: vec![Violation::of_panic(what)], ..Outcome::default() }
        })
    }
}

/// What a site promises, how full its modules are and what its ties carry is another from seed to seed: limits bind only where
/// there is little.
fn vary(scenario: &mut Scenario, dice: &mut Dice) {
    let reaction_ms = dice.pick(&[3_000, 10_000, 20_000]).unwrap_or(3_000);
    scenario.site.policy.reaction = Millis::new(reaction_ms);
    scenario.physics.charge_start = dice.pick(&[0.35, 0.5, 0.9, 0.9]).unwrap_or(0.9);
    let rated_permille = dice.pick(&[250, 500, 1_000]).unwrap_or(1_000);
    scenario.site.ties.iter_mut().for_each(|tie| tie.rated = tie.rated.permille(rated_permille));
}

fn add(sum: &mut Judgements, more: Judgements) {
    sum.agreed += more.agreed;
    sum.unjudged += more.unjudged;
    sum.disputed += more.disputed;
}

/// A supervisor starts a replica that has ended by itself again after so long, in ms.
const REVIVED_AFTER_MS: u64 = 500;

struct Run<'a> {
    plan: &'a Plan,
    now_ms: u64,
    setting: Setting,
    field: Field,
    names: Vec<String>,
    lans: &'static [Lan],
    seats: [Seat; 3],
    wires: Wires,
    watch: Watch,
    /// Faults that last, with what undoes them.
    begun: Vec<(Fault, Struck)>,
    next_fault: usize,
    /// A leader that was cut off and is still to be succeeded.
    cut_off: Option<usize>,
    outcome: Outcome,
    led_by: Option<usize>,
    /// What was committed that long before the end.
    due: u64,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, scenario: &Scenario) -> Self {
        let mut dice = Dice::new(plan.seed, u64::from(b'r'));
        let orders = if dice.chance(500) { Orders::TwoOfThree } else { Orders::One };
        let lans: &'static [Lan] = if dice.chance(300) { &Lan::ALL } else { &[Lan::A] };
        let mut scenario = Scenario { events: faults::events(&plan.faults), ..scenario.clone() };
        vary(&mut scenario, &mut Dice::new(plan.seed, u64::from(b'v')));
        let keyring = Keyring::new(KeyEpoch::FIRST, SiteSecret::new([dice.bits().to_le_bytes()[0]; 32]));
        let field = Field::boot(&scenario, &keyring, orders, lans, &mut dice);
        let site = Arc::new(scenario.site.clone());
        let names = site.devices().map(|device| site.device_name(device)).collect();
        let watch = Watch::new(&site, field.devices(), orders, &plan.faults);
        let setting = Setting { site, keyring, orders };
        let seats = MEMBERS.map(|_| Seat::new(plan.lying_disks));
        let wires = Wires::new(Dice::new(plan.seed, u64::from(b'w')));
        let mut run = Self {
            plan,
            now_ms: 0,
            setting,
            field,
            names,
            lans,
            seats,
            wires,
            watch,
            begun: Vec::new(),
            next_fault: 0,
            cut_off: None,
            outcome: Outcome::default(),
            led_by: None,
            due: 0,
        };
        (0..3).for_each(|seat| run.start(seat));
        run
    }

    fn all(&mut self) {
        while self.now_ms < self.plan.span_ms && self.watch.found().is_empty() {
            self.now_ms += 1;
            self.undo_faults();
            self.do_faults();
            self.lose_vote();
            self.revive();
            self.deliver();
            self.field.step(self.now_ms, &mut self.wires);
            (0..3).for_each(|seat| self.turn(seat));
            self.look();
            if self.now_ms + APPLIED_MS == self.plan.span_ms {
                self.due = self.watch.committed() as u64;
            }
        }
    }

    fn end(mut self) -> Outcome {
        if self.watch.found().is_empty() {
            self.judge_the_end();
        }
        for replica in self.seats.iter().filter_map(|at| at.replica.as_ref()) {
            add(&mut self.outcome.judged, replica.judgements());
        }
        self.outcome.violations = self.watch.found().to_vec();
        self.outcome.committed = self.watch.committed() as u64;
        self.outcome.wires = self.wires.tally;
        self.outcome
    }

    fn start(&mut self, seat: usize) {
        let lives = self.seats[seat].lives + 1;
        let name = (seat as u64 + 1) << 32 | lives;
        let dice = Dice::new(self.plan.seed, name);
        let at = &mut self.seats[seat];
        at.lives = lives;
        let mut replica = Replica::start(MEMBERS[seat], &self.setting, std::mem::take(&mut at.disk), self.now_ms, dice);
        replica.suffer(at.ailments, self.now_ms);
        at.replica = Some(replica);
    }

    fn kill(&mut self, seat: usize) {
        let at = &mut self.seats[seat];
        if let Some(replica) = at.replica.take() {
            add(&mut self.outcome.judged, replica.judgements());
            at.disk = replica.crash();
        }
        at.kept.clear();
        at.revive_at_ms = None;
    }

    fn deliver(&mut self) {
        while let Some(packet) = self.wires.arrived(self.now_ms) {
            match packet {
                Packet::Order { device, lan, bytes, .. } => {
                    self.field.hear(device, &bytes, lan, self.now_ms, &mut self.wires);
                    self.wires.give_back(bytes);
                }
                Packet::Peer { to, .. } | Packet::Report { to, .. } => self.hand(to, packet),
            }
        }
    }

    fn hand(&mut self, seat: usize, packet: Packet) {
        let (at, now_ms) = (&mut self.seats[seat], self.now_ms);
        if at.paused {
            return at.keep(packet);
        }
        let Some(replica) = &mut at.replica else { return };
        match packet {
            Packet::Peer { from, word, .. } => replica.hear_peer(MEMBERS[from], word, now_ms),
            Packet::Report { bytes, lan, .. } => {
                replica.hear_device(&bytes, lan, now_ms);
                self.wires.give_back(bytes);
            }
            Packet::Order { .. } => {}
        }
    }

    fn turn(&mut self, seat: usize) {
        let (at, now_ms) = (&mut self.seats[seat], self.now_ms);
        let Some(replica) = at.replica.as_mut().filter(|_| !at.paused) else { return };
        if !replica.is_due(now_ms) {
            return;
        }
        let given = replica.turn(now_ms);
        if replica.has_failed() {
            self.kill(seat);
            self.seats[seat].revive_at_ms = Some(now_ms + REVIVED_AFTER_MS);
            return;
        }
        for applied in &given.applied {
            self.outcome.trace = mix(self.outcome.trace ^ applied.index ^ now_ms << 32 ^ u64::from(applied.hash[0]));
            let held = self.held(applied);
            self.watch.applied(seat, applied, held, now_ms);
        }
        for relied in &given.relied {
            self.watch.relied(relied, &self.field, now_ms);
        }
        for (to, word) in given.words {
            self.wires.send(Packet::Peer { from: seat, to: slot(to), word }, now_ms);
        }
        for (device, bytes) in given.frames {
            let Some(device) = self.setting.site.device_slot(device) else { continue };
            let Some((&last, others)) = self.lans.split_last() else { continue };
            for &lan in others {
                self.wires.send(Packet::Order { from: seat, device, lan, bytes: bytes.clone() }, now_ms);
            }
            self.wires.send(Packet::Order { from: seat, device, lan: last, bytes }, now_ms);
        }
    }

    fn disk(&self, seat: usize) -> &Disk {
        let at = &self.seats[seat];
        at.replica.as_ref().map_or(&at.disk, |replica| replica.node().disk())
    }

    /// Who holds an entry, and would after a power cut.
    fn held(&self, applied: &Applied) -> Held {
        let disks = (0..3).map(|seat| self.disk(seat));
        // One that was lost may have held it: that is what a majority is for.
        let holds = |disk: &&Disk| !disk.is_whole() || disk.end_at(applied.index).term == applied.item.term;
        let durably = |disk: &&Disk| !disk.is_whole() || disk.durable() >= applied.index;
        Held { in_logs: disks.clone().filter(holds).count(), durably: disks.filter(holds).filter(durably).count() }
    }

    /// Looks at everything, once a millisecond.
    fn look(&mut self) {
        for deed in self.field.take_deeds() {
            self.outcome.trace = mix(self.outcome.trace ^ deed.device as u64 ^ self.now_ms << 20);
            self.outcome.executed += u64::from(matches!(deed.act, Act::Order { verdict: "executed", .. }));
            self.watch.acted(&deed, &self.names[deed.device], &self.field, self.now_ms);
        }
        let mut commanding = (0..3).filter(|seat| self.commands(*seat));
        let (leader, more) = (commanding.next(), commanding.count());
        if leader.is_some() && self.led_by != leader {
            self.outcome.failovers += u64::from(self.led_by.is_some());
            self.led_by = leader;
        }
        self.watch.passed(usize::from(leader.is_some()) + more, &self.field, &self.names, self.now_ms);
    }

    fn commands(&self, seat: usize) -> bool {
        self.seats[seat].replica.as_ref().is_some_and(|replica| replica.commands(self.now_ms).is_some())
    }

    fn judge_the_end(&mut self) {
        self.watch.note("energy", self.now_ms, energy::adds_up(self.field.world()));
        let leaders: Vec<usize> = (0..3).filter(|seat| self.commands(*seat)).collect();
        let replica = |seat: usize| self.seats[seat].replica.as_ref();
        let standing = Standing {
            leaders: leaders.len(),
            applied: (0..3).filter_map(replica).map(Replica::applied).collect(),
            due: self.due,
            heard: leaders.first().and_then(|seat| replica(*seat)).map_or(0, Replica::live_devices),
            devices: self.field.devices(),
            calm_ms: CALM_MS,
        };
        self.watch.note("liveness", self.now_ms, liveness::is_back(&standing));
    }
}
