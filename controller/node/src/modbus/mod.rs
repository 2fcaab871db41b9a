//! A building's supervision reads how the site is: the newest snapshot becomes a board for the Modbus server, on a runtime of its
//! own. The control thread does nothing for it.

mod shown;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use arc_swap::ArcSwap;
use ridethrough_core::device::ReplicaId;
use ridethrough_core::site::Site;
use ridethrough_dashboard::Snapshot;
use ridethrough_modbus::{Board, Counts, Desk, Layout, Limits, Server, TooLarge};
use ridethrough_raft::Replica;
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::known::Known;

/// Checks what the configuration says of it, and says what that is.
pub fn check(config: &Config, site: &Site) -> Result<String> {
    let Some(settings) = &config.modbus else { return Ok("off".into()) };
    let who = if settings.listen.ip().is_loopback() { "for this host" } else { "for ANYONE who reaches it" };
    Ok(format!("{} registers at {}, {who}", layout(config.replica, site)?.registers(), settings.listen))
}

fn layout(replica: ReplicaId, site: &Site) -> Result<Layout, TooLarge> {
    let counts = Counts { racks: site.racks.len(), kesms: site.kesms.len(), feeds: site.feeds.len() };
    Layout::new(replica.0, site.hash, counts)
}

/// The Modbus server, bound but not yet serving.
pub struct ModbusDoor {
    runtime: Runtime,
    server: Server,
    layout: Layout,
}

impl ModbusDoor {
    /// Binds its address, if the configuration has one.
    pub fn open(config: &Config, runtime: impl FnOnce() -> Result<Runtime>, site: &Site) -> Result<Option<Self>> {
        let Some(settings) = &config.modbus else { return Ok(None) };
        let (layout, runtime) = (layout(config.replica, site)?, runtime()?);
        let server = runtime.block_on(Server::bind(settings.listen))?;
        Ok(Some(Self { runtime, server, layout }))
    }

    /// Serves while the runtime that this returns lives.
    pub fn serve(self, shown: Arc<ArcSwap<Snapshot>>, replica: &Arc<Replica>) -> Runtime {
        let Self { runtime, server, layout } = self;
        tracing::info!(address = %server.address(), registers = layout.registers(), "the Modbus server is open");
        let board = Arc::new(ArcSwap::from_pointee(Board::default()));
        let desk = Desk::new(layout, Arc::clone(&board));
        runtime.block_on(async {
            server.serve(desk, Limits::default());
            // The first snapshot is of no site: nothing is made of it.
            let make = move |snapshot: &_| Board::new(&layout, &shown::of(snapshot), Instant::now());
            tokio::spawn(Known::new(shown, replica).keep(board, make));
        });
        runtime
    }
}
