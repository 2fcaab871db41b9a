//! A replica's configuration: parsed once, into checked types, before anything starts.

mod http;
mod modbus;
mod nut;
mod peer_tls;
mod redfish;
mod snmp;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ridethrough_core::device::ReplicaId;
use ridethrough_core::site::{Fault, Site};
use ridethrough_intake::{LimitFault, Limits, Mapping, Token, TokenError};
use ridethrough_model::{PublicKey, Trust};
use ridethrough_pki::cluster_id;
use ridethrough_protocol::{Orders, ReplicaKeys};
use ridethrough_raft::members::MEMBERS_MAX;
use ridethrough_witness::SigningKey;
use serde::Deserialize;
use toml::Spanned;

pub use self::http::HttpConfig;
use self::http::RawHttp;
pub use self::modbus::ModbusConfig;
use self::modbus::RawModbus;
pub use self::nut::NutConfig;
use self::nut::RawNut;
pub use self::peer_tls::PeerTlsFiles;
use self::redfish::RawRedfish;
pub use self::redfish::{RedfishConfig, RedfishFiles};
use self::snmp::RawSnmp;
pub use self::snmp::SnmpConfig;
use crate::operator::Drilled;
use crate::operator::roles::{Given, Holder, Role};

/// At most so many keys are trusted to sign models.
const TRUSTED_MAX: usize = 8;
/// So many users and groups have a role at the most.
const ROLES_MAX: usize = 256;
/// What everybody may do with a file, as its mode has it.
const EVERYBODY: u32 = 0o007;
/// What recorded telemetry takes at the most where the file does not say, MiB; and what it may say.
const RECORD_MIB: u64 = 2_048;
const RECORD_MIB_MIN: u64 = 16;
const RECORD_MIB_MAX: u64 = 16 << 20;

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

/// How what a replica hears is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordConfig {
    /// The folder of segments.
    pub directory: PathBuf,
    /// They take no more, MiB.
    pub disk_mib_max: u64,
}

/// How signals of servers come in by remote-write.
#[derive(Clone, Debug)]
pub struct IntakeConfig {
    /// Where senders push to.
    pub listen: SocketAddr,
    /// The mapping file.
    pub mapping: PathBuf,
    /// File with the token that senders must know; where there is none, whoever reaches the address may push.
    pub token: Option<PathBuf>,
    /// What is borne.
    pub limits: Limits,
}

/// Where the model lies.
#[derive(Clone, Debug)]
pub struct ForecastFiles {
    /// The ONNX file.
    pub model: PathBuf,
    /// Its manifest.
    pub manifest: PathBuf,
    /// ONNX Runtime's shared library.
    pub runtime: PathBuf,
    /// Whose models may be used, and from which version on.
    pub trust: Trust,
    /// A folder with further models, each of which the log may put into shadow or promote.
    pub models: Option<PathBuf>,
}

impl ForecastFiles {
    /// The files by the fields that name them.
    pub fn describe(&self) -> String {
        let (model, manifest, runtime) = (self.model.display(), self.manifest.display(), self.runtime.display());
        format!("forecast (model {model}, manifest {manifest}, runtime {runtime})")
    }
}

/// A configuration that cannot be used.
#[derive(Debug)]
pub enum ConfigError {
    /// A file that cannot be used as a whole.
    File {
        /// Which.
        file: PathBuf,
        /// The field that names it.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// Something in the configuration file.
    Field {
        /// The configuration file.
        file: PathBuf,
        /// What is wrong in it.
        fault: Fault,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, field, reason } => write!(f, "{}: {field}: {reason}", file.display()),
            Self::Field { file, fault } => write!(f, "{}:{fault}", file.display()),
        }
    }
}

impl std::error::Error for ConfigError {}

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

/// Users, users' numbers and `@groups`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRoles {
    viewer: Vec<Spanned<String>>,
    auditor: Vec<Spanned<String>>,
    operator: Vec<Spanned<String>>,
    engineer: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAudit {
    key: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRecord {
    directory: Option<PathBuf>,
    disk_mib_max: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRaft {
    heartbeat_ms: Spanned<u64>,
    election_ms: Spanned<[u64; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPeer {
    replica: Spanned<u16>,
    address: SocketAddr,
    #[serde(default)]
    moved: bool,
    dial: Option<SocketAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPeerTls {
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    revoked: Option<PathBuf>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawForecast {
    model: PathBuf,
    manifest: PathBuf,
    runtime: PathBuf,
    trusted: Spanned<Vec<String>>,
    #[serde(default)]
    minimum_version: u64,
    models: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIntake {
    listen: Spanned<SocketAddr>,
    mapping: PathBuf,
    token: Option<PathBuf>,
    #[serde(default)]
    anyone: bool,
    limits: Option<Spanned<Limits>>,
}

impl Config {
    /// Reads and checks a configuration file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let whole = |reason| ConfigError::File { file: file.into(), field: "file", reason };
        let text = std::fs::read_to_string(file).map_err(|error| whole(format!("cannot be read: {error}")))?;
        let raw: RawConfig = toml::from_str(&text)
            .map_err(|error| ConfigError::Field { file: file.into(), fault: Fault::syntax(&text, &error) })?;
        Checker { file, text: &text }.check(&raw)
    }

    /// Reads the mapping file of the intake, for this site.
    pub fn read_mapping(&self, site: &Site) -> anyhow::Result<Option<Mapping>> {
        let Some(intake) = &self.intake else { return Ok(None) };
        let text = Self::read(&intake.mapping, "intake.mapping")?;
        Ok(Some(Mapping::parse(&intake.mapping.display().to_string(), &text, site)?))
    }

    /// Reads the token of the intake.
    pub fn read_token(&self) -> Result<Option<Token>, ConfigError> {
        let Some(file) = self.intake.as_ref().and_then(|intake| intake.token.as_ref()) else { return Ok(None) };
        let text = Self::read(file, "intake.token")?;
        let wrong = |error: TokenError| ConfigError::File {
            file: file.clone(),
            field: "intake.token",
            reason: error.to_string(),
        };
        Token::parse(&text).map(Some).map_err(wrong)
    }

    fn read(file: &Path, field: &'static str) -> Result<String, ConfigError> {
        let wrong = |error| ConfigError::File { file: file.into(), field, reason: format!("cannot be read: {error}") };
        std::fs::read_to_string(file).map_err(wrong)
    }

    /// The same of a file with passwords: only its owner, and a group that he chose, may read it.
    fn read_private(file: &Path, field: &'static str) -> Result<String, ConfigError> {
        let wrong = |reason| ConfigError::File { file: file.into(), field, reason };
        let kept = std::fs::metadata(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let mode = kept.permissions().mode();
        if mode & EVERYBODY != 0 {
            let reason = format!("everybody on this host may use it (mode {:04o}): chmod o= it", mode & 0o7777);
            return Err(wrong(reason));
        }
        Self::read(file, field)
    }

    /// Reads the key that checkpoints of the log are signed with.
    pub fn read_audit_key(&self) -> Result<Option<SigningKey>, ConfigError> {
        let Some(file) = &self.audit_key else { return Ok(None) };
        let wrong = |reason| ConfigError::File { file: file.clone(), field: "audit.key", reason };
        SigningKey::parse(&Self::read(file, "audit.key")?)
            .map(Some)
            .map_err(|error| wrong(format!("{error}; `ridectl audit keygen` makes one")))
    }

    /// Reads this replica's DPCN secrets.
    pub fn read_keys(&self) -> Result<ReplicaKeys, ConfigError> {
        let wrong = |reason| ConfigError::File { file: self.dpcn_secret.clone(), field: "dpcn.secret", reason };
        let text =
            std::fs::read_to_string(&self.dpcn_secret).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        ReplicaKeys::parse(self.replica, &text).map_err(|error| wrong(error.to_string()))
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
            dialled: raw
                .peer
                .iter()
                .filter_map(|peer| Some((ReplicaId(*peer.replica.get_ref()), peer.dial?)))
                .collect(),
            moved: raw.peer.iter().filter(|peer| peer.moved).map(|peer| ReplicaId(*peer.replica.get_ref())).collect(),
            peer_tls: self.peer_tls(raw.peer_tls.as_ref(), cluster)?,
            heartbeat: self.heartbeat(&raw.raft)?,
            election: self.election(&raw.raft)?,
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

    fn roles(&self, raw: &RawRoles) -> Result<Given, ConfigError> {
        let lists = [
            (Role::Viewer, &raw.viewer),
            (Role::Auditor, &raw.auditor),
            (Role::Operator, &raw.operator),
            (Role::Engineer, &raw.engineer),
        ];
        let mut given = Vec::new();
        for (role, names) in lists {
            for name in names {
                let field = format!("roles.{}", role.as_str());
                let holder = Holder::parse(name.get_ref()).map_err(|reason| self.wrong(name, &field, reason))?;
                given.push((role, holder));
            }
        }
        if given.len() > ROLES_MAX {
            let reason = format!("{} users and groups, expected at most {ROLES_MAX}", given.len());
            return Err(ConfigError::File { file: self.file.into(), field: "roles", reason });
        }
        Ok(Given(given))
    }

    fn forecast(&self, files: &RawForecast) -> Result<ForecastFiles, ConfigError> {
        let trust = Trust { keys: self.trusted(&files.trusted)?, minimum_version: files.minimum_version };
        Ok(ForecastFiles {
            model: self.beside(&files.model),
            manifest: self.beside(&files.manifest),
            runtime: self.beside(&files.runtime),
            trust,
            models: files.models.as_ref().map(|folder| self.beside(folder)),
        })
    }

    fn trusted(&self, keys: &Spanned<Vec<String>>) -> Result<Vec<PublicKey>, ConfigError> {
        let wrong = |reason| self.wrong(keys, "forecast.trusted", reason);
        let listed = keys.get_ref();
        if !(1..=TRUSTED_MAX).contains(&listed.len()) {
            let made = "`ridectl model keygen` makes one and prints it";
            return Err(wrong(format!("{} keys, expected 1 to {TRUSTED_MAX}; {made}", listed.len())));
        }
        let parsed = listed.iter().map(|text| text.parse().map_err(|error| wrong(format!("`{text}`: {error}"))));
        parsed.collect()
    }

    fn wrong<T>(&self, at: &Spanned<T>, field: &str, reason: String) -> ConfigError {
        ConfigError::Field { file: self.file.into(), fault: Fault::at(self.text, &at.span(), field, reason) }
    }

    fn beside(&self, path: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new(".")).join(path)
    }

    fn peers(&self, raw: &RawConfig) -> Result<BTreeMap<ReplicaId, SocketAddr>, ConfigError> {
        let mut peers = BTreeMap::new();
        for peer in &raw.peer {
            let id = *peer.replica.get_ref();
            if id == 0 || peers.len() == MEMBERS_MAX {
                let reason = format!("replica {id}: expected numbers from 1, at most {MEMBERS_MAX} replicas");
                return Err(self.wrong(&peer.replica, "peer.replica", reason));
            }
            if peers.insert(ReplicaId(id), peer.address).is_some() {
                return Err(self.wrong(&peer.replica, "peer.replica", format!("replica {id} is listed twice")));
            }
        }
        if !peers.contains_key(&ReplicaId(*raw.replica.get_ref())) {
            let reason = format!("there is no [[peer]] with replica = {}", raw.replica.get_ref());
            return Err(self.wrong(&raw.replica, "replica", reason));
        }
        Ok(peers)
    }

    fn peer_tls(&self, files: Option<&RawPeerTls>, cluster: [u8; 16]) -> Result<PeerTlsFiles, ConfigError> {
        let Some(files) = files else {
            let id = u128::from_be_bytes(cluster);
            let reason = format!(
                "is missing, and replicas speak nothing but TLS: `ridectl pki ca --cluster {id:032x}` and `ridectl pki issue` \
                 make what it names"
            );
            return Err(ConfigError::File { file: self.file.into(), field: "peer_tls", reason });
        };
        Ok(PeerTlsFiles {
            ca: self.beside(&files.ca),
            certificate: self.beside(&files.certificate),
            key: self.beside(&files.key),
            revoked: files.revoked.as_ref().map(|file| self.beside(file)),
        })
    }

    fn intake(&self, raw: &RawIntake) -> Result<IntakeConfig, ConfigError> {
        let listen = *raw.listen.get_ref();
        if !listen.ip().is_loopback() && raw.token.is_none() && !raw.anyone {
            let reason = format!("{listen} is not loopback: name a token, or say anyone = true");
            return Err(self.wrong(&raw.listen, "intake.listen", reason));
        }
        let limits = raw.limits.as_ref().map_or(Ok(Limits::default()), |limits| {
            let named = |fault: LimitFault| self.wrong(limits, &format!("intake.limits.{}", fault.field), fault.reason);
            limits.get_ref().check().map_err(named)
        });
        Ok(IntakeConfig {
            listen,
            mapping: self.beside(&raw.mapping),
            token: raw.token.as_ref().map(|file| self.beside(file)),
            limits: limits?,
        })
    }

    /// 0 MiB switches it off.
    fn record(&self, raw: &RawConfig) -> Result<Option<RecordConfig>, ConfigError> {
        let disk_mib_max = raw.record.disk_mib_max.as_ref().map_or(RECORD_MIB, |told| *told.get_ref());
        if let Some(told) = &raw.record.disk_mib_max
            && disk_mib_max != 0
            && !(RECORD_MIB_MIN..=RECORD_MIB_MAX).contains(&disk_mib_max)
        {
            let reason =
                format!("{disk_mib_max}, expected {RECORD_MIB_MIN} to {RECORD_MIB_MAX}, or 0 to record nothing");
            return Err(self.wrong(told, "record.disk_mib_max", reason));
        }
        let default = || self.beside(&raw.data_dir).join("record");
        let directory = raw.record.directory.as_ref().map_or_else(default, |folder| self.beside(folder));
        Ok((disk_mib_max > 0).then_some(RecordConfig { directory, disk_mib_max }))
    }

    fn heartbeat(&self, raft: &RawRaft) -> Result<Duration, ConfigError> {
        let ms = *raft.heartbeat_ms.get_ref();
        if !(1..=10_000).contains(&ms) {
            let reason = format!("{ms}, expected 1 to 10000");
            return Err(self.wrong(&raft.heartbeat_ms, "raft.heartbeat_ms", reason));
        }
        Ok(Duration::from_millis(ms))
    }

    fn election(&self, raft: &RawRaft) -> Result<Range<Duration>, ConfigError> {
        let [min, max] = *raft.election_ms.get_ref();
        let beats = 2 * raft.heartbeat_ms.get_ref();
        if min >= max || min < beats || max > 60_000 {
            let reason = format!("[{min}, {max}], expected a rising pair from {beats} (two heartbeats) to 60000");
            return Err(self.wrong(&raft.election_ms, "raft.election_ms", reason));
        }
        Ok(Duration::from_millis(min)..Duration::from_millis(max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
replica = 2
cluster = "demo"
site = "site.toml"
data_dir = "n2"
[raft]
heartbeat_ms = 20
election_ms = [100, 140]
[[peer]]
replica = 1
address = "127.0.0.1:7101"
[[peer]]
replica = 2
address = "127.0.0.1:7102"
[peer_tls]
ca = "ca.pem"
certificate = "n2.pem"
key = "n2.key"
[dpcn]
listen = "127.0.0.1:7202"
secret = "dpcn.key"
[http]
listen = "127.0.0.1:7302"
"#;

    fn load(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().expect("a folder for the test");
        let file = dir.path().join("n2.toml");
        std::fs::write(&file, text).expect("a file for the test");
        Config::load(&file).map_err(|error| error.to_string())
    }

    fn check(from: &str, to: &str, expected: &str) {
        assert!(GOOD.contains(from), "the test edits what is there");
        let error = load(&GOOD.replacen(from, to, 1)).expect_err(expected);
        assert!(error.contains(expected), "expected `{expected}` in `{error}`");
    }

    #[test]
    fn a_good_file_is_read_whole() {
        let config = load(GOOD).expect("good");
        assert_eq!(config.replica, ReplicaId(2));
        assert_eq!(config.peers.len(), 2);
        assert_eq!((config.dpcn_listen_b, config.dpcn_orders), (None, Orders::One));
        let whole = GOOD.replacen("secret", "listen_b = \"127.0.0.2:7202\"\ntwo_of_three = true\nsecret", 1);
        let config = load(&whole).expect("good");
        let second = "127.0.0.2:7202".parse().expect("an address");
        assert_eq!((config.dpcn_listen_b, config.dpcn_orders), (Some(second), Orders::TwoOfThree));
        assert!(config.site.ends_with("site.toml") && config.site.is_absolute(), "taken from the file's folder");
    }

    #[test]
    fn errors_name_file_line_and_field() {
        check("replica = 2", "replica = 3", "n2.toml:2: replica: there is no [[peer]] with replica = 3");
        check("[100, 140]", "[30, 40]", "n2.toml:8: raft.election_ms: [30, 40], expected a rising pair from 40");
        check("heartbeat_ms", "heartbeet_ms", "unknown field `heartbeet_ms`");
        check("replica = 1", "replica = 2", "peer.replica: replica 2 is listed twice");
        check("127.0.0.1:7302", "nowhere", "invalid socket address");
    }

    #[test]
    fn whose_pages_are_watched_is_said_and_checked() {
        let with = |line: &str| load(&GOOD.replacen("7302\"", &format!("7302\"\n{line}"), 1));
        assert!(load(GOOD).expect("good").http.peers.is_empty());
        let peers = with("peers = [\"http://127.0.0.1:7301\", \"https://n2.example\"]").expect("good").http.peers;
        assert_eq!(peers, ["http://127.0.0.1:7301", "https://n2.example"]);
        let refused = |line: &str| with(line).expect_err("refused");
        let path = refused("peers = [\"http://127.0.0.1:7301/\"]");
        assert!(path.contains("n2.toml:24: http.peers: `http://127.0.0.1:7301/`: expected an origin"), "{path}");
        assert!(refused("peers = [\"http://a\", \"http://a\"]").contains("`http://a` is listed twice"));
        let many: Vec<String> = (0..9).map(|nth| format!("\"http://n{nth}\"")).collect();
        assert!(refused(&format!("peers = [{}]", many.join(", "))).contains("more than 8 addresses"));
    }

    #[test]
    fn an_intake_is_open_to_others_only_when_that_was_said() {
        let with = |section: &str| load(&format!("{GOOD}[intake]\nmapping = \"signals.toml\"\n{section}\n"));
        assert!(load(GOOD).expect("good").intake.is_none());
        let intake = with("listen = \"127.0.0.1:9201\"").expect("good").intake.expect("there");
        assert!(intake.token.is_none() && intake.mapping.is_absolute());
        let error = with("listen = \"10.0.0.1:9201\"").expect_err("open");
        assert!(error.contains("n2.toml:26: intake.listen: 10.0.0.1:9201 is not loopback"), "{error}");
        assert!(with("listen = \"10.0.0.1:9201\"\nanyone = true").is_ok());
        assert!(with("listen = \"10.0.0.1:9201\"\ntoken = \"intake.token\"").is_ok());
        let error = with("listen = \"127.0.0.1:9201\"\nlimits = { labels_max = 0 }").expect_err("no labels");
        assert!(error.contains("intake.limits.labels_max: 0, expected 1 to 1000"), "{error}");
    }

    #[test]
    fn hosts_beyond_loopback_need_users() {
        let with = |section: &str| load(&format!("{GOOD}[nut]\n{section}\n"));
        assert!(load(GOOD).expect("good").nut.is_none(), "off unless configured");
        assert!(with("listen = \"127.0.0.1:3493\"").expect("good").nut.is_some_and(|nut| nut.users.is_none()));
        let error = with("listen = \"10.0.0.1:3493\"").expect_err("open");
        assert!(error.contains("n2.toml:25: nut.listen: 10.0.0.1:3493 is not loopback"), "{error}");
        let config = with("listen = \"10.0.0.1:3493\"\nusers = \"nut.users\"").expect("good");
        let error = config.read_users().expect_err("absent").to_string();
        assert!(error.contains("nut.users: nut.users: cannot be read"), "{error}");
    }

    #[test]
    fn registers_are_read_from_elsewhere_only_when_that_was_said() {
        let with = |section: &str| load(&format!("{GOOD}[modbus]\n{section}\n"));
        assert!(load(GOOD).expect("good").modbus.is_none(), "off unless configured");
        for good in ["listen = \"127.0.0.1:5020\"", "listen = \"10.0.0.1:502\"\nanyone = true"] {
            assert!(with(good).expect("good").modbus.is_some(), "{good}");
        }
        let error = with("listen = \"10.0.0.1:502\"").expect_err("open");
        assert!(error.contains("n2.toml:25: modbus.listen: 10.0.0.1:502 is not loopback"), "{error}");
        assert!(with("listen = \"0.0.0.0:502\"\nanyone = false").is_err());
    }

    #[test]
    fn redfish_needs_a_certificate_and_users_that_nobody_else_reads() {
        let section = "[redfish]\nlisten = \"10.0.0.1:8443\"\ncertificate = \"redfish.pem\"\nkey = \"redfish.key\"\n";
        assert!(load(GOOD).expect("good").redfish.is_none(), "off unless configured");
        let error = load(&format!("{GOOD}{section}")).expect_err("nobody could read there");
        assert!(error.contains("missing field `users`"), "{error}");
        let settings =
            load(&format!("{GOOD}{section}users = \"redfish.users\"\n")).expect("good").redfish.expect("there");
        assert!(settings.users.is_absolute() && settings.key.is_absolute() && settings.certificate.is_absolute());
        let folder = tempfile::tempdir().expect("a folder for the test");
        let made = |name: &str, text: &str, mode| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).expect("room");
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).expect("ours");
            file
        };
        let [certificate, users] = [made("c.pem", "", 0o644), made("u", "", 0o640)];
        let refused = |key, users| {
            let settings = RedfishConfig { certificate: certificate.clone(), key, users, ..settings.clone() };
            settings.read().map(|_| ()).expect_err("refused").to_string()
        };
        let error = refused(made("k", "", 0o644), users.clone());
        assert!(error.contains("k: redfish.key: everybody on this host may use it (mode 0644)"), "{error}");
        let error = refused(made("k", "", 0o600), users);
        assert!(error.contains("c.pem: redfish.certificate: holds 0 certificates"), "{error}");
    }

    #[test]
    fn management_asks_only_where_that_was_said_and_by_a_file_of_secrets() {
        let dir = tempfile::tempdir().expect("a folder for the test");
        let (file, users) = (dir.path().join("n2.toml"), dir.path().join("snmp.users"));
        let section = "[snmp]\nlisten = \"127.0.0.1:1161\"\nusers = \"snmp.users\"\n";
        let read = |more: &str, text: &str, mode: u32| {
            std::fs::write(&file, format!("{GOOD}{section}{more}")).expect("a file");
            std::fs::write(&users, text).expect("a file");
            std::fs::set_permissions(&users, std::fs::Permissions::from_mode(mode)).expect("its owner");
            let config = Config::load(&file).map_err(anyhow::Error::from)?;
            config.read_snmp().map(|secrets| secrets.expect("configured").users())
        };
        let user = "[[user]]\nname = \"a\"\nauth_password = \"correct-horse\"\nprivacy_password = \"battery-staple\"\n";
        let both = format!("community = \"not-public\"\n{user}");
        assert!(load(GOOD).expect("good").snmp.is_none(), "off unless configured");
        assert_eq!(read("", user, 0o640).expect("good"), 1);
        assert_eq!(read("v2c = true\n", &both, 0o600).expect("good"), 1);
        assert_eq!(read("v2c = true\n", "community = \"not-public\"\n", 0o600).expect("good"), 0);
        let refused = |more: &str, text: &str, mode: u32, expected: &str| {
            let error = read(more, text, mode).expect_err(expected).to_string();
            assert!(error.contains(expected) && !error.contains("horse"), "`{expected}` in `{error}`");
        };
        refused("", user, 0o644, "snmp.users: snmp.users: everybody on this host may use it (mode 0644)");
        refused("", &both, 0o600, "a community and snmp.v2c = true belong together");
        refused("v2c = true\n", user, 0o600, "a community and snmp.v2c = true belong together");
        refused("", "", 0o600, "snmp.users: names nobody");
        refused("contact = \"Z\u{fc}rich\"\n", user, 0o600, "snmp.contact: expected at most 255 ASCII characters");
        refused("community = \"public\"\n", user, 0o600, "unknown field `community`");
    }

    #[test]
    fn whose_models_may_be_used_is_said_and_checked() {
        let with = |lines: &str| {
            load(&format!("{GOOD}[forecast]\nmodel = \"m\"\nmanifest = \"j\"\nruntime = \"r\"\n{lines}\n"))
        };
        let key = "66be7e332c7a453332bd9d0a7f7db055f5c5ef1a06ada66d98b39fb6810c473a";
        let good = with(&format!("trusted = [\"{key}\"]\nminimum_version = 4\nmodels = \"more\"")).expect("good");
        let files = good.forecast.expect("there");
        assert_eq!((files.trust.minimum_version, files.trust.keys.len()), (4, 1));
        assert!(files.models.is_some_and(|folder| folder.is_absolute() && folder.ends_with("more")));
        let refused = |lines: &str| with(lines).expect_err("refused");
        assert!(refused("").contains("missing field `trusted`"), "{}", refused(""));
        assert!(refused("trusted = []").contains("forecast.trusted: 0 keys, expected 1 to 8; `ridectl model keygen`"));
        assert!(refused("trusted = [\"beef\"]").contains("n2.toml:28: forecast.trusted: `beef`: no key: expected 64"));
    }

    #[test]
    fn roles_are_given_to_users_and_groups_and_wrong_ones_are_named() {
        let with = |lines: &str| load(&format!("{GOOD}[roles]\n{lines}\n")).map(|config| config.roles.0);
        assert!(load(GOOD).expect("good").roles.0.is_empty());
        let given = with("viewer = [\"@ops\"]\nengineer = [\"mira\", \"1000\"]").expect("good");
        let holders = [Holder::Group("ops".into()), Holder::User("mira".into()), Holder::Uid(1_000)];
        let roles = [Role::Viewer, Role::Engineer, Role::Engineer];
        assert_eq!(given, roles.into_iter().zip(holders).collect::<Vec<_>>());
        let error = with("operator = [\"a b\"]").expect_err("no name");
        assert!(
            error.contains("n2.toml:25: roles.operator: `a b`: expected a user, a user's number, @group or tls:PERSON"),
            "{error}"
        );
        assert!(with("owner = [\"mira\"]").expect_err("no role").contains("unknown field `owner`"));
    }

    #[test]
    fn telemetry_is_recorded_beside_the_log_unless_the_file_says_otherwise() {
        let recorded = |more: &str| load(&format!("{GOOD}{more}")).map(|config| config.record);
        let usual = recorded("").expect("good").expect("on");
        assert!(usual.directory.ends_with("n2/record") && usual.disk_mib_max == RECORD_MIB);
        let told = recorded("[record]\ndirectory = \"kept\"\ndisk_mib_max = 16\n").expect("good").expect("on");
        assert!(told.directory.ends_with("kept") && told.disk_mib_max == 16);
        assert_eq!(recorded("[record]\ndisk_mib_max = 0\n").expect("good"), None);
        let refused = recorded("[record]\ndisk_mib_max = 15\n").expect_err("too little");
        assert!(refused.contains("n2.toml:25: record.disk_mib_max: 15, expected 16 to 16777216, or 0"), "{refused}");
        assert!(recorded("[record]\ndisk = 15\n").expect_err("unknown").contains("disk"));
    }

    #[test]
    fn replicas_speak_nothing_but_tls() {
        let whole = load(GOOD).expect("good").peer_tls;
        assert!(whole.ca.ends_with("ca.pem") && whole.ca.is_absolute() && whole.revoked.is_none());
        let start = GOOD.find("[peer_tls]").expect("there");
        let end = GOOD.find("[dpcn]").expect("there");
        let error = load(&[&GOOD[..start], &GOOD[end..]].concat()).expect_err("plain text");
        let command = "`ridectl pki ca --cluster 2a97516c354b68848cdbd8f54a226a0a`";
        assert!(error.contains("n2.toml: peer_tls: is missing") && error.contains(command), "{error}");
        check("certificate =", "certificat =", "unknown field `certificat`");
    }

    #[test]
    fn an_identity_is_refused_by_file_and_field() {
        let dir = tempfile::tempdir().expect("a folder for the test");
        std::fs::write(dir.path().join("n2.toml"), GOOD).expect("a file");
        let config = Config::load(&dir.path().join("n2.toml")).expect("good");
        let refused = || config.read_peer_tls().expect_err("refused").to_string();
        assert!(refused().contains("ca.pem: peer_tls.ca: cannot be read"), "{}", refused());
        for file in ["ca.pem", "n2.pem", "n2.key"] {
            std::fs::write(dir.path().join(file), "beef").expect("a file");
        }
        assert!(refused().contains("ca.pem: peer_tls.ca: holds no PEM block `CERTIFICATE`"), "{}", refused());
        std::fs::write(dir.path().join("n2.pem"), vec![b'x'; 2 << 20]).expect("a file");
        assert!(refused().contains("n2.pem: peer_tls.certificate: is larger than 1048576 bytes"), "{}", refused());
    }

    #[test]
    fn a_key_for_the_audit_is_read_or_refused_and_never_shown() {
        let dir = tempfile::tempdir().expect("a folder for the test");
        let (file, key) = (dir.path().join("n2.toml"), dir.path().join("n2.audit"));
        std::fs::write(&file, format!("{GOOD}[audit]\nkey = \"n2.audit\"\n")).expect("a file");
        assert!(load(GOOD).expect("good").audit_key.is_none());
        let read = || Config::load(&file).expect("good").read_audit_key().map_err(|error| error.to_string());
        assert!(read().expect_err("absent").contains("audit.key: cannot be read"));
        let made = SigningKey::new("n2", [5; 32]).expect("a good name");
        std::fs::write(&key, made.export()).expect("a file");
        assert_eq!(read().expect("good").expect("named").public(), made.public());
        std::fs::write(&key, "PRIVATE+KEY+n2+beef").expect("a file");
        let text = read().expect_err("cut short");
        assert!(text.contains("audit.key: no key") && text.contains("keygen") && !text.contains("beef"), "{text}");
    }

    #[test]
    fn a_bad_secret_is_refused_and_never_shown() {
        let dir = tempfile::tempdir().expect("a folder for the test");
        std::fs::write(dir.path().join("n2.toml"), GOOD).expect("a file");
        std::fs::write(dir.path().join("dpcn.key"), "beef").expect("a file");
        let error = Config::load(&dir.path().join("n2.toml")).expect("good").read_keys().err().expect("too short");
        let text = error.to_string();
        assert!(text.contains("dpcn.secret") && text.contains("64") && !text.contains("beef"), "{text}");
    }
}
