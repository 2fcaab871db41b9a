//! The Debian packages that `cargo xtask test` makes of the programs that were built: what is in them runs from where it was
//! unpacked, the service is as closed as it says, and the service manager is told what is true.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::Orders;
use ridethrough_fault_injection::demo::cluster::{Cluster, Pace, Setup};
use ridethrough_tests::packages::unpacked;
use ridethrough_tests::stopped::Stopped;
use ridethrough_tests::{
    Ended, Running, alone, demo_scenario, folder, model_files, program, programs, read, root, run_command,
};

/// How long anything may take that is waited for: only what never comes meets it.
const DEADLINE: Duration = Duration::from_mins(1);
/// `systemd-analyze security` at the most; 10 is a service that nothing holds back.
const EXPOSURE_MAX: f64 = 1.5;

fn ask(command: &mut Command) -> Ended {
    run_command(DEADLINE, command)
}

fn says(program: &Path, words: &[&str], at: &Path) -> String {
    let ended = ask(Command::new(program).args(words).current_dir(at));
    assert_eq!(ended.code(), 0, "{words:?}: {ended:?}");
    ended.stdout
}

#[test]
fn what_is_packaged_runs_from_where_it_was_unpacked() {
    let _alone = alone();
    let home = folder();
    let installed = unpacked("ridethrough", home.path());
    let [daemon, ridectl] = ["ridethroughd", "ridectl"].map(|name| installed.join("usr/bin").join(name));
    let etc = installed.join("etc/ridethrough");
    assert!(says(&daemon, &["--version"], &etc).starts_with("ridethroughd 0."));
    // As the comments of the packaged configuration say.
    says(&ridectl, &["keys", "make", "site.key"], &etc);
    says(&ridectl, &["keys", "replica", "--site", "site.key", "--replica", "1", "dpcn.key"], &etc);
    says(&ridectl, &["pki", "ca", "--cluster-name", "hall-1", "--out", "authority"], &etc);
    says(&ridectl, &["pki", "issue", "--ca", "authority", "--replica", "1", "--out", "."], &etc);
    std::fs::copy(etc.join("authority/ca.pem"), etc.join("ca.pem")).expect("the authority has one");
    let checked = says(&daemon, &["check-config", "replica.toml"], &etc);
    assert!(checked.contains("replica n1 of 3") && checked.contains("site hall-1 with 2 racks"), "{checked}");
    for file in [
        "lib/systemd/system/ridethroughd.service",
        "usr/lib/sysusers.d/ridethrough.conf",
        "usr/lib/tmpfiles.d/ridethrough.conf",
        "usr/share/doc/ridethrough/sbom.cdx.json",
        "usr/share/ridethrough/observability/rules.yml",
        "usr/share/doc/ridethrough/runbooks/no-quorum.md",
        "usr/share/bash-completion/completions/ridectl",
        "usr/share/man/man8/ridethroughd.8.gz",
    ] {
        assert!(installed.join(file).exists(), "{file}");
    }
    let pages = std::fs::read_dir(installed.join("usr/share/man/man1")).expect("there are pages").count();
    assert!(pages > 20, "{pages} pages of ridectl");
    assert!(!installed.join("usr/bin/drill").exists(), "nothing that injects faults comes with a replica");
}

#[test]
fn the_drill_is_packaged_with_what_it_plays() {
    let _alone = alone();
    let home = folder();
    let installed = unpacked("ridethrough-drill", home.path());
    let shared = installed.join("usr/share/ridethrough");
    let listed = says(&installed.join("usr/bin/drill"), &["list"], &shared);
    assert!(listed.contains("kill-leader") && listed.contains("generator-does-not-start"), "{listed}");
    let played = ["outcome", "--scenario", "calm", "--policy", "none", "--output", "json"];
    let ended = ask(Command::new(installed.join("usr/bin/drill")).args(played).current_dir(&shared));
    assert_eq!(ended.code(), 0, "recordings are found: {ended:?}");
}

#[test]
fn the_service_is_as_closed_as_it_says() {
    let _alone = alone();
    let unit = root().join("controller/packaging/ridethroughd.service");
    let mut command = Command::new("systemd-analyze");
    let asked = command.args(["security", "--offline=yes", "--no-pager"]).arg(&unit).stdin(Stdio::null()).output();
    let Ok(asked) = asked else { return println!("no systemd-analyze here: not judged") };
    let told = String::from_utf8_lossy(&asked.stdout).into_owned();
    let overall = told.lines().find_map(|line| line.split_once("Overall exposure level for ")).expect("a verdict").1;
    let level: f64 = overall.split_whitespace().nth(1).and_then(|level| level.parse().ok()).expect(overall);
    println!("systemd-analyze security: {level}");
    assert!(level <= EXPOSURE_MAX, "{told}");
    let text = read(&unit);
    for line in ["LimitRTPRIO=", "LimitMEMLOCK=infinity", "CapabilityBoundingSet=\n", "Type=notify", "WatchdogSec="] {
        assert!(text.contains(line), "{line}");
    }
    assert!(!text.contains("RestrictRealtime=yes"), "threads run in real time");
}

/// The kernel's own switch, which a service has by `MemoryDenyWriteExecute`: the runtime of the model must do without.
#[test]
fn the_model_runs_where_no_memory_may_be_written_and_executed() {
    let _alone = alone();
    let home = folder();
    let cluster = cluster(home.path());
    let config = &cluster.nodes[0].config;
    let deny = "import ctypes,os,sys\nlibc=ctypes.CDLL(None)\nassert libc.prctl(65,1,0,0,0)==0\nos.execv(sys.argv[1],sys.argv[1:])";
    let mut command = Command::new("python3");
    command.args(["-c", deny]).arg(program("ridethroughd")).arg("check-config").arg(config);
    let ended = ask(&mut command);
    if ended.stderr.contains("AssertionError") {
        return println!("this kernel has no such switch: not tried");
    }
    assert!(ended.code() == 0 && ended.stdout.contains("forecast.onnx"), "{ended:?}");
}

fn cluster(home: &Path) -> Cluster {
    let setup = Setup {
        home: home.to_owned(),
        programs: programs(),
        site: demo_scenario().join("site.toml"),
        model: Some(model_files()),
        orders: Orders::One,
        pace: Pace::STEADY,
    };
    Cluster::prepare(&setup).expect("configurations can be written")
}

/// A service manager's end of the line.
struct Manager(UnixDatagram);

impl Manager {
    fn new(at: &Path) -> Self {
        let socket = UnixDatagram::bind(at).expect("a socket in a new folder");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket");
        Self(socket)
    }

    /// What was said within this time, one after the other.
    fn hear(&self, span: Duration) -> Vec<String> {
        let (until, mut bytes, mut heard) = (Instant::now() + span, [0; 512], Vec::new());
        while Instant::now() < until {
            let Ok(length) = self.0.recv(&mut bytes) else { continue };
            heard.push(String::from_utf8_lossy(&bytes[..length]).trim_end().to_owned());
        }
        heard
    }

    fn wait_for(&self, words: &str) {
        let until = Instant::now() + DEADLINE;
        while !self.hear(Duration::from_millis(100)).iter().any(|said| said.contains(words)) {
            assert!(Instant::now() < until, "nobody said {words}");
        }
    }
}

#[test]
fn the_service_manager_hears_when_the_loop_ticks_and_nothing_when_it_hangs() {
    let _alone = alone();
    let home = folder();
    let cluster = cluster(home.path());
    let socket = home.path().join("notify");
    let manager = Manager::new(&socket);
    let mut command = Command::new(program("ridethroughd"));
    command.args(["run", "--config"]).arg(&cluster.nodes[0].config).env("NOTIFY_SOCKET", &socket);
    command.env("WATCHDOG_USEC", "400000").env_remove("WATCHDOG_PID");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut replica = Running(command.spawn().expect("it starts"));
    manager.wait_for("READY=1");
    let fed = manager.hear(Duration::from_secs(2)).iter().filter(|said| *said == "WATCHDOG=1").count();
    assert!(fed >= 8, "fed {fed} times in two seconds, expected some twenty");
    // The control loop is the main thread; all others go on.
    let stopped = Stopped::stop(replica.0.id(), "ridethroughd");
    manager.hear(Duration::from_millis(300));
    let heard = manager.hear(Duration::from_secs(1));
    assert!(heard.is_empty(), "a loop that hangs is not vouched for: {heard:?}");
    assert!(replica.runs());
    drop(stopped);
    manager.wait_for("WATCHDOG=1");
    let process = nix::unistd::Pid::from_raw(i32::try_from(replica.0.id()).expect("a number"));
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGTERM).expect("it runs");
    manager.wait_for("STOPPING=1");
    assert_eq!(replica.wait(DEADLINE).and_then(|status| status.code()), Some(0));
}
