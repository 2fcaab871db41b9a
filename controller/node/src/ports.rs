//! Every port of a replica. All are bound before the log is opened, so that a port in use leaves nothing half-started.

use anyhow::{Context, Result};
use ridethrough_core::site::Site;
use ridethrough_dashboard::Server;
use ridethrough_intake::Mapping;
use ridethrough_link::{Link, LinkConfig};
use ridethrough_protocol::{ReplicaKeys, SessionNonce};
use ridethrough_raft::PeerTls;
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::described;
use crate::doors::Doors;
use crate::intake::IntakeDoor;
use crate::operator::Afar;
use crate::runtimes;

/// What listens, but for Raft.
pub struct Ports {
    /// The page.
    pub page: Server,
    /// Signals of servers.
    pub intake: Option<IntakeDoor>,
    /// The tools of others.
    pub doors: Doors,
    /// The field network.
    pub link: Link,
    /// Operators who are elsewhere.
    pub afar: Option<Afar>,
}

impl Ports {
    /// Binds what is configured. The field network's thread wakes the thread that calls.
    pub fn bind(
        config: &Config,
        site: &Site,
        keys: ReplicaKeys,
        mapping: Option<Mapping>,
        tls: &PeerTls,
        web: &Runtime,
    ) -> Result<Self> {
        let page = web.block_on(Server::bind(config.http.listen))?;
        // With the page came the recorder of metrics.
        described::describe();
        let intake = IntakeDoor::open(config, mapping, site)?;
        let doors = Doors::open(config, runtimes::ordinary, site)?;
        let link = open_link(config, keys, site).context("dpcn.listen")?;
        tracing::info!(scheduling = ?link.scheduling(), "the field network is open");
        let afar = listen_afar(config, web, tls)?;
        Ok(Self { page, intake, doors, link, afar })
    }
}

fn open_link(config: &Config, keys: ReplicaKeys, site: &Site) -> Result<Link> {
    let mut link = LinkConfig::new(config.dpcn_listen, keys, site.devices().collect());
    link.session = SessionNonce::new(draw()?);
    link.lan_b = config.dpcn_listen_b;
    link.outlets = site.racks.iter().map(|rack| rack.servers.len()).collect();
    link.core = config.dpcn_core;
    link.orders = config.dpcn_orders;
    link.consumer = Some(std::thread::current());
    Ok(Link::start(link)?)
}

/// Where people ask from elsewhere, if anywhere.
fn listen_afar(config: &Config, web: &Runtime, tls: &PeerTls) -> Result<Option<Afar>> {
    let Some(address) = config.operators_listen else { return Ok(None) };
    let bound = web.block_on(Afar::bind(address, tls.clone()));
    bound.map(Some).with_context(|| format!("operators.listen: cannot bind {address}"))
}

fn draw() -> Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness from the system: {error}"))?;
    Ok(u64::from_le_bytes(bytes))
}
