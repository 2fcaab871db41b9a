//! Looks at everything, and what is made of them.

use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Result;

use super::Play;
use crate::drill::file::MODULE_IN_USE;
use crate::drill::journal::About;
use crate::drill::seen::Seen;

impl Play<'_> {
    pub(super) fn look(&mut self) -> Result<Seen> {
        self.stage.check()?;
        let seen = Seen::look(&self.stage)?;
        if seen.leader().is_some() {
            self.led_at = Instant::now();
        }
        let led = seen.leader().map(|leader| (leader.replica, leader.term));
        if led != self.last_led {
            let text = match led {
                Some((id, term)) => format!("n{id} acts in term {term}"),
                None => "nobody acts".into(),
            };
            self.note(About::Leader, text);
            self.last_led = led;
        }
        if self.measured.rivals.is_none() {
            self.measured.rivals = seen.rivals();
        }
        for (id, words) in self.stage.cluster.ended()? {
            let known = self.measured.ended.iter().any(|(other, _)| *other == id);
            if !known {
                self.measured.ended.push((id, self.stage.touched.contains(&id)));
                let last = words.lines().next_back().unwrap_or_default().to_owned();
                self.note(About::Leader, format!("n{id} has ended by itself: {last}"));
            }
        }
        let sample = seen.sample(self.t_s());
        self.outcome.sample(sample);
        Ok(seen)
    }

    /// What was expected to be seen while faults last.
    pub(super) fn take_down(&mut self, seen: &Seen) {
        let first = self.active.first().map(|active| active.began);
        if let Some(first) = first
            && self.measured.safe_after.is_none()
            && seen.plant.is_some_and(|plant| plant.obeying == 0)
        {
            self.measured.safe_after = Some(first.elapsed());
            self.note(About::Devices, "every device follows its local safe rule".into());
        }
        if let Some(plant) = seen.plant.filter(|plant| plant.trips > self.measured.trips) {
            self.measured.trips = plant.trips;
            self.note(About::Plant, format!("{} racks are dark", plant.trips));
        }
        for source in seen.replicas.iter().flatten().map(|replica| &replica.forecast_source) {
            if first.is_some() && !self.measured.sources.contains(source) {
                self.measured.sources.push(source.clone());
            }
        }
        let Some(leader) = seen.leader().filter(|_| first.is_some()) else { return };
        for feed in &leader.feeds {
            if !self.measured.modes.contains(&feed.mode) {
                self.measured.modes.push(feed.mode.clone());
            }
        }
        let wanted = self.options.drill.expect.quarantined.as_ref();
        let wanted =
            wanted.and_then(|name| if name == MODULE_IN_USE { self.stage.chosen.as_ref() } else { Some(name) });
        self.measured.quarantined |=
            wanted.is_some_and(|wanted| leader.quarantined.iter().any(|one| one.name == *wanted));
    }

    /// What is committed while both programs run.
    pub(super) fn take_down_mix(&mut self, seen: &Seen) {
        if self.stage.builds.is_none() {
            return;
        }
        let total = self.measured.mixed_entries.get_or_insert(0);
        let committed = seen.replicas.iter().flatten().map(|one| one.commit_index).max();
        let now = committed.filter(|_| self.stage.runs_both(&seen.replicas));
        // One that has just started may know of less for a moment: what was committed stays so.
        let now = now.max(now.and(self.mixed_at));
        if let (Some(before), Some(now)) = (self.mixed_at, now) {
            *total += now - before;
        }
        self.mixed_at = now;
    }

    pub(super) fn why_abort(&self, seen: &Seen) -> Option<String> {
        let abort = &self.drill().abort;
        if self.wants_to_end() {
            return Some("somebody wants it".into());
        }
        let trips = seen.plant.map_or(0, |plant| plant.trips);
        if trips >= abort.trips && trips > self.drill().expect.trips_max {
            return Some(format!("{trips} racks are dark"));
        }
        if self.led_at.elapsed().as_secs_f64() > abort.leaderless_s {
            return Some(format!("nobody has led for {} s", abort.leaderless_s));
        }
        None
    }

    pub(super) fn wants_to_end(&self) -> bool {
        self.options.interrupted.load(Ordering::Acquire) || self.folder.is_to_abort()
    }
}
