//! What happens to the plant: devices, utilities, generators.

use anyhow::{Context, Result, anyhow};
use ridethrough_core::device::DeviceId;
use ridethrough_core::site::FeedId;

use super::super::file::device_called;
use super::super::stage::Stage;
use super::Fault;
use crate::plant::fault::{DeviceFault, Happening, Utility};
use crate::realtime::Plant;

/// Something happens to the plant while it lasts.
pub(super) struct Happens {
    what: Happening,
    name: String,
    on: bool,
}

impl Happens {
    pub(super) fn to_device(name: &str, fault: Result<DeviceFault, String>, stage: &Stage) -> Result<Self> {
        let device = device_called(&stage.site, name).with_context(|| format!("the site has no device `{name}`"))?;
        let fault = fault.map_err(|why| anyhow!(why))?;
        Ok(Self { what: Happening::Device { device, fault }, name: name.into(), on: false })
    }

    pub(super) fn to_utility(name: &str, share: f64, stage: &Stage) -> Result<Self> {
        let what = Happening::UtilityVolts { feed: feed(name, stage)?, utility: Utility::A, share };
        Ok(Self { what, name: name.into(), on: false })
    }

    pub(super) fn to_generator(name: &str, stage: &Stage) -> Result<Self> {
        Ok(Self { what: Happening::GeneratorRefuses { feed: feed(name, stage)? }, name: name.into(), on: false })
    }

    fn set(&mut self, stage: &Stage, on: bool) -> Result<()> {
        let what = self.what;
        self.on = on;
        stage.own_plant()?.with(move |plant| plant.happen(what, on))
    }

    /// What shows it: the plant itself where it can be seen there, otherwise what the leader makes of it.
    fn seen(&self, stage: &Stage) -> Result<Option<String>> {
        let Happening::Device { device, fault } = self.what else {
            return Ok(Some(format!("the plant's supply of {} was told", self.name)));
        };
        if let Some(words) = stage.own_plant()?.with(move |plant| in_the_plant(plant, device, fault))? {
            return Ok(Some(words.into()));
        }
        let leader = stage.leader();
        let quarantined =
            leader.as_ref().and_then(|leader| leader.quarantined.iter().find(|one| one.name == self.name));
        Ok(quarantined.map(|one| format!("the leader quarantines it: {}", one.why)))
    }
}

fn in_the_plant(plant: &Plant, device: DeviceId, fault: DeviceFault) -> Option<&'static str> {
    let (world, voice) = (plant.world(), plant.world().voice(device));
    match fault {
        DeviceFault::Broken | DeviceFault::LockedOut => (!world.is_available(device)).then_some("it is not available"),
        DeviceFault::Mute => voice.mute.then_some("it says nothing"),
        DeviceFault::Babbling { .. } => (voice.telemetry_times > 1).then_some("it talks more often"),
        DeviceFault::Reboot { .. } => voice.off.map(|_| "it is off"),
        // Their own words are good; only somebody else can tell.
        DeviceFault::Stuck | DeviceFault::Lying { .. } | DeviceFault::Frozen => None,
    }
}

fn feed(name: &str, stage: &Stage) -> Result<FeedId> {
    let place = stage.site.feeds.iter().position(|feed| feed.name == name);
    let place = place.and_then(|place| u16::try_from(place).ok());
    place.map(FeedId).with_context(|| format!("the site has no feed `{name}`"))
}

impl Fault for Happens {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        self.set(stage, true)
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        self.seen(stage)
    }

    fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        if self.on { self.set(stage, false) } else { Ok(()) }
    }
}
