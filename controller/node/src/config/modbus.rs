//! Where the Modbus server listens.

use std::net::SocketAddr;

use serde::Deserialize;
use toml::Spanned;

use super::{Checker, ConfigError};

/// How a building's supervision reads how the site is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModbusConfig {
    /// Where it calls.
    pub listen: SocketAddr,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModbus {
    listen: Spanned<SocketAddr>,
    #[serde(default)]
    anyone: bool,
}

impl Checker<'_> {
    pub(super) fn modbus(&self, raw: &RawModbus) -> Result<ModbusConfig, ConfigError> {
        let listen = *raw.listen.get_ref();
        if !listen.ip().is_loopback() && !raw.anyone {
            let reason = format!("{listen} is not loopback, and Modbus knows no passwords: say anyone = true");
            return Err(self.wrong(&raw.listen, "modbus.listen", reason));
        }
        Ok(ModbusConfig { listen })
    }
}
