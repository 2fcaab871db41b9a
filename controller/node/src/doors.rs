//! Servers for the tools of others: each on a runtime of its own, and only where it is configured. All are bound before anything
//! starts, and read nothing but what was published.

use std::sync::Arc;

use anyhow::Result;
use arc_swap::ArcSwap;
use ridethrough_core::site::Site;
use ridethrough_dashboard::Snapshot;
use ridethrough_raft::Replica;
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::modbus::{self, ModbusDoor};
use crate::nut::{self, NutDoor};
use crate::power::ServerPower;
use crate::redfish::{self, RedfishDoor};
use crate::snmp::{self, SnmpDoor};

/// Checks what the configuration says of each, and says what that is.
pub fn check(config: &Config, site: &Site) -> Result<String> {
    let (nut, modbus) = (nut::check(config, site)?, modbus::check(config, site)?);
    let (redfish, snmp) = (redfish::check(config)?, snmp::check(config, site)?);
    Ok(format!("NUT: {nut}; Modbus: {modbus}; Redfish: {redfish}; SNMP: {snmp}"))
}

/// Those that are configured, bound but not yet serving.
pub struct Doors {
    nut: Option<NutDoor>,
    modbus: Option<ModbusDoor>,
    redfish: Option<RedfishDoor>,
    snmp: Option<SnmpDoor>,
}

/// What they read.
pub struct Published {
    /// The site.
    pub site: Arc<Site>,
    /// What servers draw.
    pub power: Arc<ServerPower>,
    /// How everything is.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
}

impl Doors {
    /// Binds their addresses. `runtime` makes a runtime of this name.
    pub fn open(config: &Config, runtime: impl Fn(&'static str) -> Result<Runtime>, site: &Site) -> Result<Self> {
        Ok(Self {
            nut: NutDoor::open(config, || runtime("nut"), site)?,
            modbus: ModbusDoor::open(config, || runtime("modbus"), site)?,
            redfish: RedfishDoor::open(config, || runtime("redfish"))?,
            snmp: SnmpDoor::open(config, || runtime("snmp"), site)?,
        })
    }

    /// They serve while the runtimes that this returns live.
    pub fn serve(self, published: &Published, replica: &Arc<Replica>) -> Vec<Runtime> {
        let Published { site, power, snapshot } = published;
        let nut = self.nut.map(|door| door.serve(Arc::clone(site), Arc::clone(snapshot), replica));
        let modbus = self.modbus.map(|door| door.serve(Arc::clone(snapshot), replica));
        let redfish = self.redfish.map(|door| door.serve(site, Arc::clone(power), Arc::clone(snapshot), replica));
        let snmp = self.snmp.and_then(|door| door.serve(Arc::clone(site), Arc::clone(snapshot), replica));
        [nut, modbus, redfish, snmp].into_iter().flatten().collect()
    }
}
