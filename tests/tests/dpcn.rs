//! DPCN from outside: the vectors, and a capture of the demo on loopback, read by a decoder that knows nothing but
//! `io/PROTOCOL.md` and by Wireshark's dissector.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ridethrough_tests::{Running, alone, folder, program, read, root, wait_until};

/// The demo takes half a minute; only one that hangs meets this.
const DEADLINE: Duration = Duration::from_mins(4);
const REPLICAS: usize = 3;

#[test]
fn vectors_hold_for_a_decoder_of_the_specification() {
    python("decode.py", "vectors", &vectors());
}

#[test]
fn wireshark_shows_what_the_vectors_say() {
    python("dissect.py", "vectors", &vectors());
}

#[test]
fn a_capture_of_the_demo_is_genuine_and_wholly_dissected() {
    let _alone = alone();
    let home = folder();
    let (demo, capture) = (home.path().join("demo"), home.path().join("demo.pcapng"));
    let mut drill = Command::new(program("drill"));
    // Without a model the scenario begins 20 s earlier.
    drill.args(["demo", "--seconds", "12", "--model", "none", "--keep"]).arg(&demo).current_dir(root());
    let output = File::create(home.path().join("demo.log")).expect("a file in a new folder");
    drill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
    let drill = Running(drill.spawn().expect("the drill starts"));
    let mut ports = Vec::new();
    wait_until("the replicas' ports are known", DEADLINE, || {
        ports = (1..=REPLICAS).flat_map(|id| dpcn_ports(&demo.join(format!("n{id}.toml")))).collect();
        ports.len() == 2 * REPLICAS
    });
    let mut dumpcap = start_dumpcap(&ports, &capture);
    let ended = drill.wait(DEADLINE);
    let words = || read(&home.path().join("demo.log"));
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}: {}", words());
    stop(&mut dumpcap);
    let secret = demo.join("dpcn.key");
    python("dissect.py", "capture", &[capture, "--secret".into(), secret]);
}

fn vectors() -> Vec<PathBuf> {
    let folder = root().join("io/vectors");
    let mut files: Vec<_> = fs::read_dir(folder).expect("vectors").flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Runs a command of a script of `tests/dpcn`, which must find nothing wrong.
fn python(script: &str, command: &str, words: &[PathBuf]) {
    let mut python = Command::new("python3");
    python.arg(root().join("tests/dpcn").join(script)).arg(command).args(words).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = python.output().expect("python3 starts");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} {command}: {words}");
    println!("{}", String::from_utf8_lossy(&output.stdout));
}

/// The ports on which a replica takes telemetry, one for each network; none while its configuration is not whole.
fn dpcn_ports(config: &Path) -> Vec<u16> {
    let text = fs::read_to_string(config).unwrap_or_default();
    let Ok(config) = toml::from_str::<toml::Table>(&text) else { return Vec::new() };
    let port = |name| config.get("dpcn")?.get(name)?.as_str()?.rsplit_once(':')?.1.parse().ok();
    ["listen", "listen_b"].into_iter().filter_map(port).collect()
}

/// Captures these ports of loopback until it is stopped; returns once it does.
fn start_dumpcap(ports: &[u16], capture: &Path) -> Running {
    let filter = ports.iter().map(|port| format!("udp port {port}")).collect::<Vec<_>>().join(" or ");
    let log = capture.with_extension("log");
    let mut dumpcap = Command::new("dumpcap");
    dumpcap.args(["-q", "-i", "lo", "-B", "64", "-f", &filter, "-w"]).arg(capture);
    dumpcap.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).expect("a file in a new folder"));
    let mut running = Running(dumpcap.spawn().expect("dumpcap starts: `cargo xtask test` installs it"));
    wait_until("dumpcap captures", Duration::from_secs(20), || {
        let words = read(&log);
        assert!(running.runs(), "dumpcap ended: {words}; capturing takes root or the group `wireshark`");
        words.contains("File:")
    });
    running
}

/// Interrupts it, so that its file is whole.
fn stop(dumpcap: &mut Running) {
    let interrupted = Command::new("kill").args(["-INT", &dumpcap.0.id().to_string()]).status();
    assert!(interrupted.is_ok_and(|status| status.success()), "dumpcap is running");
    wait_until("dumpcap has ended", Duration::from_secs(20), || !dumpcap.runs());
}
