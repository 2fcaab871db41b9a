//! A data center's management reads how the site is: the newest snapshot becomes a board for the Redfish service, on a runtime of
//! its own. The control thread does nothing for it.

mod shown;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use arc_swap::ArcSwap;
use ridethrough_core::site::Site;
use ridethrough_dashboard::Snapshot;
use ridethrough_raft::Replica;
use ridethrough_redfish::{Board, Desk, Limits, Server};
use tokio::runtime::Runtime;

use self::shown::{shown, tree};
use crate::config::{Config, RedfishFiles};
use crate::known::Known;
use crate::power::ServerPower;

/// Checks what the configuration says of it, and says what that is.
pub fn check(config: &Config) -> Result<String> {
    let Some(settings) = &config.redfish else { return Ok("off".into()) };
    Ok(format!("https://{}/redfish/v1/, {} users", settings.listen, settings.read()?.users.len()))
}

/// The Redfish service, bound but not yet serving.
pub struct RedfishDoor {
    runtime: Runtime,
    server: Server,
    files: RedfishFiles,
}

impl RedfishDoor {
    /// Binds its address, if the configuration has one.
    pub fn open(config: &Config, runtime: impl FnOnce() -> Result<Runtime>) -> Result<Option<Self>> {
        let Some(settings) = &config.redfish else { return Ok(None) };
        let (files, runtime) = (settings.read()?, runtime()?);
        let server = runtime.block_on(Server::bind(settings.listen))?;
        Ok(Some(Self { runtime, server, files }))
    }

    /// Serves while the runtime that this returns lives.
    pub fn serve(
        self,
        site: &Site,
        power: Arc<ServerPower>,
        snapshot: Arc<ArcSwap<Snapshot>>,
        replica: &Arc<Replica>,
    ) -> Runtime {
        let Self { runtime, server, files } = self;
        let (users, tree) = (files.users.len(), Arc::new(tree(site)));
        tracing::info!(address = %server.address(), users, "the Redfish service is open");
        let board = Arc::new(ArcSwap::from_pointee(Board::default()));
        runtime.block_on(async {
            let desk = Desk::new(Arc::clone(&tree), Arc::clone(&board), files.users, Limits::default());
            server.serve(desk, &files.identity);
            // The first snapshot is of no site: nothing is made of it.
            let make = move |snapshot: &_| {
                let now = Instant::now();
                let outlets = power.servers().map(|server| power.outlet(server, now)).collect();
                Board::new(&tree, shown(snapshot, outlets), now)
            };
            tokio::spawn(Known::new(snapshot, replica).keep(board, make));
        });
        runtime
    }
}
