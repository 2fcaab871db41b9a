//! A network's management reads the site as a UPS: the newest snapshot becomes a board for the SNMP agent, on a runtime of its own.
//! The control thread does nothing for it.

mod shown;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use ridethrough_core::site::Site;
use ridethrough_dashboard::Snapshot;
use ridethrough_raft::Replica;
use ridethrough_snmp::{Agent, Board, Desk, Engine, Fleet, Limits, Secrets, Server};
use tokio::runtime::Runtime;

use self::shown::{Teller, fleet};
use crate::config::{Config, SnmpConfig};
use crate::known::Known;

/// What version 3 knows this replica by, beside its log.
const ENGINE: &str = "snmp-engine";

/// Checks what the configuration says of it, and says what that is.
pub fn check(config: &Config, site: &Site) -> Result<String> {
    let (Some(settings), Some(secrets)) = (&config.snmp, config.read_snmp()?) else { return Ok("off".into()) };
    let (upses, listen, users) = (fleet(site)?.len(), settings.listen, secrets.users());
    let v2c = if settings.v2c { ", and WHOEVER HEARS its community by version 2c" } else { "" };
    Ok(format!("{upses} UPSes at {listen}, {users} users of version 3{v2c}"))
}

/// The SNMP agent, bound but not yet serving.
pub struct SnmpDoor {
    runtime: Runtime,
    server: Server,
    secrets: Secrets,
    fleet: Fleet,
    v2c: bool,
    agent: Agent,
    engine: std::path::PathBuf,
}

impl SnmpDoor {
    /// Binds its address, if the configuration has one.
    pub fn open(config: &Config, runtime: impl FnOnce() -> Result<Runtime>, site: &Site) -> Result<Option<Self>> {
        let (Some(settings), Some(secrets)) = (&config.snmp, config.read_snmp()?) else { return Ok(None) };
        let (fleet, runtime) = (fleet(site)?, runtime()?);
        let server = runtime.block_on(Server::bind(settings.listen))?;
        let (agent, engine) = (agent(config, settings, site), config.data_dir.join(ENGINE));
        Ok(Some(Self { runtime, server, secrets, fleet, v2c: settings.v2c, agent, engine }))
    }

    /// Serves while the runtime that this returns lives. The data folder has to be there. An engine that cannot be kept costs the
    /// agent, never the replica.
    pub fn serve(self, site: Arc<Site>, shown: Arc<ArcSwap<Snapshot>>, replica: &Arc<Replica>) -> Option<Runtime> {
        let board = Arc::new(ArcSwap::from_pointee(Board::default()));
        let (runtime, server, desk) = match self.desk(Arc::clone(&board)) {
            Ok(ready) => ready,
            Err(error) => {
                tracing::error!(%error, "NO SNMP AGENT: management gets no answer until a restart");
                return None;
            }
        };
        tracing::info!(address = %server.address(), "the SNMP agent is open");
        runtime.block_on(async {
            server.serve(desk);
            let mut teller = Teller::new(site);
            let make = move |snapshot: &_| {
                let now = Instant::now();
                Some(Board { at: Some(now), upses: teller.upses(snapshot, now)? })
            };
            tokio::spawn(Known::new(shown, replica).keep(board, make));
        });
        Some(runtime)
    }

    fn desk(self, board: Arc<ArcSwap<Board>>) -> Result<(Runtime, Server, Desk)> {
        let Self { runtime, server, secrets, fleet, v2c, agent, engine } = self;
        let keys = (secrets, Engine::begin(&engine, agent.began)?);
        let desk = Desk::new(agent, fleet, board, keys, Limits::default()).context("the system has no randomness")?;
        Ok((runtime, server, if v2c { desk.with_v2c() } else { desk }))
    }
}

fn agent(config: &Config, settings: &SnmpConfig, site: &Site) -> Agent {
    let (replica, version) = (config.replica, env!("CARGO_PKG_VERSION"));
    Agent {
        description: format!("Ridethrough {version}, replica {replica} of site {}", site.name),
        contact: settings.contact.clone(),
        name: replica.to_string(),
        location: settings.location.clone(),
        began: Instant::now(),
    }
}
