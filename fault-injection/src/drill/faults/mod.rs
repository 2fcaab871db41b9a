//! How a fault is done, how it is seen to work, and how it is ended. One file per family.

mod attack;
mod clock;
mod device;
mod disk;
mod field;
mod memory;
mod model;
mod peers;
mod process;
mod program;
mod syncs;

use anyhow::{Result, bail};

use super::file::{FaultSpec, Kind, MODULE_IN_USE};
use super::stage::Stage;

pub(super) use self::clock::own_clocks;
pub(super) use self::disk::small_disks;

/// A fault under way.
pub(super) trait Fault {
    /// Does it.
    fn inject(&mut self, stage: &mut Stage) -> Result<()>;

    /// What shows that it works; nothing yet when it does not.
    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>>;

    /// Ends it. Must do no harm where it was never done, or is ended already.
    fn recover(&mut self, stage: &mut Stage) -> Result<()>;
}

/// What is to be done, with the replicas that it is done to.
pub(super) fn prepare(spec: &FaultSpec, stage: &mut Stage) -> Result<(Box<dyn Fault>, Vec<u16>)> {
    let whom = spec.kind.target().map(|target| stage.resolve(target)).transpose()?.unwrap_or_default();
    let one = whom.first().copied();
    let fault: Box<dyn Fault> = match (&spec.kind, one) {
        (Kind::FieldNetwork { .. }, replica) => {
            Box::new(field::FieldNetwork::new(spec.impairment().unwrap_or_default(), replica))
        }
        (Kind::Device { device, fault, share, times }, _) => {
            let device = if device == MODULE_IN_USE { stage.module_in_use()? } else { device.clone() };
            stage.chosen = Some(device.clone());
            Box::new(device::Happens::to_device(&device, fault.with(*share, *times), stage)?)
        }
        (Kind::Utility { feed, share }, _) => Box::new(device::Happens::to_utility(feed, *share, stage)?),
        (Kind::GeneratorRefuses { feed }, _) => Box::new(device::Happens::to_generator(feed, stage)?),
        (Kind::Replay {}, _) => Box::new(attack::Replay::default()),
        (Kind::Kill { .. }, _) => Box::new(process::Kill::new(whom.clone())),
        (Kind::Pause { .. }, _) => Box::new(process::Pause::new(whom.clone())),
        (Kind::OtherProgram { .. }, Some(id)) => {
            let at_the_end = spec.for_s.map_or(program::AtTheEnd::Stays, |_| program::AtTheEnd::Back);
            Box::new(program::OtherProgram::new(id, at_the_end))
        }
        (kind, Some(id)) => to_one(kind, id)?,
        (kind, None) => bail!("{}: nobody is meant", kind.describe()),
    };
    Ok((fault, whom))
}

fn to_one(kind: &Kind, id: u16) -> Result<Box<dyn Fault>> {
    Ok(match kind {
        Kind::Restart { .. } => Box::new(process::Restart::new(id)),
        Kind::HandOver { .. } => Box::new(process::HandOver::new(id)),
        Kind::OutOfMemory { .. } => Box::new(memory::Out::new(id)),
        Kind::Partition { way, .. } => Box::new(peers::Peers::partition(id, *way)),
        Kind::PeerDelay { ms, .. } => Box::new(peers::Peers::delay(id, *ms)),
        Kind::PeerDamage { permille, .. } => Box::new(peers::Peers::damage(id, *permille)),
        Kind::BitRot { .. } => Box::new(disk::BitRot::new(id)),
        Kind::LostDisk { .. } => Box::new(disk::LostDisk::new(id)),
        Kind::DiskFull { .. } => Box::new(disk::Full::new(id)),
        Kind::SlowSyncs { ms, .. } => Box::new(syncs::Syncs::late(id, *ms)),
        Kind::FailedSyncs { .. } => Box::new(syncs::Syncs::fail(id)),
        Kind::ClockStep { by_s, .. } => Box::new(clock::Step::new(id, *by_s)),
        Kind::ModelSwapped { .. } => Box::new(model::Swapped::new(id)),
        Kind::Flood { per_second, .. } => Box::new(attack::Flood::new(id, *per_second)),
        other => bail!("{}: not done to one replica", other.describe()),
    })
}

/// Starts a replica that stopped for its fault again, as its service manager would.
fn start_if_ended(stage: &mut Stage, id: u16) -> Result<()> {
    if stage.cluster.ended()?.iter().any(|(ended, _)| *ended == id) {
        stage.cluster.kill(id)?;
        stage.cluster.start(id)?;
    }
    Ok(())
}
