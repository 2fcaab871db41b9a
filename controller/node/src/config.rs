//! A replica's configuration: parsed once, into checked types, before anything starts.

mod error;
mod files;
mod forecast;
mod http;
mod intake;
mod keys;
mod log;
mod modbus;
mod nut;
mod peer_tls;
mod raft;
mod record;
mod redfish;
mod roles;
mod snmp;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ridethrough_core::device::ReplicaId;
use ridethrough_core::site::Fault;
use ridethrough_pki::cluster_id;
use ridethrough_protocol::Orders;
use ridethrough_raft::LogSize;
use serde::Deserialize;
use toml::Spanned;

pub use self::error::ConfigError;
pub use self::forecast::ForecastFiles;
use self::forecast::RawForecast;
pub use self::http::HttpConfig;
use self::http::RawHttp;
pub use self::intake::IntakeConfig;
use self::intake::RawIntake;
use self::log::RawLog;
pub use self::modbus::ModbusConfig;
use self::modbus::RawModbus;
pub use self::nut::NutConfig;
use self::nut::RawNut;
pub use self::peer_tls::PeerTlsFiles;
use self::peer_tls::RawPeerTls;
use self::raft::{RawPeer, RawRaft};
use self::record::RawRecord;
pub use self::record::RecordConfig;
use self::redfish::RawRedfish;
pub use self::redfish::{RedfishConfig, RedfishFiles};
use self::roles::RawRoles;
use self::snmp::RawSnmp;
pub use self::snmp::SnmpConfig;
use crate::operator::Drilled;
use crate::operator::roles::Given;

/// A checked configuration. Relative paths have been taken from the folder of the configuration file.
#[derive(Clone, Debug)]
pub struct Config {
    /// This replica.
    pub replica: ReplicaId,
    /// The cluster's id, made from its name.
    pub cluster: [u8; 16],
    /// Where people may ask it from elsewhere.
    pub operators_listen: Option<SocketAddr>,
    /// Who may ask it for what, besides its owner.
    pub roles: Given,
    /// What it is to whoever wants to drill it.
    pub drilled: Drilled,
    /// The site file.
    pub site: PathBuf,
    /// Where the log lives.
    pub data_dir: PathBuf,
    /// All replicas with their Raft addresses, this one included: the seed of a log that is empty.
    pub peers: BTreeMap<ReplicaId, SocketAddr>,
    /// Who of them has moved there since the log was told where it listens.
    pub moved: BTreeSet<ReplicaId>,
    /// Where this replica reaches one of them, if that is not where it listens.
    pub dialled: BTreeMap<ReplicaId, SocketAddr>,
    /// What this replica and its peers know each other by.
    pub peer_tls: PeerTlsFiles,
    /// Time between a leader's heartbeats.
    pub heartbeat: Duration,
    /// Within which an election begins when the leader falls silent. Disjoint between replicas.
    pub election: Range<Duration>,
    /// In what portions the log is kept.
    pub log: LogSize,
    /// Where field devices send telemetry on the first network.
    pub dpcn_listen: SocketAddr,
    /// The same on the second, where there is one.
    pub dpcn_listen_b: Option<SocketAddr>,
    /// The core that the field network's thread is bound to; the system chooses when there is none.
    pub dpcn_core: Option<usize>,
    /// How many replicas' word the devices demand.
    pub dpcn_orders: Orders,
    /// File with this replica's DPCN secrets.
    pub dpcn_secret: PathBuf,
    /// Where the page is served, and whose pages it watches.
    pub http: HttpConfig,
    /// The model; without it, forecasts come from the rule.
    pub forecast: Option<ForecastFiles>,
    /// Where signals of servers come in; without it, none do.
    pub intake: Option<IntakeConfig>,
    /// How hosts are told to shut down; without it, they are not.
    pub nut: Option<NutConfig>,
    /// Where a building's supervision reads; without it, it does not.
    pub modbus: Option<ModbusConfig>,
    /// Where a data center's management reads; without it, it does not.
    pub redfish: Option<RedfishConfig>,
    /// Where a network's management asks; without it, it does not.
    pub snmp: Option<SnmpConfig>,
    /// Where what is heard is kept; without it, it is not.
    pub record: Option<RecordConfig>,
    /// File with the key that checkpoints of the log are signed with; without it, none are signed.
    pub audit_key: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    replica: Spanned<u16>,
    cluster: Spanned<String>,
    #[serde(default)]
    demo: bool,
    site: PathBuf,
    data_dir: PathBuf,
    raft: RawRaft,
    #[serde(default)]
    log: RawLog,
    #[serde(default)]
    peer: Vec<RawPeer>,
    peer_tls: Option<RawPeerTls>,
    dpcn: RawDpcn,
    http: RawHttp,
    forecast: Option<RawForecast>,
    intake: Option<RawIntake>,
    nut: Option<RawNut>,
    modbus: Option<RawModbus>,
    redfish: Option<RawRedfish>,
    snmp: Option<RawSnmp>,
    #[serde(default)]
    record: RawRecord,
    audit: Option<RawAudit>,
    #[serde(default)]
    roles: RawRoles,
    operators: Option<RawOperators>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOperators {
    listen: SocketAddr,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAudit {
    key: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDpcn {
    listen: SocketAddr,
    listen_b: Option<SocketAddr>,
    core: Option<usize>,
    #[serde(default)]
    two_of_three: bool,
    secret: PathBuf,
}

impl Config {
    /// Reads and checks a configuration file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = files::read(file, "file")?;
        let raw: RawConfig = toml::from_str(&text)
            .map_err(|error| ConfigError::Field { file: file.into(), fault: Fault::syntax(&text, &error) })?;
        Checker { file, text: &text }.check(&raw)
    }
}

struct Checker<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Checker<'_> {
    fn check(&self, raw: &RawConfig) -> Result<Config, ConfigError> {
        let peers = self.peers(raw)?;
        let name = raw.cluster.get_ref();
        if name.is_empty() || name.len() > 64 {
            return Err(self.wrong(&raw.cluster, "cluster", "expected 1 to 64 characters".into()));
        }
        let cluster = cluster_id(name);
        Ok(Config {
            replica: ReplicaId(*raw.replica.get_ref()),
            cluster,
            drilled: Drilled { cluster: name.clone(), demo: raw.demo },
            site: self.beside(&raw.site),
            data_dir: self.beside(&raw.data_dir),
            peers,
            dialled: raft::dialled(&raw.peer),
            moved: raft::moved(&raw.peer),
            peer_tls: self.peer_tls(raw.peer_tls.as_ref(), cluster)?,
            heartbeat: self.heartbeat(&raw.raft)?,
            election: self.election(&raw.raft)?,
            log: self.log(&raw.log)?,
            dpcn_listen: raw.dpcn.listen,
            dpcn_listen_b: raw.dpcn.listen_b,
            dpcn_core: raw.dpcn.core,
            dpcn_orders: if raw.dpcn.two_of_three { Orders::TwoOfThree } else { Orders::One },
            dpcn_secret: self.beside(&raw.dpcn.secret),
            http: self.http(&raw.http)?,
            forecast: raw.forecast.as_ref().map(|files| self.forecast(files)).transpose()?,
            intake: raw.intake.as_ref().map(|intake| self.intake(intake)).transpose()?,
            nut: raw.nut.as_ref().map(|nut| self.nut(nut)).transpose()?,
            modbus: raw.modbus.as_ref().map(|modbus| self.modbus(modbus)).transpose()?,
            redfish: raw.redfish.as_ref().map(|redfish| self.redfish(redfish)),
            snmp: raw.snmp.as_ref().map(|snmp| self.snmp(snmp)).transpose()?,
            record: self.record(raw)?,
            audit_key: raw.audit.as_ref().map(|audit| self.beside(&audit.key)),
            roles: self.roles(&raw.roles)?,
            operators_listen: raw.operators.as_ref().map(|operators| operators.listen),
        })
    }

    fn wrong<T>(&self, at: &Spanned<T>, field: &str, reason: String) -> ConfigError {
        ConfigError::Field { file: self.file.into(), fault: Fault::at(self.text, &at.span(), field, reason) }
    }

    fn beside(&self, path: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new(".")).join(path)
    }
}

#[cfg(test)]
mod tests;
