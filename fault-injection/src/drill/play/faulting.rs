//! Faults: begun, seen to work, ended.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Active, EFFECT_DEADLINE, Play};
use crate::drill::faults;
use crate::drill::file::Kind;
use crate::drill::journal::{About, FaultSpan};
use crate::drill::seen::Seen;
use crate::drill::stage::named;
use crate::realtime::{PlantThread, Witnessed};

impl Play<'_> {
    /// Does a fault. One that cannot be done is ended at once, in case that half of it was; it has not worked then.
    pub(super) fn inject(&mut self, nth: usize) -> Result<()> {
        let spec = self.options.drill.faults[nth].clone();
        let leader = self.stage.leader();
        let (mut fault, whom) = faults::prepare(&spec, &mut self.stage)?;
        let text = match whom[..] {
            [] => spec.kind.describe(),
            _ => format!("{} ({})", spec.kind.describe(), named(whom.iter().copied())),
        };
        self.note(About::Fault, text.clone());
        self.stage.touched.extend(&whom);
        self.stage.plant().into_iter().for_each(PlantThread::forget);
        let began = Instant::now();
        let failed = fault.inject(&mut self.stage).err();
        let takes_leader = failed.is_none() && takes_the_leader(&spec.kind) && self.drill().expect.gap_ms.is_some();
        let awaited = leader.filter(|leader| takes_leader && whom.contains(&leader.replica)).map(|leader| leader.term);
        let until = spec.for_s.map(|seconds| began + Duration::from_secs_f64(seconds));
        self.active.push(Active { nth, fault, text, began, until, effect: None, awaited, ended: false });
        let Some(error) = failed else { return Ok(()) };
        self.note(About::Fault, format!("could not be done: {error:#}"));
        self.end_fault(self.active.len() - 1)
    }

    /// Whether faults work, whether they are over, whether the next leader is obeyed.
    pub(super) fn watch_faults(&mut self, seen: &Seen) -> Result<()> {
        let witnessed: Option<Vec<_>> = self.stage.plant().map(|plant| plant.witnessed().collect());
        for nth in 0..self.active.len() {
            if self.active[nth].ended && self.active[nth].awaited.is_none() {
                continue;
            }
            if self.active[nth].effect.is_none() && !self.active[nth].ended {
                let effect = self.active[nth].fault.evidence(&mut self.stage)?;
                if let Some(effect) = &effect {
                    self.note(About::Fault, format!("seen to work: {effect}"));
                }
                self.active[nth].effect = effect;
            }
            self.watch_gap(nth, witnessed.as_deref(), seen);
            self.end_if_due(nth)?;
        }
        Ok(())
    }

    /// Where the plant is somebody else's, the next leader's own word has to do.
    pub(super) fn watch_gap(&mut self, nth: usize, witnessed: Option<&[Witnessed]>, seen: &Seen) {
        let Active { began, awaited: Some(term), .. } = self.active[nth] else { return };
        let obeyed = match witnessed {
            Some(witnessed) => witnessed.iter().find(|one| one.obeys_after(term)).map(|one| one.at),
            None => seen.leader().filter(|leader| leader.term > term).map(|_| Instant::now()),
        };
        if let Some(at) = obeyed {
            let gap = at.saturating_duration_since(began);
            self.measured.gaps.push(Some(gap));
            self.active[nth].awaited = None;
            let who = if witnessed.is_some() {
                "a device obeys the next leader"
            } else {
                "the next leader says that it acts"
            };
            self.note(About::Devices, format!("{who}, {:.1} ms after the fault", gap.as_secs_f64() * 1e3));
        } else if began.elapsed() > EFFECT_DEADLINE {
            self.measured.gaps.push(None);
            self.active[nth].awaited = None;
        }
    }

    pub(super) fn end_if_due(&mut self, nth: usize) -> Result<()> {
        let active = &self.active[nth];
        let is_over = active.until.is_none_or(|until| Instant::now() >= until);
        let has_shown = active.effect.is_some() || active.began.elapsed() > EFFECT_DEADLINE;
        if active.ended || !is_over || !has_shown {
            return Ok(());
        }
        self.end_fault(nth)
    }

    pub(super) fn end_fault(&mut self, nth: usize) -> Result<()> {
        let began = self.began;
        let active = &mut self.active[nth];
        active.ended = true;
        let done = active.fault.recover(&mut self.stage);
        let (from_s, until_s) = (active.began.duration_since(began).as_secs_f64(), began.elapsed().as_secs_f64());
        let (text, effect) = (active.text.clone(), active.effect.clone());
        self.measured.effects.push((text.clone(), effect));
        if self.options.drill.faults[self.active[nth].nth].for_s.is_some() {
            self.note(About::Fault, format!("ended: {text}"));
        }
        self.outcome.faults.push(FaultSpan { text, from_s, until_s });
        done
    }

    /// Ends what still goes on, whatever fails on the way; returns the first error.
    pub(super) fn end_faults(&mut self) -> Result<()> {
        let mut first = Ok(());
        for nth in 0..self.active.len() {
            if !self.active[nth].ended {
                let ended = self.end_fault(nth);
                first = first.and(ended);
            }
        }
        first
    }
}

/// Whether a fault takes the leader away, when it is the leader that it touches.
const fn takes_the_leader(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Kill { .. }
            | Kind::Pause { .. }
            | Kind::Restart { .. }
            | Kind::OtherProgram { .. }
            | Kind::OutOfMemory { .. }
            | Kind::HandOver { .. }
            | Kind::Partition { .. }
            | Kind::LostDisk { .. }
            | Kind::FailedSyncs { .. }
    )
}
