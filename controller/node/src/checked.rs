//! A configuration with all that it names, read before anything starts.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};
use ridethrough_core::site::Site;
use ridethrough_intake::{Mapping, Token};
use ridethrough_protocol::ReplicaKeys;
use ridethrough_raft::PeerTls;
use ridethrough_witness::SigningKey;

use crate::config::{Config, ConfigError, ForecastFiles};
use crate::doors;
use crate::serving::{RuntimeUse, configured};

/// Everything that can be known to be wrong before anything starts.
pub struct Checked {
    pub config: Config,
    pub site_text: String,
    pub site: Arc<Site>,
    pub keys: ReplicaKeys,
    pub tls: PeerTls,
    pub mapping: Option<Mapping>,
    pub token: Option<Token>,
    /// A key that cannot be read costs the checkpoints, never the replica.
    pub witness: Result<Option<SigningKey>, ConfigError>,
}

/// Checks a configuration with all it names; returns a line that says what it is.
pub fn check(file: &Path) -> Result<String> {
    let checked = load(file)?;
    let (config, site, witness) = (&checked.config, &checked.site, checked.witness?);
    if let Some(files) = &config.forecast {
        let model = configured::load_model(files, &RuntimeUse::default()).with_context(|| files.describe())?;
        model.runtime.map_or(Ok(()), Err).with_context(|| files.describe())?;
    }
    let [(_, days_left), _] = checked.tls.days_left(SystemTime::now());
    let mapped =
        |mapping: &Mapping| format!("{} [[signal]]s, {} series at the least", mapping.signals(), mapping.inputs());
    Ok(format!(
        "{}: replica {} of {} in cluster {:032x}, {} days of its certificate left, site {} with {} racks, {} KESMs, {} ties; \
         forecast from {}; intake: {}; {}; checkpoints: {}; page: http://{}/, which watches {} replicas",
        file.display(),
        config.replica,
        config.peers.len(),
        u128::from_be_bytes(config.cluster),
        days_left,
        site.name,
        site.racks.len(),
        site.kesms.len(),
        site.ties.len(),
        config.forecast.as_ref().map_or("the rule".into(), told),
        checked.mapping.as_ref().map_or("off".into(), mapped),
        doors::check(config, site)?,
        witness.map_or("not signed".into(), |key| format!("signed by {}", key.public())),
        config.http.listen,
        config.http.peers.len().max(1),
    ))
}

/// Where forecasts come from, for people.
fn told(files: &ForecastFiles) -> String {
    let more = files.models.as_ref().map(|folder| format!(", further models in {}", folder.display()));
    files.model.display().to_string() + &more.unwrap_or_default()
}

/// Reads a configuration with all it names.
pub fn load(file: &Path) -> Result<Checked> {
    let config = Config::load(file)?;
    let site_text = std::fs::read_to_string(&config.site)
        .with_context(|| format!("{}: site: cannot be read", config.site.display()))?;
    let site = Site::parse(&config.site.display().to_string(), &site_text)?;
    let (keys, tls) = (config.read_keys()?, config.read_peer_tls()?);
    doors::check(&config, &site)?;
    let (mapping, token) = (config.read_mapping(&site)?, config.read_token()?);
    let witness = config.read_audit_key();
    Ok(Checked { config, site_text, site: Arc::new(site), keys, tls, mapping, token, witness })
}
