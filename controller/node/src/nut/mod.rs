//! Hosts are told when their tier has to shut down: the newest snapshot becomes a board for the NUT server, on a runtime of its own.
//! The control thread does nothing for it.

mod views;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use arc_swap::ArcSwap;
use ridethrough_core::site::Site;
use ridethrough_dashboard::Snapshot;
use ridethrough_nut::{Board, Desk, Fleet, Limits, Server, Users};
use ridethrough_raft::Replica;
use tokio::runtime::Runtime;

use self::views::{Teller, fleet};
use crate::config::Config;
use crate::known::Known;

/// Checks what the configuration says of it, and says what that is.
pub fn check(config: &Config, site: &Site) -> Result<String> {
    let Some(settings) = &config.nut else { return Ok("off".into()) };
    let users = config.read_users()?.map_or("nobody logs in".into(), |users| format!("{} users", users.len()));
    Ok(format!("{} UPSes at {}, {users}", fleet(site)?.len(), settings.listen))
}

/// The NUT server, bound but not yet serving.
pub struct NutDoor {
    runtime: Runtime,
    server: Server,
    fleet: Fleet,
    users: Option<Users>,
}

impl NutDoor {
    /// Binds its address, if the configuration has one.
    pub fn open(config: &Config, runtime: impl FnOnce() -> Result<Runtime>, site: &Site) -> Result<Option<Self>> {
        let Some(settings) = &config.nut else { return Ok(None) };
        let (fleet, users, runtime) = (fleet(site)?, config.read_users()?, runtime()?);
        let server = runtime.block_on(Server::bind(settings.listen))?;
        Ok(Some(Self { runtime, server, fleet, users }))
    }

    /// Serves while the runtime that this returns lives.
    pub fn serve(self, site: Arc<Site>, shown: Arc<ArcSwap<Snapshot>>, replica: &Arc<Replica>) -> Runtime {
        let Self { runtime, server, fleet, users } = self;
        tracing::info!(address = %server.address(), upses = fleet.len(), users = users.is_some(), "the NUT server is open");
        let board = Arc::new(ArcSwap::from_pointee(Board::default()));
        let desk = Desk::new(Arc::new(fleet), Arc::clone(&board), users);
        runtime.block_on(async {
            server.serve(desk, Limits::default());
            let mut teller = Teller::new(site);
            let make = move |snapshot: &_| Some(Board { at: Some(Instant::now()), views: teller.views(snapshot)? });
            tokio::spawn(Known::new(shown, replica).keep(board, make));
        });
        runtime
    }
}
