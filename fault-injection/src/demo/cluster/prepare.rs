//! A replica of the demo's own before its first start: ports that are free, keys, and a configuration.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Result;
use ridethrough_core::device::ReplicaId;
use ridethrough_protocol::Keyring;

use super::secrets::{DEMO_MODEL_KEY, NUT_USERS, draw_witness, write_private};
use super::{Node, PROGRAM, Pace, REPLICAS, Setup};
use crate::demo::{Orders, certificates, ports};

/// The two DPCN networks, each with loopback addresses of its own.
const LAN_A: Ipv4Addr = Ipv4Addr::LOCALHOST;
const LAN_B: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

impl Node {
    /// Writes its keys and its configuration. `over` is asked where it is to dial another replica, which listens at the given
    /// address.
    pub(super) fn prepare(
        setup: &Setup,
        id: u16,
        ports: &[Ports],
        keyring: &Keyring,
        over: &mut impl FnMut(u16, u16, SocketAddr) -> Result<SocketAddr>,
    ) -> Result<Self> {
        let own = ports[usize::from(id - 1)];
        let (config, data) = (setup.home.join(format!("n{id}.toml")), setup.home.join(format!("n{id}")));
        let secret = setup.home.join(format!("n{id}.key"));
        write_private(&secret, &keyring.replica(ReplicaId(id)).export())?;
        let audit = setup.home.join(format!("n{id}.audit"));
        let witness = draw_witness(id, &audit)?;
        let peers = peer_sections(id, ports, over)? + &http_section(own.http, ports);
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
}

/// The ports of one replica.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    raft: u16,
    dpcn: u16,
    dpcn_b: u16,
    http: u16,
    nut: u16,
}

/// Free ports for all replicas: all are held at once while they are drawn, so that none is drawn twice.
pub(super) fn free_ports() -> Result<Vec<Ports>> {
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

/// Where the replicas listen to each other, and where one of them dials the others if that is elsewhere.
fn peer_sections(
    id: u16,
    ports: &[Ports],
    over: &mut impl FnMut(u16, u16, SocketAddr) -> Result<SocketAddr>,
) -> Result<String> {
    let mut sections = String::new();
    for (to, peer) in (1..).zip(ports) {
        let listens = local(peer.raft);
        let dialled = if to == id { listens } else { over(id, to, listens)? };
        let dial = if dialled == listens { String::new() } else { format!("dial = \"{dialled}\"\n") };
        sections += &format!("[[peer]]\nreplica = {to}\naddress = \"{listens}\"\n{dial}\n");
    }
    Ok(sections)
}

/// Each page watches all replicas.
fn http_section(own: u16, ports: &[Ports]) -> String {
    let pages: Vec<String> = ports.iter().map(|one| format!("\"http://127.0.0.1:{}\"", one.http)).collect();
    format!("[http]\nlisten = \"127.0.0.1:{own}\"\npeers = [{}]\n\n", pages.join(", "))
}

/// The cluster is named after its folder.
pub(super) fn cluster_name(setup: &Setup) -> &str {
    setup.home.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or("demo")
}

/// A port of loopback.
fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A path as a TOML string.
fn quoted(path: &Path) -> String {
    toml::Value::String(path.display().to_string()).to_string()
}
