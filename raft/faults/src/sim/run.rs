//! One run: three hosts, a plan, and what came of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use ridethrough_core::device::ReplicaId;
use ridethrough_pki::{Authority, Validity};
use ridethrough_raft::load_dice;
use turmoil::{Builder, Sim};

use super::book::{Book, Rule, Violation};
use super::kernel::Kernel;
use super::member::Member;
use super::net::{Air, Simulated};
use super::operator::{HOSTS, Operation, SEATS};
use super::plan::{Fault, Kind, Plan};
use super::process::Process;
use super::sockets::Sockets;
use super::ways::{Ways, address};
use crate::dice::Dice;
use crate::members::{CLUSTER, identity, site};

/// The step of virtual time.
pub const TICK: Duration = Duration::from_millis(1);
/// How long everything may take to be as if nothing had been, once faults have stopped.
const SETTLE: Duration = Duration::from_secs(20);
/// So many entries must be acknowledged after that.
const SETTLED_ENTRIES: u64 = 10;
/// A word between two hosts takes up to so long.
pub(super) const LATENCY_MAX: Duration = Duration::from_millis(1);
/// How long a disk takes to sync, in microseconds.
pub(super) const SYNC_US: u64 = 300;
/// Segments that lie unread at a socket; turmoil ends the run at more.
const SEGMENTS_MAX: usize = 4_096;
pub(super) const PORT: u16 = 7_301;

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
    /// Members that were replaced by others.
    pub replaced: u64,
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

/// A run that is under way.
pub(super) struct Run<'a> {
    pub(super) sim: Sim<'a>,
    pub(super) book: Rc<RefCell<Book>>,
    pub(super) kernels: BTreeMap<u16, Rc<Kernel>>,
    pub(super) members: BTreeMap<u16, Rc<Member>>,
    /// Those that run, frozen ones among them.
    pub(super) processes: BTreeMap<u16, Process>,
    pub(super) dice: Dice,
    /// What has begun and not ended.
    pub(super) active: Vec<Fault>,
    pub(super) ways: Ways,
    pub(super) counts: BTreeMap<Kind, u64>,
    pub(super) lost_sectors: u64,
    /// The members' hosts.
    pub(super) seats: [u16; 3],
    pub(super) operation: Option<Operation>,
    /// Who has lost what it had, and the entry that it must have for it to count again.
    pub(super) frail: Vec<(u16, u64)>,
    pub(super) changes_begun: u64,
    pub(super) changes_made: Rc<Cell<u64>>,
    pub(super) replaced: u64,
    now: Rc<Cell<Duration>>,
}

impl Run<'_> {
    fn new(plan: &Plan, dir: &Path) -> io::Result<Self> {
        let mut builder = Builder::new();
        builder.tick_duration(TICK).rng_seed(plan.seed).max_message_latency(LATENCY_MAX).tcp_capacity(SEGMENTS_MAX);
        let (mut sim, air) = (builder.build(), Arc::new(Air::default()));
        let authority = Authority::found(CLUSTER, Validity::days(2)).map_err(io::Error::other)?;
        let book = Rc::new(RefCell::new(Book::of(SEATS.into())));
        let (now, changes_made) = (Rc::default(), Rc::default());
        let shared = Shared { plan, dir, authority: &authority, book: &book, now: &now, changes_made: &changes_made };
        let (mut kernels, mut members, mut processes) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for id in HOSTS {
            let (sockets, asked) = Sockets::new();
            let network = Simulated { own: address(id), air: Arc::clone(&air) };
            let kernel = Rc::new(Kernel::new(network, asked));
            let lives = Rc::clone(&kernel);
            sim.host(address(id), move || Rc::clone(&lives).serve());
            kernels.insert(id, kernel);
            let member = Rc::new(shared.member(id, sockets)?);
            if SEATS.contains(&id) {
                processes.insert(id, member.start()?);
            }
            members.insert(id, member);
        }
        Ok(Self {
            sim,
            book,
            kernels,
            members,
            processes,
            dice: Dice::new(plan.seed, 2),
            active: Vec::new(),
            ways: Ways::new(air, &HOSTS),
            counts: BTreeMap::new(),
            lost_sectors: 0,
            seats: SEATS,
            operation: None,
            frail: Vec::new(),
            changes_begun: 0,
            changes_made,
            replaced: 0,
            now,
        })
    }

    /// All faults, and then until everybody is well again.
    fn through(&mut self, plan: &Plan) -> turmoil::Result {
        let mut coming = plan.faults.iter().peekable();
        while coming.peek().is_some() || !self.active.is_empty() || self.now_ms() < plan.ends_ms {
            let now = self.now_ms();
            while let Some(fault) = coming.next_if(|fault| fault.at_ms <= now) {
                self.begin(*fault)?;
            }
            self.end_those_due(now)?;
            self.second_acts(now)?;
            self.step()?;
            if !self.book.borrow().violations.is_empty() {
                return Ok(());
            }
        }
        self.settle()
    }

    fn settle(&mut self) -> turmoil::Result {
        let (until, before) = (self.sim.elapsed() + SETTLE, self.book.borrow().acked_entries);
        while self.sim.elapsed() < until {
            self.step()?;
            let book = self.book.borrow();
            let committed = book.acked_entries >= before + SETTLED_ENTRIES && self.operation.is_none();
            if !book.violations.is_empty() || (committed && book.all_have_what_was_acked()) {
                return Ok(());
            }
        }
        let what = self.book.borrow().standing();
        self.note(Rule::Liveness, format!("{SETTLE:?} after the last fault: {what}"));
        Ok(())
    }

    /// One tick: first the processes, then their kernels and what lies between.
    fn step(&mut self) -> turmoil::Result {
        self.now.set(self.sim.elapsed());
        let now_ms = self.now_ms();
        self.operate(now_ms)?;
        for (id, process) in &mut self.processes {
            process.tick(now_ms, self.members[id].drift_ppm.get());
        }
        self.sim.step()?;
        Ok(())
    }

    fn note(&self, rule: Rule, what: String) {
        self.book.borrow_mut().note(rule, self.sim.elapsed(), what);
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.sim.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn outcome(self) -> Outcome {
        let simulated_ms = self.now_ms();
        let Self { book, counts, lost_sectors, replaced, .. } = self;
        let mut book = book.borrow_mut();
        Outcome {
            violations: std::mem::take(&mut book.violations),
            faults: counts,
            acked: book.acked_entries,
            leaderships: book.leaderships,
            handed_over: book.handed_over,
            replaced,
            lost_sectors,
            simulated_ms,
            trace: book.trace(),
        }
    }
}

/// What all members have in common.
struct Shared<'a> {
    plan: &'a Plan,
    dir: &'a Path,
    authority: &'a Authority,
    book: &'a Rc<RefCell<Book>>,
    now: &'a Rc<Cell<Duration>>,
    changes_made: &'a Rc<Cell<u64>>,
}

impl Shared<'_> {
    fn member(&self, id: u16, sockets: Sockets) -> io::Result<Member> {
        let issued = self.authority.issue(id, Validity::days(1)).map_err(io::Error::other)?;
        let peers = SEATS.map(|id| (ReplicaId(id), SocketAddr::new(address(id), PORT))).into();
        Ok(Member {
            id,
            dir: self.dir.join(format!("n{id}")),
            journal: self.dir.join(format!("n{id}.journal")),
            tls: identity(id, self.authority.certificate_pem(), &issued)?,
            site: site()?,
            listen: SocketAddr::new(address(id), PORT),
            peers: RefCell::new(peers),
            sockets,
            seed: self.plan.seed,
            liar: self.plan.liar,
            book: Rc::clone(self.book),
            sync_us: Arc::new(AtomicU64::new(SYNC_US)),
            lives: Cell::new(0),
            now: Rc::clone(self.now),
            drift_ppm: Cell::new(0),
            hand_over: Cell::new(None),
            quiet: Cell::new(false),
            compact: Cell::new(false),
            change: Cell::new(None),
            changes_made: Rc::clone(self.changes_made),
        })
    }
}
