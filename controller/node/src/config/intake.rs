//! Where signals of servers come in by remote-write.

use std::net::SocketAddr;
use std::path::PathBuf;

use ridethrough_core::site::Site;
use ridethrough_intake::{LimitFault, Limits, Mapping, Token, TokenError};
use serde::Deserialize;
use toml::Spanned;

use super::{Checker, Config, ConfigError, files};

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIntake {
    listen: Spanned<SocketAddr>,
    mapping: PathBuf,
    token: Option<PathBuf>,
    #[serde(default)]
    anyone: bool,
    limits: Option<Spanned<Limits>>,
}

impl Config {
    /// Reads the mapping file of the intake, for this site.
    pub fn read_mapping(&self, site: &Site) -> anyhow::Result<Option<Mapping>> {
        let Some(intake) = &self.intake else { return Ok(None) };
        let text = files::read_up_to(files::MAPPING_BYTES_MAX, &intake.mapping, "intake.mapping")?;
        Ok(Some(Mapping::parse(&intake.mapping.display().to_string(), &text, site)?))
    }

    /// Reads the token of the intake.
    pub fn read_token(&self) -> Result<Option<Token>, ConfigError> {
        let Some(file) = self.intake.as_ref().and_then(|intake| intake.token.as_ref()) else { return Ok(None) };
        let text = files::read_private(file, "intake.token")?;
        let wrong = |error: TokenError| ConfigError::File {
            file: file.clone(),
            field: "intake.token",
            reason: error.to_string(),
        };
        Token::parse(&text).map(Some).map_err(wrong)
    }
}

impl Checker<'_> {
    pub(super) fn intake(&self, raw: &RawIntake) -> Result<IntakeConfig, ConfigError> {
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
}
