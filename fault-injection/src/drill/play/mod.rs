//! The course of a run: from steady state to steady state.

mod faulting;
mod log;
mod looking;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use ridethrough_core::drill::DrillStage;
use serde_json::Value;

use crate::demo::ask::refusal;
use crate::demo::cluster::Pace;
use crate::demo::{Home, audit};
use crate::drill::builds::TwoBuilds;
use crate::drill::checks::{self, Measured};
use crate::drill::faults::Fault;
use crate::drill::file::Drill;
use crate::drill::folder::RunFolder;
use crate::drill::journal::{About, Outcome, Verdict};
use crate::drill::stage::Stage;
use crate::failover::programs;
use crate::realtime::PlantThread;

/// How often everything is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How often while a leader is waited for.
const KEEN_LOOK: Duration = Duration::from_millis(10);
/// How long a fault may take until it is seen to work.
const EFFECT_DEADLINE: Duration = Duration::from_secs(20);
/// How long it may take to find somebody who writes a word on the drill into the log.
const WORD_DEADLINE: Duration = Duration::from_secs(15);

/// What to run, and how.
pub struct Options {
    /// Which drill.
    pub drill: Drill,
    /// What all dice come from.
    pub seed: u64,
    /// Where runs are kept.
    pub journals: PathBuf,
    /// Whether logs, records and configurations are kept, too.
    pub keep: bool,
    /// How soon replicas take a silent leader for lost.
    pub pace: Pace,
    /// The model, its manifest and the runtime library.
    pub model: Option<[PathBuf; 3]>,
    /// Replicas of somebody else, by their configurations; none for replicas of its own.
    pub on: Option<Vec<PathBuf>>,
    /// What that cluster is called, in full.
    pub cluster: Option<String>,
    /// Another build of `ridethroughd`, for drills that mix two.
    pub other: Option<PathBuf>,
    /// What to type for the same again.
    pub command: String,
    /// Raised by somebody at the terminal.
    pub interrupted: Arc<AtomicBool>,
}

/// A fault of this run.
struct Active {
    nth: usize,
    fault: Box<dyn Fault>,
    text: String,
    began: Instant,
    until: Option<Instant>,
    effect: Option<String>,
    /// The term of the leader that it takes away, until a device obeys another.
    awaited: Option<u64>,
    ended: bool,
}

struct Play<'a> {
    options: &'a Options,
    folder: RunFolder,
    stage: Stage,
    outcome: Outcome,
    measured: Measured,
    active: Vec<Active>,
    /// The moment that is 0 in the journal.
    began: Instant,
    led_at: Instant,
    last_led: Option<(u16, u64)>,
    refused_before: u64,
    skipped_before: Option<(u16, u64, u64)>,
    /// What was committed when both programs were last seen to run; none while one runs alone.
    mixed_at: Option<u64>,
    say: &'a mut dyn FnMut(&str),
}

/// Runs a drill; what came of it lies in its folder, too.
pub fn run(options: &Options, say: &mut dyn FnMut(&str)) -> Result<(Outcome, RunFolder)> {
    let drill = &options.drill;
    let builds = TwoBuilds::asked_for(drill, options.other.as_deref())?;
    let began_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let folder = RunFolder::create(&options.journals, drill, began_unix_s)?;
    let kept = folder.path().join("cluster");
    let home = Home::new("drill", options.keep.then_some(kept.as_path()))?;
    let model = options.model.as_ref().filter(|_| drill.model);
    if drill.model && model.is_none() {
        bail!("this drill needs the model and its runtime: `cargo xtask setup` fetches the runtime");
    }
    let stage = match &options.on {
        Some(configurations) => Stage::attach(drill, configurations, options.seed)?,
        None => Stage::start(drill, home.path(), options.seed, options.pace, model, builds)?,
    };
    let now = Instant::now();
    let mut play = Play {
        options,
        folder: folder.clone(),
        stage,
        outcome: empty(options, began_unix_s),
        measured: Measured::default(),
        active: Vec::new(),
        began: now,
        led_at: now,
        last_led: None,
        refused_before: 0,
        skipped_before: None,
        mixed_at: None,
        say,
    };
    let verdict = play.all()?;
    let outcome = play.end(verdict)?;
    folder.keep(&outcome)?;
    Ok((outcome, folder))
}

fn empty(options: &Options, began_unix_s: u64) -> Outcome {
    let Drill { name, about, row, keeps, .. } = options.drill.clone();
    Outcome {
        drill: name,
        about,
        row,
        keeps,
        verdict: Verdict::Failed,
        seed: options.seed,
        command: options.command.clone(),
        began_unix_s,
        seconds: 0.0,
        checks: Vec::new(),
        events: Vec::new(),
        events_left_out: 0,
        faults: Vec::new(),
        samples: Vec::new(),
        audit: Value::Null,
        begun_at_index: None,
    }
}

impl Play<'_> {
    fn drill(&self) -> &Drill {
        &self.options.drill
    }

    fn t_s(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn note(&mut self, about: About, text: String) {
        let t_s = self.t_s();
        (self.say)(&format!("{t_s:7.1} s  {text}"));
        self.outcome.note(t_s, about, text);
    }

    /// From the wait for the steady state to the wait for it to come back. Whatever happens, faults are ended.
    fn all(&mut self) -> Result<Verdict> {
        if let Some(builds) = &self.stage.builds {
            let text = format!("{}; all begin as {}", builds.describe(), self.drill().begins_with);
            self.note(About::Drill, text);
        }
        self.measured.steady = Some(self.wait_until_steady(self.drill().steady.within_s)?);
        if let Some(Err(missing)) = &self.measured.steady {
            let text = format!("there is no steady state to drill: {missing}");
            self.note(About::Drill, text);
            return Ok(Verdict::Failed);
        }
        if let Some(why) = self.begin()? {
            self.note(About::Drill, format!("refused: {why}"));
            return Ok(Verdict::Refused);
        }
        let played = self.play();
        let ended = self.end_faults();
        let broken_off = played?;
        ended?;
        if let Some(why) = broken_off {
            self.note(About::Drill, format!("broken off: {why}"));
            self.measured.recovered = Some(self.wait_until_steady(self.drill().expect.recovered_within_s)?);
            return Ok(Verdict::Aborted);
        }
        self.note(About::Drill, "all faults are ended".into());
        self.measured.recovered = Some(self.wait_until_steady(self.drill().expect.recovered_within_s)?);
        if let Some(Ok(after)) = self.measured.recovered {
            self.note(About::Drill, format!("steady again after {:.1} s", after.as_secs_f64()));
        }
        Ok(Verdict::Passed)
    }

    /// How long it took, or what was still missing.
    fn wait_until_steady(&mut self, within_s: f64) -> Result<Result<Duration, String>> {
        let (began, within) = (Instant::now(), Duration::from_secs_f64(within_s));
        loop {
            let seen = self.look()?;
            let Some(missing) = seen.unsteady(self.drill().steady.transfers, self.drill().model) else {
                return Ok(Ok(began.elapsed()));
            };
            if began.elapsed() > within || self.wants_to_end() {
                return Ok(Err(missing));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The zero of the journal: the steady state, said in the log. Returns why it is refused.
    fn begin(&mut self) -> Result<Option<String>> {
        let told = self.say_in_the_log(DrillStage::Begun)?;
        self.outcome.begun_at_index = told["index"].as_u64();
        if let Some(why) = refusal(&told) {
            return Ok(Some(why));
        }
        let waited_s = self.t_s();
        self.outcome.events.iter_mut().for_each(|event| event.t_s -= waited_s);
        self.began = Instant::now();
        self.led_at = self.began;
        self.outcome.samples.clear();
        let seen = self.look()?;
        self.refused_before = seen.plant.map_or(0, |plant| plant.refused);
        if let Some(leader) = seen.leader() {
            self.skipped_before = Some((leader.replica, leader.term, leader.counters.ticks_skipped));
        }
        self.stage.plant().into_iter().for_each(PlantThread::forget);
        let index = self.outcome.begun_at_index.map_or_else(String::new, |index| format!(", entry {index} says so"));
        self.note(About::Drill, format!("steady; the drill begins{index}"));
        Ok(None)
    }

    /// Begins and ends every fault when it is time. Returns why it was broken off.
    fn play(&mut self) -> Result<Option<String>> {
        let mut next = 0;
        loop {
            let seen = self.look()?;
            self.take_down(&seen);
            self.take_down_mix(&seen);
            if let Some(why) = self.why_abort(&seen) {
                return Ok(Some(why));
            }
            self.watch_faults(&seen)?;
            while let Some(spec) = self.options.drill.faults.get(next).filter(|spec| spec.at_s <= self.t_s()) {
                let text = spec.kind.describe();
                if let Err(error) = self.inject(next) {
                    self.note(About::Fault, format!("could not be done: {text}: {error:#}"));
                    self.measured.effects.push((text, None));
                }
                next += 1;
            }
            if next == self.drill().faults.len()
                && self.active.iter().all(|active| active.ended && active.awaited.is_none())
            {
                return Ok(None);
            }
            let keen = self.active.iter().any(|active| active.awaited.is_some());
            std::thread::sleep(if keen { KEEN_LOOK } else { LOOK });
        }
    }

    /// Everything is stopped, audited, judged.
    fn end(mut self, verdict: Verdict) -> Result<Outcome> {
        let seen = self.look()?;
        self.measured.refused = seen.plant.map_or(0, |plant| plant.refused).saturating_sub(self.refused_before);
        if let (Some((id, term, skipped)), Some(leader)) = (self.skipped_before, seen.leader()) {
            self.measured.leaders = Some((id, leader.replica));
            let same = leader.replica == id && leader.term == term;
            self.measured.ticks_skipped = same.then(|| leader.counters.ticks_skipped.saturating_sub(skipped));
        }
        let account = self.stage.plant().map(|plant| plant.with(|plant| plant.world().energy_error_share()));
        self.measured.energy_error_share = account.transpose()?;
        self.measured.programs = self.stage.programs_run();
        self.last_word(verdict)?;
        self.outcome.seconds = self.t_s();
        let records = self.stage.end()?;
        if let Some(records) = records {
            let audited = audit(&programs()?, &self.stage.cluster.nodes, &records)?;
            self.measured.audit = audited.clone();
            self.outcome.audit = audited;
        }
        let mut outcome = self.outcome;
        if verdict != Verdict::Refused {
            outcome.checks = checks::all(&self.options.drill, &self.measured);
        }
        let held = outcome.checks.iter().all(|check| check.ok);
        outcome.verdict = if verdict == Verdict::Passed && !held { Verdict::Failed } else { verdict };
        Ok(outcome)
    }
}
