//! Debian's Prometheus scrapes Debian's node exporter and pushes to a replica that really runs: neither was written here,
//! and neither knows anything of Ridethrough. What the replica counts is read from its `/metrics`.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use ridethrough_fault_injection::demo::certificates;
use ridethrough_tests::{
    Running, alone, debian, demo_scenario, folder, free, program, read, wait_until, write, write_private,
};
use tempfile::TempDir;

/// How long anything may take that is waited for: only what never comes meets it.
const DEADLINE: Duration = Duration::from_mins(1);
/// The server that the exporter stands for, and twice what its power supplies take: its meter cannot tell more.
const SERVER: &str = "A1-s1";
const METER_MAX: u32 = 2 * 3_700;
const TOKEN: &str = "push-with-this-word-only";
/// A counter of bytes stands for the network's, which an exporter in a container may not see.
const MAPPING: &str = r#"
[[signal]]
signal = "network"
metric = "go_memstats_alloc_bytes_total"
labels = { job = "node" }
kind = "counter"
server_pattern = "{}"
max_age_seconds = 10

[[signal]]
signal = "workload"
metric = "node_load1"
kind = "gauge"
server_pattern = "{}"
max_age_seconds = 10

[[signal]]
signal = "power"
metric = "meter_watts"
kind = "gauge"
server_pattern = "{}"
max_age_seconds = 10
"#;

/// The folder and the addresses of one run.
struct Desk {
    home: TempDir,
    raft: SocketAddr,
    dpcn: SocketAddr,
    http: SocketAddr,
    intake: SocketAddr,
    exporter: SocketAddr,
    prometheus: SocketAddr,
}

impl Desk {
    fn new() -> Self {
        // All held at once, so that no two are the same.
        let held = [(); 5].map(|()| free::tcp());
        let (dpcn, _dpcn) = free::udp(Ipv4Addr::LOCALHOST);
        let tcp = |nth: usize| held[nth].0;
        let desk = Self {
            home: folder(),
            raft: tcp(0),
            dpcn,
            http: tcp(1),
            intake: tcp(2),
            exporter: tcp(3),
            prometheus: tcp(4),
        };
        desk.write_replica();
        desk.write_prometheus(TOKEN);
        desk.tell_meter(300);
        desk
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write_replica(&self) {
        let Self { raft, dpcn, http, intake, .. } = self;
        write(&self.file("site.toml"), read(&demo_scenario().join("site.toml")));
        write_private(&self.file("dpcn.key"), "00c0ffee".repeat(8));
        write_private(&self.file("intake.token"), format!("{TOKEN}\n"));
        write(&self.file("signals.toml"), MAPPING);
        certificates::write(self.home.path(), "remote write", 1).expect("certificates can be made");
        let peer_tls = certificates::section(1);
        let config = format!(
            "replica = 1\ncluster = \"remote write\"\nsite = \"site.toml\"\ndata_dir = \"n1\"\n\n\
             [raft]\nheartbeat_ms = 20\nelection_ms = [150, 190]\n\n[[peer]]\nreplica = 1\naddress = \"{raft}\"\n\n\
             {peer_tls}[dpcn]\nlisten = \"{dpcn}\"\nsecret = \"dpcn.key\"\n\n[http]\nlisten = \"{http}\"\n\n\
             [intake]\nlisten = \"{intake}\"\nmapping = \"signals.toml\"\ntoken = \"intake.token\"\n"
        );
        write(&self.file("n1.toml"), config);
    }

    fn write_prometheus(&self, token: &str) {
        let Self { exporter, intake, .. } = self;
        let config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\n\
             scrape_configs:\n  - job_name: node\n    static_configs:\n      - targets: ['{exporter}']\n        \
             labels: {{ instance: '{SERVER}' }}\n\
             remote_write:\n  - url: http://{intake}/api/v1/write\n    authorization: {{ credentials: '{token}' }}\n    \
             queue_config: {{ batch_send_deadline: 1s }}\n"
        );
        write(&self.file("prometheus.yml"), config);
    }

    /// What the meter behind the exporter says from now on, watts.
    fn tell_meter(&self, watts: u32) {
        // Renamed, so that the exporter never reads half of it.
        let (new, told) = (self.file("meter.new"), self.file("meter.prom"));
        write(&new, format!("meter_watts {watts}\n"));
        std::fs::rename(new, told).expect("a file in a new folder");
    }

    fn start(&self, mut command: Command, name: &str) -> Running {
        let log = File::create(self.file(&format!("{name}.log"))).expect("a file in a new folder");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Running(command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}")))
    }

    fn replica(&self) -> Running {
        let mut command = Command::new(program("ridethroughd"));
        command.arg("run").arg("--config").arg(self.file("n1.toml"));
        self.start(command, "ridethroughd")
    }

    fn exporter(&self) -> Running {
        let mut command = Command::new(debian::program("prometheus-node-exporter", "prometheus-node-exporter"));
        command.args(["--collector.disable-defaults", "--collector.loadavg"]);
        command.arg("--collector.textfile").arg("--collector.textfile.directory").arg(self.home.path());
        command.arg(format!("--web.listen-address={}", self.exporter));
        self.start(command, "exporter")
    }

    fn prometheus(&self) -> Running {
        let mut command = Command::new(debian::program("prometheus", "prometheus"));
        command.arg("--config.file").arg(self.file("prometheus.yml"));
        command.arg("--storage.tsdb.path").arg(self.file("tsdb"));
        command.arg(format!("--web.listen-address={}", self.prometheus));
        self.start(command, "prometheus")
    }

    /// One of the replica's metrics; 0 while it has none such.
    fn metric(&self, name: &str) -> f64 {
        let text = get(self.http, "/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.trim().parse().expect("a number"))
    }

    fn heard(&self, signal: &str) -> bool {
        self.metric(&format!("ridethrough_intake_heard{{signal=\"{signal}\"}}")) > 0.5
    }

    fn refused(&self, reason: &str) -> f64 {
        self.metric(&format!("ridethrough_intake_samples_refused_total{{reason=\"{reason}\"}}"))
    }

    fn requests(&self, reason: &str) -> f64 {
        self.metric(&format!("ridethrough_intake_requests_total{{reason=\"{reason}\"}}"))
    }
}

/// Waits, and asks ten times a second at the most: every question is a connection.
fn wait(what: &str, so: impl Fn() -> bool) {
    wait_until(what, DEADLINE, || {
        let is = so();
        std::thread::sleep(if is { Duration::ZERO } else { Duration::from_millis(100) });
        is
    });
}

/// What a web view answers; nothing while there is none.
fn get(address: SocketAddr, path: &str) -> String {
    let mut answer = String::new();
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        stream.read_to_string(&mut answer)
    });
    asked.map(|_| answer).unwrap_or_default()
}

#[test]
fn an_unchanged_prometheus_pushes_to_a_running_replica() {
    let _alone = alone();
    let desk = Desk::new();
    let mut replica = desk.replica();
    wait("the replica shows itself", || get(desk.http, "/metrics").contains("ridethrough_intake_heard"));
    let exporter = desk.exporter();
    let prometheus = desk.prometheus();
    for signal in ["network", "workload", "power"] {
        wait(&format!("{signal} is heard"), || desk.heard(signal));
    }
    assert!(desk.requests("ok") > 0.0 && desk.metric("ridethrough_intake_samples_total{reason=\"unmapped\"}") > 0.0);
    for reason in ["malformed", "partial", "unsupported", "unauthorized", "too_large"] {
        assert!(desk.requests(reason) < 0.5, "{reason}: {}", get(desk.http, "/metrics"));
    }
    values_are_what_the_exporter_says(&desk);
    drop(exporter);
    wait("an exporter that died is not heard", || !desk.heard("workload") && !desk.heard("network"));
    let exporter = desk.exporter();
    wait("it is heard again", || desk.heard("workload") && desk.heard("network"));
    drop(prometheus);
    wait("without a sender signals grow too old", || !desk.heard("workload") && !desk.heard("power"));
    // A sender without the word is turned away; the replica goes on.
    desk.write_prometheus("not-the-word-of-this-replica");
    let stranger = desk.prometheus();
    wait("a stranger is turned away", || desk.requests("unauthorized") > 0.5);
    assert!(!desk.heard("workload") && replica.runs());
    drop((stranger, exporter));
}

/// The mapping's bound is the judge: just below it a value is taken, just above it is refused.
fn values_are_what_the_exporter_says(desk: &Desk) {
    desk.tell_meter(METER_MAX);
    std::thread::sleep(Duration::from_secs(4));
    assert!(desk.refused("absurd") < 0.5, "{METER_MAX} W can be");
    desk.tell_meter(METER_MAX + 1);
    wait("what cannot be is refused", || desk.refused("absurd") > 0.5);
    wait("and no longer told", || !desk.heard("power"));
    assert!(desk.heard("workload"), "the rest of the same requests is taken");
    desk.tell_meter(300);
    wait("power is heard again", || desk.heard("power"));
}

/// A mapping that names what the site does not have stops the replica before it starts, with file, line and key.
#[test]
fn a_wrong_mapping_is_refused_before_anything_starts() {
    let _alone = alone();
    let desk = Desk::new();
    let wrong = MAPPING.replacen("server_pattern = \"{}\"", "server = { \"10.0.0.7:9100\" = \"Z9-s9\" }", 1);
    write(&desk.file("signals.toml"), wrong);
    let ended = ridethrough_tests::run("ridethroughd", &["check-config", &desk.file("n1.toml").display().to_string()]);
    assert_eq!(ended.code(), 2, "{ended:?}");
    assert!(ended.stderr.contains("signals.toml:7: signal.server: \"Z9-s9\""), "{ended:?}");
    write(&desk.file("signals.toml"), MAPPING);
    write(&desk.file("intake.token"), "short");
    let ended =
        ridethrough_tests::run("ridethroughd", &["run", "--config", &desk.file("n1.toml").display().to_string()]);
    assert_eq!(ended.code(), 2, "{ended:?}");
    assert!(ended.stderr.contains("intake.token") && !ended.stderr.contains("short"), "{ended:?}");
    assert!(!desk.file("n1").exists(), "nothing was begun");
}
