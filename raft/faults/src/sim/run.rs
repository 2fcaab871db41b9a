//! One run: three hosts, a plan, and what came of it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ridethrough_core::device::ReplicaId;
use ridethrough_pki::{Authority, Validity};
use ridethrough_raft::load_dice;
use turmoil::{Builder, Sim};

use super::book::{Book, Rule, Violation};
use super::member::Member;
use super::net::{Air, Simulated};
use super::plan::{Fault, Kind, Plan};
use crate::dice::Dice;
use crate::members::{CLUSTER, MEMBERS, identity, site};
use crate::tear::tear;

/// The step of virtual time.
pub const TICK: Duration = Duration::from_millis(1);
/// How long everything may take to be as if nothing had been, once faults have stopped.
const SETTLE: Duration = Duration::from_secs(20);
/// So many entries must be acknowledged after that.
const SETTLED_ENTRIES: u64 = 10;
/// A word between two hosts takes up to so long.
const LATENCY_MAX: Duration = Duration::from_millis(1);
/// How long a disk takes to sync, in microseconds.
const SYNC_US: u64 = 300;
/// How long the leader stays cut off in the second act of a fault.
const SECOND_ACT_MS: u64 = 1_500;
/// A follower without a leader wants to be elected after so long.
const WANTS_MS: u64 = 500;
/// A voter that starts again is back within this, while what it promised holds.
const BACK_MS_MAX: u64 = 30;
/// Segments that lie unread at a socket; turmoil ends the run at more.
const SEGMENTS_MAX: usize = 4_096;
const PORT: u16 = 7_301;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was broken, the first of it first.
    pub violations: Vec<Violation>,
    /// The faults that took effect, by kind.
    pub faults: BTreeMap<Kind, u64>,
    /// Entries that were acknowledged.
    pub acked: u64,
    /// Leaders that were elected.
    pub leaderships: u64,
    /// Those that were asked for.
    pub handed_over: u64,
    /// Sectors that power cuts took back.
    pub lost_sectors: u64,
    /// Virtual time, in milliseconds.
    pub simulated_ms: u64,
    /// Equal in two runs that saw the same.
    pub trace: u64,
}

impl Plan {
    /// Runs it, with files below `dir`, which is empty.
    ///
    /// Fails when files cannot be made there.
    pub fn run(&self, dir: &Path) -> io::Result<Outcome> {
        load_dice(self.seed);
        let mut run = Run::new(self, dir)?;
        // What panics anywhere in a replica ends the run, and is told with its seed.
        match catch_unwind(AssertUnwindSafe(|| run.through(self))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => run.note(Rule::Runs, error.to_string()),
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().map(ToString::to_string);
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                run.note(Rule::Runs, format!("a panic: {text}"));
            }
        }
        Ok(run.outcome())
    }
}

struct Run<'a> {
    sim: Sim<'a>,
    air: Arc<Air>,
    book: Rc<RefCell<Book>>,
    members: BTreeMap<u16, Rc<Member>>,
    dice: Dice,
    dir: PathBuf,
    /// What has begun and not ended.
    active: Vec<Fault>,
    down: BTreeSet<u16>,
    /// Between each two, from the lower to the higher and back.
    ways: BTreeMap<(u16, u16), [Way; 2]>,
    counts: BTreeMap<Kind, u64>,
    lost_sectors: u64,
}

/// How it stands from one host to another; the last is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Open,
    Held,
    Blocked,
}

fn address(id: u16) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 168, 7, u8::try_from(id).unwrap_or(u8::MAX)))
}

impl Run<'_> {
    fn new(plan: &Plan, dir: &Path) -> io::Result<Self> {
        let mut builder = Builder::new();
        builder.tick_duration(TICK).rng_seed(plan.seed).max_message_latency(LATENCY_MAX).tcp_capacity(SEGMENTS_MAX);
        let (mut sim, air, book) = (builder.build(), Arc::new(Air::default()), Rc::new(RefCell::default()));
        let authority = Authority::found(CLUSTER, Validity::days(2)).map_err(io::Error::other)?;
        let peers: BTreeMap<_, _> = MEMBERS.map(|id| (ReplicaId(id), SocketAddr::new(address(id), PORT))).collect();
        let mut members = BTreeMap::new();
        for id in MEMBERS {
            let issued = authority.issue(id, Validity::days(1)).map_err(io::Error::other)?;
            let member = Rc::new(Member {
                id,
                dir: dir.join(format!("n{id}")),
                journal: dir.join(format!("n{id}.journal")),
                tls: identity(id, authority.certificate_pem(), &issued)?,
                site: site()?,
                peers: peers.clone(),
                network: Simulated { own: address(id), air: Arc::clone(&air) },
                seed: plan.seed,
                lies: plan.lies,
                book: Rc::clone(&book),
                sync_us: Arc::new(AtomicU64::new(SYNC_US)),
                lives: Cell::new(0),
                hand_over: Cell::new(None),
                quiet: Cell::new(false),
                compact: Cell::new(false),
            });
            let lives = Rc::clone(&member);
            sim.host(address(id), move || Rc::clone(&lives).live());
            members.insert(id, member);
        }
        let pairs = MEMBERS.flat_map(|one| MEMBERS.map(move |other| (one, other)));
        let ways = pairs.filter(|(one, other)| one < other).map(|pair| (pair, [Way::Open; 2])).collect();
        let (dice, dir) = (Dice::new(plan.seed, 2), dir.to_path_buf());
        let (active, down, counts) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        Ok(Self { sim, air, book, members, dice, dir, active, down, ways, counts, lost_sectors: 0 })
    }

    /// All faults, and then until everybody is well again.
    fn through(&mut self, plan: &Plan) -> turmoil::Result {
        let mut coming = plan.faults.iter().peekable();
        while coming.peek().is_some() || !self.active.is_empty() || self.now_ms() < plan.ends_ms {
            let now = self.now_ms();
            while let Some(fault) = coming.next_if(|fault| fault.at_ms <= now) {
                self.begin(*fault)?;
            }
            self.end_those_due(now);
            self.second_acts(now)?;
            self.sim.step()?;
            if !self.book.borrow().violations.is_empty() {
                return Ok(());
            }
        }
        self.settle()
    }

    fn settle(&mut self) -> turmoil::Result {
        let (until, before) = (self.sim.elapsed() + SETTLE, self.book.borrow().acked_entries);
        while self.sim.elapsed() < until {
            self.sim.step()?;
            let book = self.book.borrow();
            let committed = book.acked_entries >= before + SETTLED_ENTRIES;
            if !book.violations.is_empty() || (committed && book.all_have_what_was_acked()) {
                return Ok(());
            }
        }
        let what = self.book.borrow().standing();
        self.note(Rule::Liveness, format!("{SETTLE:?} after the last fault: {what}"));
        Ok(())
    }

    fn begin(&mut self, fault: Fault) -> io::Result<()> {
        // Who leads is known only now; where nobody does, it is whoever was drawn.
        let leader = self.book.borrow().leader().unwrap_or(fault.whom);
        let whom = if fault.kind.is_of_the_leader() { leader } else { fault.whom };
        let other = if fault.other == whom { whom % 3 + 1 } else { fault.other };
        let fault = Fault { whom, other, ..fault };
        let took_effect = match fault.kind {
            Kind::Kill | Kind::KillLeader => self.kill(whom),
            Kind::KillAll => MEMBERS.map(|id| self.kill(id)).fold(false, |any, killed| any | killed),
            Kind::PowerCut => self.cut_power(whom)?,
            Kind::PowerCutAll => {
                let mut any = false;
                for id in MEMBERS {
                    any |= self.cut_power(id)?;
                }
                any
            }
            Kind::DiskLost => self.lose_disk(whom)?,
            Kind::Partition | Kind::OneWay | Kind::Isolate | Kind::Hold => true,
            Kind::TurnedTables | Kind::RestartedVoter => !self.down.contains(&whom),
            Kind::Weather => {
                let hard = Duration::from_millis(fault.hard_ms);
                self.sim.set_link_max_message_latency(address(whom), address(other), hard);
                true
            }
            Kind::SlowDisk => {
                self.members[&whom].sync_us.store(fault.hard_ms * 1_000, Ordering::Relaxed);
                true
            }
            Kind::HandOver => {
                self.members[&whom].hand_over.set(Some(other));
                !self.down.contains(&whom)
            }
            Kind::Compact => {
                self.members[&whom].compact.set(true);
                !self.down.contains(&whom)
            }
        };
        if took_effect {
            *self.counts.entry(fault.kind).or_default() += 1;
            self.active.push(fault);
            self.set_ways();
        }
        Ok(())
    }

    fn end_those_due(&mut self, now_ms: u64) {
        let (ended, active): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.active).into_iter().partition(|fault| fault.until_ms <= now_ms);
        self.active = active;
        if ended.is_empty() {
            return;
        }
        for fault in ended {
            match fault.kind {
                Kind::Weather => {
                    self.sim.set_link_max_message_latency(address(fault.whom), address(fault.other), LATENCY_MAX);
                }
                Kind::SlowDisk => self.members[&fault.whom].sync_us.store(SYNC_US, Ordering::Relaxed),
                _ => {}
            }
        }
        self.set_ways();
        for id in MEMBERS {
            let keeps_down = self.active.iter().any(|fault| fault.keeps_down(id));
            if !keeps_down && self.down.remove(&id) {
                self.air.set_killed(address(id), false);
                self.sim.bounce(address(id));
            }
        }
    }

    /// What some faults become when their moment has come.
    fn second_acts(&mut self, now_ms: u64) -> io::Result<()> {
        let leader = self.book.borrow().leader();
        let is_due = |fault: &Fault| match fault.kind {
            Kind::TurnedTables => leader.is_some_and(|id| id != fault.whom),
            Kind::RestartedVoter => now_ms >= fault.at_ms + WANTS_MS,
            _ => false,
        };
        let Some(nth) = self.active.iter().position(is_due) else { return Ok(()) };
        let fault = self.active.remove(nth);
        let turned = fault.kind == Kind::TurnedTables;
        let leads = if turned { leader.unwrap_or(fault.whom) } else { fault.whom };
        // Numbered from 1 to 3, so this is who is left.
        let voter = 6 - leads - if turned { fault.whom } else { fault.other };
        let back_ms = now_ms + if turned { fault.hard_ms } else { fault.hard_ms.min(BACK_MS_MAX) };
        self.active.push(Fault { kind: Kind::Isolate, whom: leads, until_ms: back_ms + SECOND_ACT_MS, ..fault });
        let kind = if turned && fault.nth.is_multiple_of(2) { Kind::PowerCut } else { Kind::Kill };
        let went_down = if kind == Kind::Kill { self.kill(voter) } else { self.cut_power(voter)? };
        if went_down {
            self.active.push(Fault { kind, whom: voter, until_ms: back_ms, ..fault });
        }
        self.set_ways();
        Ok(())
    }

    fn kill(&mut self, id: u16) -> bool {
        if !self.down.insert(id) {
            return false;
        }
        self.sim.crash(address(id));
        self.air.set_killed(address(id), true);
        self.book.borrow_mut().gives_up(id);
        true
    }

    /// The host falls silent first, so that nobody hears that its connections end.
    fn cut_power(&mut self, id: u16) -> io::Result<bool> {
        let pairs: Vec<_> = self.ways.keys().copied().filter(|(one, other)| id == *one || id == *other).collect();
        for pair in pairs {
            self.set_way(pair, [Way::Blocked; 2]);
        }
        let cut = self.kill(id);
        if cut {
            // Nor does anybody refuse calls there.
            self.air.set_killed(address(id), false);
            self.lost_sectors += tear(&self.members[&id].journal, &mut self.dice)?.lost_sectors;
        }
        Ok(cut)
    }

    fn lose_disk(&mut self, id: u16) -> io::Result<bool> {
        let killed = self.kill(id);
        let dir = self.dir.join(format!("n{id}"));
        if killed && dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        Ok(killed)
    }

    /// Brings what lies between hosts, and who proposes, to what the active faults make of it.
    fn set_ways(&mut self) {
        // Nobody would vote for a follower that lacks what was committed meanwhile.
        let quiet = self.active.iter().any(|fault| fault.kind == Kind::RestartedVoter);
        self.members.values().for_each(|member| member.quiet.set(quiet));
        let pairs: Vec<_> = self.ways.keys().copied().collect();
        for (one, other) in pairs {
            let made = |from, to| self.active.iter().map(|fault| fault.makes_of(from, to)).fold(Way::Open, Way::max);
            let ways = match [made(one, other), made(other, one)] {
                // What is lost is not held as well: turmoil holds both directions or none.
                [Way::Blocked, Way::Held] => [Way::Blocked, Way::Open],
                [Way::Held, Way::Blocked] => [Way::Open, Way::Blocked],
                ways => ways,
            };
            self.set_way((one, other), ways);
        }
    }

    fn set_way(&mut self, (one, other): (u16, u16), ways: [Way; 2]) {
        let before = self.ways.insert((one, other), ways).unwrap_or([Way::Open; 2]);
        if before == ways {
            return;
        }
        let (one, other) = (address(one), address(other));
        if before == [Way::Held; 2] {
            self.sim.release(one, other);
        }
        for (way, [from, to]) in ways.into_iter().zip([[one, other], [other, one]]) {
            match way {
                Way::Open => self.sim.repair_oneway(from, to),
                Way::Held => self.sim.hold(from, to),
                Way::Blocked => self.sim.partition_oneway(from, to),
            }
            self.air.set_blocked(from, to, way == Way::Blocked);
        }
    }

    fn note(&self, rule: Rule, what: String) {
        self.book.borrow_mut().note(rule, self.sim.elapsed(), what);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.sim.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn outcome(self) -> Outcome {
        let simulated_ms = self.now_ms();
        let Self { book, counts, lost_sectors, .. } = self;
        let mut book = book.borrow_mut();
        Outcome {
            violations: std::mem::take(&mut book.violations),
            faults: counts,
            acked: book.acked_entries,
            leaderships: book.leaderships,
            handed_over: book.handed_over,
            lost_sectors,
            simulated_ms,
            trace: book.trace(),
        }
    }
}

impl Fault {
    fn keeps_down(&self, id: u16) -> bool {
        match self.kind {
            Kind::Kill | Kind::KillLeader | Kind::PowerCut | Kind::DiskLost => self.whom == id,
            Kind::KillAll | Kind::PowerCutAll => true,
            _ => false,
        }
    }

    fn makes_of(&self, from: u16, to: u16) -> Way {
        let both = [self.whom, self.other];
        match self.kind {
            Kind::Partition | Kind::RestartedVoter if both == [from, to] || both == [to, from] => Way::Blocked,
            Kind::OneWay if both == [from, to] => Way::Blocked,
            Kind::Isolate | Kind::TurnedTables | Kind::PowerCut if self.whom == from || self.whom == to => Way::Blocked,
            Kind::PowerCutAll => Way::Blocked,
            Kind::Hold if both == [from, to] || both == [to, from] => Way::Held,
            _ => Way::Open,
        }
    }
}
