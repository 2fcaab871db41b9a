//! What lies between replicas: partitions, both ways or one, delays, damage.

use std::sync::Arc;

use anyhow::Result;

use super::super::file::WayName;
use super::super::stage::Stage;
use super::super::wires::Lane;
use super::Fault;

enum What {
    Stall,
    Delay(u32),
    Damage(u16),
}

/// Something is wrong with all wires of one replica.
pub(super) struct Peers {
    id: u16,
    way: Option<WayName>,
    what: What,
}

impl Peers {
    pub(super) fn partition(id: u16, way: Option<WayName>) -> Self {
        Self { id, way, what: What::Stall }
    }

    pub(super) fn delay(id: u16, ms: u32) -> Self {
        Self { id, way: None, what: What::Delay(ms) }
    }

    pub(super) fn damage(id: u16, permille: u16) -> Self {
        Self { id, way: None, what: What::Damage(permille) }
    }

    fn lanes(&self, stage: &Stage) -> Vec<Arc<Lane>> {
        let into = stage.wires.to(self.id).filter(|_| self.way != Some(WayName::Out));
        let out = stage.wires.out_of(self.id).filter(|_| self.way != Some(WayName::In));
        into.chain(out).cloned().collect()
    }

    fn set(&self, stage: &Stage, on: bool) {
        for lane in self.lanes(stage) {
            match self.what {
                What::Stall => lane.stall(on),
                What::Delay(ms) => lane.delay(if on { ms } else { 0 }),
                What::Damage(permille) => lane.damage(if on { permille } else { 0 }),
            }
        }
    }
}

impl Fault for Peers {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        self.set(stage, true);
        Ok(())
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let touched: u64 = self.lanes(stage).iter().map(|lane| lane.touched()).sum();
        let done = match self.what {
            What::Stall => "held back",
            What::Delay(_) => "delayed",
            What::Damage(_) => "damaged",
        };
        Ok((touched > 0).then(|| format!("{touched} messages were {done}")))
    }

    fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        self.set(stage, false);
        Ok(())
    }
}
