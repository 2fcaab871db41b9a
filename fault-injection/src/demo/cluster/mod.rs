//! Three real replicas on loopback, in a folder of their own: started, killed, restarted and stopped as processes.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::unistd::Pid;
use ridethrough_core::device::ReplicaId;
use ridethrough_dashboard::Snapshot;
use ridethrough_protocol::{KeyEpoch, Keyring, SiteSecret};
use ridethrough_witness::{SigningKey, WitnessKey};

use super::{Orders, certificates, ports};

/// What a replica runs, in the folder of programs.
const PROGRAM: &str = "ridethroughd";
/// How many replicas the demo runs.
pub const REPLICAS: u16 = 3;
/// How long a replica that was told to stop may take.
const STOP_DEADLINE: Duration = Duration::from_secs(8);
/// How long a replica may take to answer for its snapshot.
const ANSWER_DEADLINE: Duration = Duration::from_millis(250);

/// How soon replicas take a silent leader for lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time between heartbeats, in milliseconds.
    pub heartbeat_ms: u64,
    /// The election window of each replica in milliseconds: disjoint, so that two replicas do not stand at once. A silent
    /// leader is followed after about the end of a window plus a draw from it.
    pub election_ms: [[u64; 2]; REPLICAS as usize],
}

impl Pace {
    /// For machines that stall for a tenth of a second now and then: windows from 110 ms on had a false election in one
    /// minute there, these had none in six.
    pub const STEADY: Self = Self { heartbeat_ms: 20, election_ms: [[150, 190], [200, 240], [250, 290]] };
    /// For machines that let Raft's threads run in real time.
    pub const FAST: Self = Self { heartbeat_ms: 2, election_ms: [[5, 6], [6, 7], [7, 8]] };
}

/// The two DPCN networks, each with loopback addresses of its own.
const LAN_A: Ipv4Addr = Ipv4Addr::LOCALHOST;
const LAN_B: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The public half of the key that the committed model is signed with. Its secret half is committed, too: it protects
/// nothing, and nobody but the demo and tests may trust it.
pub const DEMO_MODEL_KEY: &str = include_str!("../../../model/demo-signing.pub");

/// The file with the NUT server's users in the demo's folder, and who is in it.
const NUT_USERS: &str = "nut.users";
/// The user that hosts log in as.
pub const NUT_USER: &str = "hosts";

/// What a replica is made of, apart from its own folder.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where everything is written.
    pub home: PathBuf,
    /// The folder with `ridethroughd`.
    pub programs: PathBuf,
    /// The site file.
    pub site: PathBuf,
    /// The model, its manifest and the runtime library; none for the rule.
    pub model: Option<[PathBuf; 3]>,
    /// How many replicas' word the devices demand.
    pub orders: Orders,
    /// How soon a silent leader is taken for lost.
    pub pace: Pace,
}

/// One replica.
#[derive(Debug)]
pub struct Node {
    /// Counted from 1.
    pub id: u16,
    /// Its configuration file.
    pub config: PathBuf,
    /// Its data folder.
    pub data: PathBuf,
    /// Where it takes telemetry on the first network.
    pub dpcn: SocketAddr,
    /// The same on the second.
    pub dpcn_b: SocketAddr,
    /// Where it tells hosts that they have to shut down; none where somebody else's does not.
    pub nut: Option<SocketAddr>,
    /// What it runs; nothing where somebody else starts it.
    pub program: PathBuf,
    /// What is in its environment besides ours.
    pub environment: Vec<(OsString, OsString)>,
    /// The public half of the key that it signs checkpoints of its log with.
    pub witness: WitnessKey,
    /// Where its page is.
    pub http: SocketAddr,
    log: PathBuf,
    child: Option<Child>,
    /// Whether somebody else started it and will start it again.
    attached: bool,
}

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
        let node = self.node_mut(id)?;
        if node.attached {
            return Ok(());
        }
        let log = OpenOptions::new().create(true).append(true).open(&node.log)?;
        let mut command = Command::new(&node.program);
        command.args(["run", "--config"]).arg(&node.config).envs(node.environment.iter().cloned());
        // A process group of its own: Ctrl-C in the terminal is for the demo, which then ends its children in order.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        node.child = Some(command.spawn().with_context(|| format!("cannot start {}", node.program.display()))?);
        Ok(())
    }

    /// Kills a replica as a power cut would: SIGKILL.
    pub fn kill(&mut self, id: u16) -> Result<()> {
        if self.node(id)?.attached {
            // One that is gone already is what is wanted.
            return self.process(id).map_or(Ok(()), |_| self.signal(id, Signal::SIGKILL));
        }
        let node = self.node_mut(id)?;
        if let Some(mut child) = node.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Sends a signal to a replica's process, which may be frozen.
    pub fn signal(&self, id: u16, signal: Signal) -> Result<()> {
        let process = self.process(id).with_context(|| format!("replica n{id} does not run"))?;
        kill(Pid::from_raw(i32::try_from(process)?), signal).with_context(|| format!("cannot signal replica n{id}"))
    }

    /// What a replica last published; none when it does not answer.
    pub fn snapshot(&self, id: u16) -> Option<Snapshot> {
        let node = self.answering(id)?;
        let mut answer = self.agent.get(format!("http://{}/api/snapshot", node.http)).call().ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        serde_json::from_str(&text).ok()
    }

    /// What a replica counts, as Prometheus reads it; none when it does not answer.
    pub fn metrics(&self, id: u16) -> Option<String> {
        let node = self.answering(id)?;
        self.agent.get(format!("http://{}/metrics", node.http)).call().ok()?.body_mut().read_to_string().ok()
    }

    /// The process of a replica, while it runs.
    pub fn process(&self, id: u16) -> Option<u32> {
        let node = self.nodes.iter().find(|node| node.id == id)?;
        if node.attached { listener_of(&node.data) } else { node.child.as_ref().map(Child::id) }
    }

    /// Every replica's snapshot, by id; none for those that do not answer.
    pub fn snapshots(&self) -> Vec<Option<Snapshot>> {
        self.nodes.iter().map(|node| self.snapshot(node.id)).collect()
    }

    /// Replicas that should run and have ended by themselves, with their last words.
    pub fn ended(&mut self) -> Result<Vec<(u16, String)>> {
        let mut ended = Vec::new();
        for node in &mut self.nodes {
            if node.end()?.is_some() {
                ended.push((node.id, tail(&node.log)));
            }
        }
        Ok(ended)
    }

    /// Where a replica takes telemetry, and where its data lie.
    pub fn node(&self, id: u16) -> Result<&Node> {
        self.nodes.iter().find(|node| node.id == id).with_context(|| format!("there is no replica n{id}"))
    }

    /// An error when a replica that should run has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            if let Some(status) = node.end()? {
                bail!("replica n{} ended by itself ({status}); its words:\n{}", node.id, tail(&node.log));
            }
        }
        Ok(())
    }

    /// The web address of a replica.
    pub fn web(&self, id: u16) -> String {
        let node = self.nodes.iter().find(|node| node.id == id);
        node.map_or_else(String::new, |node| format!("http://{}/", node.http))
    }

    /// Tells every replica to stop and waits for it.
    pub fn stop(&mut self) -> Result<()> {
        self.nodes.iter().filter_map(|node| node.child.as_ref()).for_each(terminate);
        let deadline = Instant::now() + STOP_DEADLINE;
        self.nodes.iter_mut().try_for_each(|node| node.wait_for_end(deadline))
    }

    /// Tells one replica to stop and waits for it; for one that somebody else started he has to wait.
    pub fn stop_one(&mut self, id: u16) -> Result<()> {
        if self.node(id)?.attached {
            return self.signal(id, Signal::SIGTERM);
        }
        let node = self.node_mut(id)?;
        node.child.as_ref().into_iter().for_each(terminate);
        node.wait_for_end(Instant::now() + STOP_DEADLINE)
    }

    /// A replica that could answer.
    fn answering(&self, id: u16) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id && (node.child.is_some() || node.attached))
    }

    /// The same, to be changed before it is started.
    pub fn node_mut(&mut self, id: u16) -> Result<&mut Node> {
        self.nodes.iter_mut().find(|node| node.id == id).with_context(|| format!("there is no replica n{id}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().filter_map(|node| node.child.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(ANSWER_DEADLINE)).build().into()
}

/// The process that answers operators in this data folder, as the system knows it.
fn listener_of(data: &Path) -> Option<u32> {
    let stream = UnixStream::connect(data.join("operator.sock")).ok()?;
    let process = getsockopt(&stream, PeerCredentials).ok()?.pid();
    u32::try_from(process).ok()
}

/// SIGTERM, which the standard library cannot send.
fn terminate(child: &Child) {
    if let Ok(id) = i32::try_from(child.id()) {
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

/// The ports of one replica.
#[derive(Clone, Copy, Debug)]
struct Ports {
    raft: u16,
    dpcn: u16,
    dpcn_b: u16,
    http: u16,
    nut: u16,
}

/// Free ports for all replicas: all are held at once while they are drawn, so that none is drawn twice.
fn free_ports() -> Result<Vec<Ports>> {
    let (mut drawn, mut held) = (Vec::new(), Vec::new());
    for _ in 0..REPLICAS {
        let ((raft, raft_held), (http, http_held)) = (ports::tcp()?, ports::tcp()?);
        let (nut, nut_held) = ports::tcp()?;
        let ((dpcn, dpcn_held), (dpcn_b, dpcn_b_held)) = (ports::udp(LAN_A)?, ports::udp(LAN_B)?);
        drawn.push(Ports { raft, dpcn, dpcn_b, http, nut });
        held.push((raft_held, http_held, nut_held, dpcn_held, dpcn_b_held));
    }
    Ok(drawn)
}

/// Draws the password of the hosts, of which the demo has one user, and leaves it in the file of users.
fn draw_nut_users(home: &Path) -> Result<()> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness from the system: {error}"))?;
    let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("[[user]]\nname = \"{NUT_USER}\"\npassword = \"{password}\"\nrole = \"secondary\"\n");
    write_private(&home.join(NUT_USERS), &text)
}

/// Draws the site's secret and leaves it in a file.
fn draw_keyring(file: &Path) -> Result<Keyring> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("no randomness from the system: {error}"))?;
    let keyring = Keyring::new(KeyEpoch::FIRST, SiteSecret::new(secret));
    write_private(file, &keyring.export())?;
    Ok(keyring)
}

/// Draws the key that a replica signs checkpoints with, and leaves it in a file.
fn draw_witness(id: u16, file: &Path) -> Result<WitnessKey> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("no randomness from the system: {error}"))?;
    let key = SigningKey::new(&format!("ridethrough/demo/n{id}"), secret)?;
    write_private(file, &key.export())?;
    Ok(key.public())
}

/// A new file that only its owner can read.
pub(super) fn write_private(file: &Path, text: &str) -> Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    Ok(file.write_all(text.as_bytes())?)
}

impl Node {
    /// A replica of somebody else, by its configuration.
    fn attach(file: &Path) -> Result<Self> {
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

    fn prepare(
        setup: &Setup,
        id: u16,
        ports: &[Ports],
        keyring: &Keyring,
        over: &mut impl FnMut(u16, u16, SocketAddr) -> Result<SocketAddr>,
    ) -> Result<Self> {
        let own = ports[usize::from(id - 1)];
        let (config, data) = (setup.home.join(format!("n{id}.toml")), setup.home.join(format!("n{id}")));
        let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let secret = setup.home.join(format!("n{id}.key"));
        write_private(&secret, &keyring.replica(ReplicaId(id)).export())?;
        let audit = setup.home.join(format!("n{id}.audit"));
        let witness = draw_witness(id, &audit)?;
        let mut peers = String::new();
        for (to, peer) in (1..).zip(ports) {
            let listens = local(peer.raft);
            let dialled = if to == id { listens } else { over(id, to, listens)? };
            let dial = if dialled == listens { String::new() } else { format!("dial = \"{dialled}\"\n") };
            peers += &format!("[[peer]]\nreplica = {to}\naddress = \"{listens}\"\n{dial}\n");
        }
        peers += &http_section(own.http, ports);
        fs::write(&config, configuration(setup, id, own, &peers, &Files { secret, audit, data: data.clone() }))?;
        Ok(Self {
            id,
            log: setup.home.join(format!("n{id}.log")),
            config,
            data,
            witness,
            dpcn: SocketAddr::new(LAN_A.into(), own.dpcn),
            dpcn_b: SocketAddr::new(LAN_B.into(), own.dpcn_b),
            nut: Some(local(own.nut)),
            program: setup.programs.join(PROGRAM),
            environment: Vec::new(),
            http: local(own.http),
            child: None,
            attached: false,
        })
    }

    /// How it ended, if it should run and has ended by itself.
    pub fn end(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.as_mut().map(Child::try_wait).transpose()?.flatten())
    }

    /// Waits for the end of a replica that was told to stop, if it runs; kills it when it does not end in time.
    fn wait_for_end(&mut self, deadline: Instant) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        while child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                bail!("replica n{} did not stop in {} s and was killed", self.id, STOP_DEADLINE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// What a replica's configuration names of its own.
struct Files {
    secret: PathBuf,
    audit: PathBuf,
    data: PathBuf,
}

fn configuration(setup: &Setup, id: u16, own: Ports, peers: &str, files: &Files) -> String {
    let Pace { heartbeat_ms, election_ms } = setup.pace;
    let [min, max] = election_ms[usize::from(id - 1)];
    let (site, data, secret) = (quoted(&setup.site), quoted(&files.data), quoted(&files.secret));
    let mut text = format!(
        "replica = {id}\ncluster = {}\ndemo = true\nsite = {site}\ndata_dir = {data}\n\n\
         [raft]\nheartbeat_ms = {heartbeat_ms}\nelection_ms = [{min}, {max}]\n\n",
        quoted(Path::new(cluster_name(setup))),
    );
    text += peers;
    text += &certificates::section(id);
    text += &format!("[dpcn]\nlisten = \"{LAN_A}:{}\"\nlisten_b = \"{LAN_B}:{}\"\n", own.dpcn, own.dpcn_b);
    text += &format!("two_of_three = {}\nsecret = {secret}\n\n", setup.orders == Orders::TwoOfThree);
    text += &format!("[nut]\nlisten = \"127.0.0.1:{}\"\nusers = {}\n\n", own.nut, quoted(&setup.home.join(NUT_USERS)));
    text += &format!("[audit]\nkey = {}\n", quoted(&files.audit));
    if let Some([model, manifest, runtime]) = &setup.model {
        let (model, manifest, runtime) = (quoted(model), quoted(manifest), quoted(runtime));
        text += &format!("\n[forecast]\nmodel = {model}\nmanifest = {manifest}\nruntime = {runtime}\n");
        text += &format!("trusted = [\"{}\"]\n", DEMO_MODEL_KEY.trim());
    }
    text
}

/// Each page watches all replicas.
fn http_section(own: u16, ports: &[Ports]) -> String {
    let pages: Vec<String> = ports.iter().map(|one| format!("\"http://127.0.0.1:{}\"", one.http)).collect();
    format!("[http]\nlisten = \"127.0.0.1:{own}\"\npeers = [{}]\n\n", pages.join(", "))
}

/// The cluster is named after its folder.
fn cluster_name(setup: &Setup) -> &str {
    setup.home.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or("demo")
}

/// A path as a TOML string.
fn quoted(path: &Path) -> String {
    toml::Value::String(path.display().to_string()).to_string()
}
