//! A replica that somebody else has set up and started, known by its configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ridethrough_witness::SigningKey;

use super::Node;

impl Node {
    /// A replica of somebody else, by its configuration.
    pub(super) fn attach(file: &Path) -> Result<Self> {
        let named = || format!("{}: no configuration of a replica", file.display());
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let table: toml::Table = text.parse().with_context(named)?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let at = |section: &str, key: &str| match section {
            "" => table.get(key),
            section => table.get(section)?.get(key),
        };
        let word = |section: &str, key: &str| at(section, key).and_then(toml::Value::as_str).with_context(named);
        let address = |section: &str, key: &str| word(section, key)?.parse::<SocketAddr>().with_context(named);
        let key =
            folder.join(word("audit", "key").context("its log is not signed, so nobody could audit a drill of it")?);
        let key = fs::read_to_string(&key).with_context(|| format!("cannot read {}", key.display()))?;
        let dpcn = address("dpcn", "listen")?;
        Ok(Self {
            id: at("", "replica")
                .and_then(toml::Value::as_integer)
                .and_then(|id| id.try_into().ok())
                .with_context(named)?,
            config: file.to_owned(),
            data: folder.join(word("", "data_dir")?),
            dpcn,
            dpcn_b: address("dpcn", "listen_b").unwrap_or(dpcn),
            nut: address("nut", "listen").ok(),
            program: PathBuf::new(),
            environment: Vec::new(),
            witness: SigningKey::parse(&key)?.public(),
            http: address("http", "listen")?,
            log: PathBuf::new(),
            child: None,
            attached: true,
        })
    }
}
