//! The field network: loss, doubles, damage, delay, on one network or both, with one replica or all.

use anyhow::{Context, Result};
use ridethrough_core::device::ReplicaId;

use super::super::stage::Stage;
use super::Fault;
use crate::realtime::Impairment;

/// An impaired field network.
pub(super) struct FieldNetwork {
    impairment: Impairment,
    name: Option<u32>,
    before: u64,
}

impl FieldNetwork {
    pub(super) fn new(impairment: Impairment, replica: Option<u16>) -> Self {
        let impairment = Impairment { replica: replica.map(ReplicaId), ..impairment };
        Self { impairment, name: None, before: 0 }
    }
}

impl Fault for FieldNetwork {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        let (impairment, seed) = (self.impairment, stage.seed);
        let done = stage.own_plant()?.with(move |plant| (plant.touched().all(), plant.impair(impairment, seed)))?;
        self.before = done.0;
        self.name = Some(done.1.context("the field network is impaired in too many ways already")?);
        Ok(())
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let touched = stage.own_plant()?.with(|plant| plant.touched().all())?.saturating_sub(self.before);
        Ok((touched > 0).then(|| format!("{touched} datagrams were lost, doubled, damaged or late")))
    }

    fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        match self.name.take() {
            Some(name) => stage.own_plant()?.with(move |plant| plant.mend(name)),
            None => Ok(()),
        }
    }
}
