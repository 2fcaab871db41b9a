//! Three real replicas on loopback, in a folder of their own: started, killed, restarted and stopped as processes.

mod attach;
mod node;
mod prepare;
mod secrets;
mod setup;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use ridethrough_dashboard::Snapshot;

pub use self::node::Node;
use self::node::STOP_DEADLINE;
use self::prepare::{cluster_name, free_ports};
pub(super) use self::secrets::write_private;
pub use self::secrets::{DEMO_MODEL_KEY, NUT_USER};
use self::secrets::{draw_keyring, draw_nut_users};
pub use self::setup::{Pace, Setup};
use super::certificates;

/// What a replica runs, in the folder of programs.
const PROGRAM: &str = "ridethroughd";
/// How many replicas the demo runs.
pub const REPLICAS: u16 = 3;
/// How long a replica may take to answer for its snapshot.
const ANSWER_DEADLINE: Duration = Duration::from_millis(250);

/// The replicas of a demo.
#[derive(Debug)]
pub struct Cluster {
    /// By id.
    pub nodes: Vec<Node>,
    /// File with the site's DPCN secret, which the plant's devices are commissioned from.
    pub secret: PathBuf,
    agent: ureq::Agent,
}

impl Cluster {
    /// Writes keys and configurations; starts nothing yet.
    pub fn prepare(setup: &Setup) -> Result<Self> {
        Self::prepare_over(setup, |_, _, address| Ok(address))
    }

    /// The same with something between the replicas: `over` is asked for each replica where it is to dial another one, which
    /// listens at the given address.
    pub fn prepare_over(
        setup: &Setup,
        mut over: impl FnMut(u16, u16, SocketAddr) -> Result<SocketAddr>,
    ) -> Result<Self> {
        let program = setup.programs.join(PROGRAM);
        if !program.exists() {
            bail!("{} is missing: `cargo demo` builds it", program.display());
        }
        let secret = setup.home.join("dpcn.key");
        let keyring = draw_keyring(&secret)?;
        certificates::write(&setup.home, cluster_name(setup), REPLICAS)?;
        draw_nut_users(&setup.home)?;
        let ports = free_ports()?;
        let nodes =
            (1..=REPLICAS).map(|id| Node::prepare(setup, id, &ports, &keyring, &mut over)).collect::<Result<_>>()?;
        Ok(Self { nodes, secret, agent: agent() })
    }

    /// Replicas of somebody else that run on this machine, by their configurations. Whoever started them starts them again.
    pub fn attach(configurations: &[PathBuf]) -> Result<Self> {
        let nodes = configurations.iter().map(|file| Node::attach(file)).collect::<Result<Vec<_>>>()?;
        if let Some(node) = nodes.iter().find(|node| nodes.iter().filter(|other| other.id == node.id).count() > 1) {
            bail!("replica n{} is named twice", node.id);
        }
        Ok(Self { nodes, secret: PathBuf::new(), agent: agent() })
    }

    /// Starts a replica, or starts it again; one that somebody else started is left to him.
    pub fn start(&mut self, id: u16) -> Result<()> {
        self.node_mut(id)?.start()
    }

    /// Kills a replica as a power cut would: SIGKILL.
    pub fn kill(&mut self, id: u16) -> Result<()> {
        self.node_mut(id)?.kill()
    }

    /// Sends a signal to a replica's process, which may be frozen.
    pub fn signal(&self, id: u16, signal: Signal) -> Result<()> {
        self.node(id)?.signal(signal)
    }

    /// Tells every replica to stop and waits for it.
    pub fn stop(&mut self) -> Result<()> {
        self.nodes.iter().for_each(Node::terminate);
        let deadline = Instant::now() + STOP_DEADLINE;
        self.nodes.iter_mut().try_for_each(|node| node.wait_for_end(deadline))
    }

    /// Tells one replica to stop and waits for it; for one that somebody else started he has to wait.
    pub fn stop_one(&mut self, id: u16) -> Result<()> {
        self.node_mut(id)?.stop()
    }

    /// The process of a replica, while it runs.
    pub fn process(&self, id: u16) -> Option<u32> {
        self.find(id)?.process()
    }

    /// Replicas that should run and have ended by themselves, with their last words.
    pub fn ended(&mut self) -> Result<Vec<(u16, String)>> {
        let mut ended = Vec::new();
        for node in &mut self.nodes {
            if node.end()?.is_some() {
                ended.push((node.id, node.last_words()));
            }
        }
        Ok(ended)
    }

    /// An error when a replica that should run has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            if let Some(status) = node.end()? {
                bail!("replica n{} ended by itself ({status}); its words:\n{}", node.id, node.last_words());
            }
        }
        Ok(())
    }

    /// What a replica last published; none when it does not answer.
    pub fn snapshot(&self, id: u16) -> Option<Snapshot> {
        serde_json::from_str(&self.get(id, "api/snapshot")?).ok()
    }

    /// Every replica's snapshot, by id; none for those that do not answer.
    pub fn snapshots(&self) -> Vec<Option<Snapshot>> {
        self.nodes.iter().map(|node| self.snapshot(node.id)).collect()
    }

    /// What a replica counts, as Prometheus reads it; none when it does not answer.
    pub fn metrics(&self, id: u16) -> Option<String> {
        self.get(id, "metrics")
    }

    /// The web address of a replica.
    pub fn web(&self, id: u16) -> String {
        self.find(id).map_or_else(String::new, Node::web)
    }

    /// Where a replica takes telemetry, and where its data lie.
    pub fn node(&self, id: u16) -> Result<&Node> {
        self.find(id).with_context(|| format!("there is no replica n{id}"))
    }

    /// The same, to be changed before it is started.
    pub fn node_mut(&mut self, id: u16) -> Result<&mut Node> {
        self.nodes.iter_mut().find(|node| node.id == id).with_context(|| format!("there is no replica n{id}"))
    }

    fn find(&self, id: u16) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// What a replica answers on this path of its web view, if it could answer and does.
    fn get(&self, id: u16, path: &str) -> Option<String> {
        let node = self.find(id).filter(|node| node.should_answer())?;
        self.agent.get(node.web() + path).call().ok()?.body_mut().read_to_string().ok()
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(ANSWER_DEADLINE)).build().into()
}
