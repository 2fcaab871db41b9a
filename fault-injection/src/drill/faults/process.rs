//! Replicas killed, frozen, restarted, and asked to hand over.

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::super::stage::{Stage, named};
use super::Fault;
use crate::demo::cluster::{Cluster, REPLICAS};
use crate::demo::wish;

/// SIGKILL.
pub(super) struct Kill {
    ids: Vec<u16>,
}

impl Kill {
    pub(super) fn new(ids: Vec<u16>) -> Self {
        Self { ids }
    }
}

impl Fault for Kill {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        // All at once first, then their remains.
        self.ids.iter().try_for_each(|id| stage.cluster.signal(*id, Signal::SIGKILL))?;
        stage.silenced.extend(&self.ids);
        self.ids.iter().try_for_each(|id| stage.cluster.kill(*id))
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let gone = self.ids.iter().all(|id| stage.cluster.process(*id).is_none());
        Ok(gone.then(|| format!("{} has no process any more", named(self.ids.iter().copied()))))
    }

    fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        for id in &self.ids {
            if stage.cluster.process(*id).is_none() {
                stage.cluster.start(*id)?;
            }
            stage.silenced.remove(id);
        }
        Ok(())
    }
}

/// SIGSTOP.
pub(super) struct Pause {
    ids: Vec<u16>,
}

impl Pause {
    pub(super) fn new(ids: Vec<u16>) -> Self {
        Self { ids }
    }
}

impl Fault for Pause {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        stage.silenced.extend(&self.ids);
        self.ids.iter().try_for_each(|id| stage.cluster.signal(*id, Signal::SIGSTOP))
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let stopped = self.ids.iter().all(|id| state_of(&stage.cluster, *id) == Some('T'));
        Ok(stopped.then(|| format!("the system says that {} is stopped", named(self.ids.iter().copied()))))
    }

    fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        for id in &self.ids {
            stage.cluster.signal(*id, Signal::SIGCONT)?;
            stage.silenced.remove(id);
        }
        Ok(())
    }
}

/// The letter that the system has for what the process is doing.
fn state_of(cluster: &Cluster, id: u16) -> Option<char> {
    let process = cluster.process(id)?;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it may hold anything, brackets too.
    stat.rsplit_once(") ")?.1.chars().next()
}

/// SIGTERM, and started again.
pub(super) struct Restart {
    id: u16,
    before: Option<u32>,
}

impl Restart {
    pub(super) fn new(id: u16) -> Self {
        Self { id, before: None }
    }
}

impl Fault for Restart {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        self.before = stage.cluster.process(self.id);
        restart(stage, self.id)
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let now = stage.cluster.process(self.id).filter(|_| stage.cluster.snapshot(self.id).is_some());
        Ok(now.filter(|now| Some(*now) != self.before).map(|now| format!("n{} is process {now} now", self.id)))
    }

    fn recover(&mut self, _stage: &mut Stage) -> Result<()> {
        Ok(())
    }
}

/// Stops a replica in good order and starts it again.
pub(super) fn restart(stage: &mut Stage, id: u16) -> Result<()> {
    stage.cluster.stop_one(id)?;
    stage.cluster.start(id)
}

/// A leader that is asked to let another lead.
pub(super) struct HandOver {
    id: u16,
}

impl HandOver {
    pub(super) fn new(id: u16) -> Self {
        Self { id }
    }

    fn to(&self) -> u16 {
        self.id % REPLICAS + 1
    }
}

impl Fault for HandOver {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        let data = stage.cluster.node(self.id)?.data.clone();
        match wish::hand_over(&data, self.to()).context("the wish")?.refused {
            Some(why) => bail!("n{} refuses to hand over to n{}: {why}", self.id, self.to()),
            None => Ok(()),
        }
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let leader = stage.leader().filter(|leader| leader.replica != self.id);
        Ok(leader.map(|leader| format!("n{} leads in term {}", leader.replica, leader.term)))
    }

    fn recover(&mut self, _stage: &mut Stage) -> Result<()> {
        Ok(())
    }
}
