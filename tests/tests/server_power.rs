//! The power of every server, from the emulated plant's outlets to what a replica that really runs shows of it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::realtime::{Keyring, Orders, Plant, Setup};
use ridethrough_fault_injection::scenario::Scenario;
use ridethrough_tests::{Running, alone, demo_scenario, folder, program, read, wait_until, write};
use tempfile::TempDir;

/// How long anything may take that is waited for: only what never comes meets it.
const DEADLINE: Duration = Duration::from_mins(1);
/// The plant's truth is kept for so long: longer than any reading that a replica shows is old.
const KEPT: Duration = Duration::from_secs(12);
/// So often it is noted: as often as recordings of the demo change, and more.
const NOTED_EVERY: Duration = Duration::from_millis(10);
/// What a reading may be older than it says: time on the way, and a machine with other things to do.
const OLDER: Duration = Duration::from_secs(3);
/// And younger, because ages are rounded.
const YOUNGER: Duration = Duration::from_millis(50);
/// No draw of the meters' noise, 0.2 %, is beyond 3.5 deviations.
const NOISE_SHARE: f64 = 0.007;
const SECRET: &str = "00c0ffee";

/// One replica, with the folder and the addresses of its run.
struct Desk {
    home: TempDir,
    dpcn: [SocketAddr; 2],
    http: SocketAddr,
}

impl Desk {
    fn new() -> Self {
        let local = Ipv4Addr::LOCALHOST;
        let tcp = [0, 1].map(|_| TcpListener::bind((local, 0)).expect("loopback has free ports"));
        let udp = [local, Ipv4Addr::new(127, 0, 0, 2)].map(|ip| UdpSocket::bind((ip, 0)).expect("free ports"));
        let [raft, http] = tcp.each_ref().map(|held| held.local_addr().expect("a bound socket has an address"));
        let dpcn = udp.each_ref().map(|held| held.local_addr().expect("a bound socket has an address"));
        let desk = Self { home: folder(), dpcn, http };
        write(&desk.file("site.toml"), read(&demo_scenario().join("site.toml")));
        write(&desk.file("dpcn.key"), SECRET.repeat(8));
        let [a, b] = dpcn;
        let config = format!(
            "replica = 1\ncluster = \"server power\"\nsite = \"site.toml\"\ndata_dir = \"n1\"\n\n\
             [raft]\nheartbeat_ms = 20\nelection_ms = [150, 190]\n\n[[peer]]\nreplica = 1\naddress = \"{raft}\"\n\n\
             [dpcn]\nlisten = \"{a}\"\nlisten_b = \"{b}\"\nsecret = \"dpcn.key\"\n\n[http]\nlisten = \"{http}\"\n"
        );
        write(&desk.file("n1.toml"), config);
        desk
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn replica(&self) -> Running {
        let log = File::create(self.file("ridethroughd.log")).expect("a file in a new folder");
        let mut command = Command::new(program("ridethroughd"));
        command.arg("run").arg("--config").arg(self.file("n1.toml"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Running(command.spawn().unwrap_or_else(|error| panic!("cannot start ridethroughd: {error}")))
    }

    fn plant(&self, scenario: &Scenario) -> Plant {
        let keyring = Keyring::parse(&SECRET.repeat(8)).expect("64 digits");
        let (records, [a, b]) = (self.file("records"), self.dpcn);
        let setup = Setup {
            scenario,
            replicas: &[a],
            replicas_b: &[b],
            keyring: &keyring,
            orders: Orders::One,
            records: &records,
            nvm: None,
        };
        Plant::bind(&setup).expect("it binds on loopback")
    }

    /// The body of what the replica answers; none while it does not.
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect_timeout(&self.http, Duration::from_secs(1)).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }

    fn servers(&self) -> Vec<Shown> {
        self.get("/api/servers").and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default()
    }

    /// A metric without labels; none before it is there.
    fn metric(&self, name: &str) -> Option<f64> {
        let text = self.get("/metrics")?;
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }
}

/// A server as the replica shows it.
#[derive(serde::Deserialize)]
struct Shown {
    name: String,
    power_watts: Option<i64>,
    age_ms: Option<u64>,
    source: Option<String>,
}

/// What every server truly took, lately.
#[derive(Default)]
struct Truth(VecDeque<(Instant, Vec<f64>)>);

impl Truth {
    fn note(&mut self, world: &World) {
        let now = Instant::now();
        if self.0.back().is_some_and(|(at, _)| now.duration_since(*at) < NOTED_EVERY) {
            return;
        }
        let site = world.site();
        let mut watts = vec![0.0; site.servers.len()];
        for rack in site.rack_ids() {
            for (server, feeds) in site.rack(rack).servers.iter().zip(world.outlet_watts(rack)) {
                watts[server.index()] = feeds.unwrap_or_default();
            }
        }
        self.0.push_back((now, watts));
        while self.0.front().is_some_and(|(at, _)| now.duration_since(*at) > KEPT) {
            self.0.pop_front();
        }
    }

    /// Least and most that a server took about `age` before `now`.
    fn about(&self, server: usize, now: Instant, age: Duration) -> (f64, f64) {
        let age_of = |at: Instant| now.saturating_duration_since(at);
        let about = self.0.iter().filter(|(at, _)| age_of(*at) + YOUNGER >= age && age_of(*at) <= age + OLDER);
        about
            .map(|(_, watts)| watts[server])
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), watts| (least.min(watts), most.max(watts)))
    }
}

#[test]
fn every_server_of_the_demo_is_heard_within_its_meters_error() {
    let _alone = alone();
    let desk = Desk::new();
    let scenario = Scenario::load(&demo_scenario()).expect("the demo's scenario is good");
    let mut plant = desk.plant(&scenario);
    let _replica = desk.replica();
    let names: Vec<String> = scenario.site.servers.iter().map(|server| server.name.clone()).collect();
    let mut truth = Truth::default();
    let turn = |plant: &mut Plant, truth: &mut Truth| {
        plant.turn().expect("the plant goes on");
        truth.note(plant.world());
    };
    plant.start();
    // As long as the truth is kept, so that every reading has some to be compared with.
    let begun = Instant::now();
    let mut heard = 0;
    let mut looked = begun;
    while begun.elapsed() < KEPT || heard < names.len() {
        assert!(begun.elapsed() < DEADLINE, "{heard} of {} servers are heard", names.len());
        turn(&mut plant, &mut truth);
        if looked.elapsed() > Duration::from_secs(1) {
            looked = Instant::now();
            heard = desk.servers().iter().filter(|server| server.power_watts.is_some()).count();
        }
    }
    let (shown, now) = (desk.servers(), Instant::now());
    assert_eq!(shown.iter().map(|server| &server.name).collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
    for (nth, server) in shown.iter().enumerate() {
        assert_eq!(server.source.as_deref(), Some("outlet"), "{}", server.name);
        let (watts, age_ms) = (server.power_watts.expect("it is heard"), server.age_ms.expect("it has an age"));
        let watts = f64::from(u32::try_from(watts).expect("of a server"));
        let (least, most) = truth.about(nth, now, Duration::from_millis(age_ms));
        let near = least * (1.0 - NOISE_SHARE) - 1.0 <= watts && watts <= most * (1.0 + NOISE_SHARE) + 1.0;
        assert!(near, "{}: {watts} W, {age_ms} ms old; it took {least} to {most} W", server.name);
    }
    wait_until("the replica has counted", DEADLINE, || {
        turn(&mut plant, &mut truth);
        desk.metric("ridethrough_servers_power_known{source=\"outlet\"}")
            == u32::try_from(names.len()).ok().map(f64::from)
    });
    assert_eq!(desk.metric("ridethrough_racks_outlets_doubted"), Some(0.0), "the plant's meters agree");
    assert_eq!(desk.metric("ridethrough_dpcn_outlets_unknown_total"), Some(0.0));
}
