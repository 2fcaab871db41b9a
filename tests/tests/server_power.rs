//! The power of every server, from the emulated plant's outlets to what a replica that really runs shows of it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::certificates;
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::realtime::{Keyring, Orders, Plant, ReplicaId, Setup};
use ridethrough_fault_injection::scenario::Scenario;
use ridethrough_tests::{Running, alone, demo_scenario, folder, free, program, read, write, write_private};
use tempfile::TempDir;

/// How long anything may take that is waited for: only what never comes meets it.
const DEADLINE: Duration = Duration::from_mins(4);
/// So long one answer of the replica may take; after that it is asked again.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Between two questions.
const ASKED_EVERY: Duration = Duration::from_millis(250);
/// The plant's truth is kept for so long: longer than any reading that a replica shows is old, and an answer takes.
const KEPT: Duration = Duration::from_secs(40);
/// So often it is noted: as often as recordings of the demo change, and more.
const NOTED_EVERY: Duration = Duration::from_millis(10);
/// What a reading may be older than it says, for its time on the way. On a slower machine another is looked at.
const OLDER: Duration = Duration::from_secs(3);
/// And younger, because ages are rounded.
const YOUNGER: Duration = Duration::from_millis(50);
/// No draw of the meters' noise, 0.2 %, is beyond 3.5 deviations.
const NOISE_SHARE: f64 = 0.007;
const REPLICA: ReplicaId = ReplicaId(1);

/// The secret of the site, which the plant's devices have their keys of.
fn keyring() -> Keyring {
    Keyring::parse(&"00c0ffee".repeat(8)).expect("64 digits")
}

/// One replica, with the folder and the addresses of its run.
struct Desk {
    home: TempDir,
    dpcn: [SocketAddr; 2],
    http: SocketAddr,
}

impl Desk {
    fn new() -> Self {
        let local = Ipv4Addr::LOCALHOST;
        // All held at once, so that no two are the same.
        let ([(raft, _raft), (http, _http)], udp) =
            ([(); 2].map(|()| free::tcp()), [local, Ipv4Addr::new(127, 0, 0, 2)].map(free::udp));
        let dpcn = udp.each_ref().map(|(address, _)| *address);
        let desk = Self { home: folder(), dpcn, http };
        write(&desk.file("site.toml"), read(&demo_scenario().join("site.toml")));
        // A replica has its own secret, which is made of the site's.
        write_private(&desk.file("dpcn.key"), keyring().replica(REPLICA).export());
        let [a, b] = dpcn;
        certificates::write(desk.home.path(), "server power", 1).expect("certificates can be made");
        let peer_tls = certificates::section(1);
        let config = format!(
            "replica = 1\ncluster = \"server power\"\nsite = \"site.toml\"\ndata_dir = \"n1\"\n\n\
             [raft]\nheartbeat_ms = 20\nelection_ms = [150, 190]\n\n[[peer]]\nreplica = 1\naddress = \"{raft}\"\n\n\
             {peer_tls}[dpcn]\nlisten = \"{a}\"\nlisten_b = \"{b}\"\nsecret = \"dpcn.key\"\n\n[http]\nlisten = \"{http}\"\n"
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
        let keyring = keyring();
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

    /// The body of what the replica answers.
    fn get(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.http, ANSWER_MAX)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.http)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
            _ => Err(io::Error::other(format!("it answers {answer:?}"))),
        }
    }

    fn servers(&self) -> Result<Vec<Shown>, String> {
        let body = self.get("/api/servers").map_err(|error| format!("/api/servers: {error}"))?;
        serde_json::from_str(&body).map_err(|error| format!("/api/servers: {error} in {body:?}"))
    }

    /// A metric that has to have this value.
    fn counts(&self, name: &str, value: usize) -> Result<(), String> {
        let text = self.get("/metrics").map_err(|error| format!("/metrics: {error}"))?;
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap_or("missing");
        if found == value.to_string() { Ok(()) } else { Err(format!("{name} is {found} and not {value}")) }
    }

    /// Asks until an answer is right. At the deadline everything is told that could say why none was.
    fn wait<T>(&self, field: &Field, what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
        let until = Instant::now() + DEADLINE;
        loop {
            let wrong = match ask() {
                Ok(right) => return right,
                Err(wrong) => wrong,
            };
            let ends = Instant::now() >= until || field.has_ended();
            assert!(!ends, "{what}: {wrong}\n{}", self.evidence(field));
            std::thread::sleep(ASKED_EVERY);
        }
    }

    /// What the replica has heard and refused, what it has said, and how the plant fares.
    fn evidence(&self, field: &Field) -> String {
        let is_told = |line: &&str| line.contains("_dpcn_") || line.contains("servers_power");
        let metrics = match self.get("/metrics") {
            Ok(text) => text.lines().filter(is_told).collect::<Vec<_>>().join("\n"),
            Err(error) => format!("no metrics: {error}"),
        };
        let plant = if field.has_ended() { "has ended" } else { "goes on" };
        format!("the plant {plant}\n{metrics}\n{}", read(&self.file("ridethroughd.log")))
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

    /// Least and most that a server took about `age` before an answer, which was made between these two times.
    fn about(&self, server: usize, asked: Instant, answered: Instant, age: Duration) -> (f64, f64) {
        let about = self.0.iter().filter(|(at, _)| *at + age <= answered + YOUNGER && *at + age + OLDER >= asked);
        about
            .map(|(_, watts)| watts[server])
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), watts| (least.min(watts), most.max(watts)))
    }
}

/// The plant on a thread of its own, so that it never waits for a replica's answer. It ends with the test.
struct Field {
    ends: Arc<AtomicBool>,
    truth: Arc<Mutex<Truth>>,
    thread: Option<JoinHandle<()>>,
}

impl Field {
    fn start(mut plant: Plant) -> Self {
        let (ends, truth) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Truth>>::default());
        let (told, noted) = (Arc::clone(&ends), Arc::clone(&truth));
        let thread = std::thread::spawn(move || {
            plant.start();
            // It publishes nothing and is read until it is seen.
            while !told.load(Ordering::Relaxed) {
                plant.turn().expect("the plant goes on");
                noted.lock().unwrap_or_else(PoisonError::into_inner).note(plant.world());
            }
        });
        Self { ends, truth, thread: Some(thread) }
    }

    fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Whether this is what the server took, as its outlet's meter can tell.
    fn compare(&self, nth: usize, server: &Shown, asked: Instant, answered: Instant) -> Result<(), String> {
        let Shown { name, power_watts: Some(watts), age_ms: Some(age_ms), source: Some(source) } = server else {
            return Err(format!("{} is not heard", server.name));
        };
        assert_eq!(source, "outlet", "{name}: nobody else speaks");
        let watts = f64::from(u32::try_from(*watts).expect("of a server"));
        let truth = self.truth.lock().unwrap_or_else(PoisonError::into_inner);
        let (least, most) = truth.about(nth, asked, answered, Duration::from_millis(*age_ms));
        let near = least * (1.0 - NOISE_SHARE) - 1.0 <= watts && watts <= most * (1.0 + NOISE_SHARE) + 1.0;
        if near { Ok(()) } else { Err(format!("{name}: {watts} W, {age_ms} ms old; it took {least} to {most} W")) }
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // A plant that failed has said so itself, and the test fails for what it lacks.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[test]
fn every_server_of_the_demo_is_heard_within_its_meters_error() {
    let _alone = alone();
    let desk = Desk::new();
    let scenario = Scenario::load(&demo_scenario()).expect("the demo's scenario is good");
    let field = Field::start(desk.plant(&scenario));
    let _replica = desk.replica();
    let names: Vec<&String> = scenario.site.servers.iter().map(|server| &server.name).collect();
    let shown = desk.wait(&field, "every server is heard, and rightly", || {
        let asked = Instant::now();
        let (shown, answered) = (desk.servers()?, Instant::now());
        let wrong = (0..).zip(&shown).filter_map(|(nth, server)| field.compare(nth, server, asked, answered).err());
        let wrong: Vec<String> = wrong.collect();
        match wrong.first() {
            None => Ok(shown),
            Some(first) => Err(format!("{} of {} are wrong: {first}", wrong.len(), shown.len())),
        }
    });
    assert_eq!(shown.iter().map(|server| &server.name).collect::<Vec<_>>(), names);
    desk.wait(&field, "the replica has counted", || {
        desk.counts("ridethrough_servers_power_known{source=\"outlet\"}", names.len())
    });
    desk.counts("ridethrough_racks_outlets_doubted", 0).expect("the plant's meters agree");
    desk.counts("ridethrough_dpcn_outlets_unknown_total", 0).expect("the site has a server for each");
    assert!(!field.has_ended(), "the plant goes on");
}
