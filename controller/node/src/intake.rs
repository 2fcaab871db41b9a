//! The intake of servers' signals, on a runtime of its own: whoever pushes much slows down nobody else.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use ridethrough_core::site::Site;
use ridethrough_intake::{Intake, Mapping, Server, Signals, Token};
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::runtimes;

/// The intake, bound but not yet serving.
pub struct IntakeDoor {
    runtime: Runtime,
    server: Server,
    intake: Arc<Intake>,
}

impl IntakeDoor {
    /// Binds its address, if it is configured.
    pub fn open(config: &Config, mapping: Option<Mapping>, site: &Site) -> Result<Option<Self>> {
        let (Some(mapping), Some(settings)) = (mapping, &config.intake) else { return Ok(None) };
        let runtime = runtimes::ordinary("intake")?;
        let server = runtime.block_on(Server::bind(settings.listen))?;
        let intake = Arc::new(Intake::new(site, mapping, settings.limits, Instant::now()));
        Ok(Some(Self { runtime, server, intake }))
    }

    /// What it will have heard of servers.
    pub fn signals(&self) -> Arc<Signals> {
        self.intake.signals()
    }

    /// It serves while the runtime that this returns lives.
    pub fn serve(self, token: Option<Token>) -> Runtime {
        let Self { runtime, server, intake } = self;
        tracing::info!(address = %server.address(), token = token.is_some(), "the intake is open");
        runtime.block_on(async { server.serve(intake, token) });
        runtime
    }
}
