//! Debian's NUT clients, which know nothing of Ridethrough, ask replicas that really run. The utility fails and the generator does
//! not start: a real `upsmon` of tier 4 runs its shutdown command, then one of tier 1, although the leader is killed meanwhile.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::cluster::{Cluster, NUT_USER, REPLICAS};
use ridethrough_tests::stage::{Play, Stage, outage_without_generator};
use ridethrough_tests::{Ended, Running, alone, debian, edit, folder, read, run, run_command, write};

/// How long a client may take that is expected to answer and end.
const CLIENT_DEADLINE: Duration = Duration::from_secs(20);
/// The hosts: a rack of tier 4 and one of tier 1, in one row.
const LEAST: &str = "A2-tier4";
const MOST: &str = "A1-tier1";

/// One of NUT's programs.
fn nut(name: &str) -> Command {
    let mut command = Command::new(debian::program("nut-client", name));
    command.env("LD_LIBRARY_PATH", debian::libraries(&["libupsclient6", "libnss3", "libnspr4"]));
    command
}

fn ask(name: &str, words: &[&str]) -> Ended {
    run_command(CLIENT_DEADLINE, nut(name).args(words))
}

fn address(cluster: &Cluster, id: u16) -> SocketAddr {
    cluster.node(id).expect("there").nut.expect("the demo has it on")
}

fn status(cluster: &Cluster, id: u16, ups: &str) -> Ended {
    ask("upsc", &[&format!("{ups}@{}", address(cluster, id)), "ups.status"])
}

/// A host that lives on one UPS and asks all replicas about it.
struct Host {
    upsmon: Running,
    home: PathBuf,
}

impl Host {
    fn start(home: &Path, cluster: &Cluster, ups: &str) -> Self {
        let home = home.join(format!("host-{ups}"));
        std::fs::create_dir(&home).expect("a new folder");
        let users = read(&cluster.node(1).expect("there").config.with_file_name("nut.users"));
        let password = users.split("password = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("there");
        // Three that tell the same, of which two must not say that it is over: a replica that is gone counts for nothing.
        let monitor = |id: u16| format!("MONITOR {ups}@{} 1 {NUT_USER} {password} secondary\n", address(cluster, id));
        let monitors: String = (1..=REPLICAS).map(monitor).collect();
        let down = home.join("down");
        let config = format!(
            "{monitors}MINSUPPLIES 2\nSHUTDOWNCMD \"touch {}\"\nPOLLFREQ 1\nPOLLFREQALERT 1\nDEADTIME 5\nHOSTSYNC 15\n\
             FINALDELAY 0\nNOCOMMWARNTIME 300\nRBWARNTIME 43200\n",
            down.display()
        );
        write(&home.join("upsmon.conf"), config);
        let log = File::create(home.join("log")).expect("a file in a new folder");
        let mut command = nut("upsmon");
        // In the foreground; without giving up rights, which it could not do as an ordinary user.
        command.args(["-D", "-p"]).env("NUT_CONFPATH", &home).env("NUT_STATEPATH", &home).current_dir(&home);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log);
        Self { upsmon: Running(command.spawn().expect("upsmon starts")), home }
    }

    fn is_down(&self) -> bool {
        self.home.join("down").exists()
    }

    fn check_up(&mut self) {
        assert!(self.upsmon.runs() && !self.is_down(), "{}", read(&self.home.join("log")));
    }
}

#[test]
fn hosts_shut_down_tier_by_tier_when_nothing_will_carry_them() {
    let _alone = alone();
    let home = folder();
    let play = Play { scenario: outage_without_generator(home.path(), 4), ..Play::default() };
    let mut stage = Stage::start(home.path(), &play);
    stage.leader();
    wait_until_online(&mut stage);
    what_clients_read(&stage.cluster);
    nobody_orders_anything(&stage.cluster);
    let mut hosts = [LEAST, MOST].map(|ups| Host::start(home.path(), &stage.cluster, ups));
    stage.wait_for("both hosts are logged in everywhere", |cluster| {
        let logged_in =
            |id: u16, ups| ask("upsc", &["-c", &format!("{ups}@{}", address(cluster, id))]).stdout == "127.0.0.1\n";
        (1..=REPLICAS).all(|id| logged_in(id, LEAST) && logged_in(id, MOST)).then_some(())
    });
    stage.play();
    stage.wait_for("on battery", |cluster| {
        (1..=REPLICAS).all(|id| status(cluster, id, MOST).stdout.starts_with("OB")).then_some(())
    });
    hosts.iter_mut().for_each(Host::check_up);
    let killed = stage.leader();
    stage.cluster.kill(killed).expect("it runs");
    let [least, most] = &mut hosts;
    let told = stage.wait_for("tier 4 is let go", |cluster| {
        let all = cluster.snapshots().into_iter().flatten();
        let says = all.flat_map(|one| one.caps).any(|cap| cap.rack == "A2" && cap.tiers_kept < 4);
        says.then(Instant::now)
    });
    stage.wait_for("the host of tier 4 shuts down", |_| least.is_down().then_some(()));
    let after = told.elapsed();
    most.check_up();
    let first = Instant::now();
    let log = || read(&home.path().join(format!("host-{MOST}/log")));
    stage.wait_for("the host of tier 1 shuts down", |_| most.is_down().then_some(()));
    println!("upsmon shut its host down {after:?} after the ledger let tier 4 go, tier 1 {:?} later", first.elapsed());
    assert!(
        log().contains("forced shutdown in progress"),
        "it was told, and did not only lose its replicas: {}",
        log()
    );
    without_a_quorum_nothing_is_told(&mut stage);
}

fn wait_until_online(stage: &mut Stage) {
    stage.wait_for("every replica tells of every UPS", |cluster| {
        (1..=REPLICAS).all(|id| status(cluster, id, MOST).stdout.starts_with("OL")).then_some(())
    });
}

fn what_clients_read(cluster: &Cluster) {
    let at = address(cluster, 2).to_string();
    let listed = ask("upsc", &["-l", &at]);
    assert_eq!((listed.code(), listed.stdout.lines().count()), (0, 16), "{listed:?}");
    assert!(listed.stdout.lines().any(|name| name == MOST), "{listed:?}");
    let told = ask("upsc", &[&format!("{MOST}@{at}")]);
    for line in ["ups.status: OL", "device.type: ups", "driver.name: ridethroughd", "ups.realpower.nominal: 24000"] {
        assert!(told.stdout.lines().any(|one| one.starts_with(line)), "{line}: {told:?}");
    }
    for name in ["battery.charge: ", "battery.runtime: ", "ups.load: ", "ups.realpower: "] {
        let value = told.stdout.lines().find_map(|line| line.strip_prefix(name)?.parse::<u32>().ok());
        assert!(value.is_some_and(|value| value > 0), "{name}{told:?}");
    }
    let unknown = ask("upsc", &[&format!("Z9-tier1@{at}")]);
    assert!(unknown.code() == 1 && unknown.stderr.contains("Unknown UPS"), "{unknown:?}");
    assert!(ask("upsrw", &[&format!("{MOST}@{at}")]).stdout.is_empty(), "nothing can be set");
}

/// `upscmd` with a wrong and the right password.
fn nobody_orders_anything(cluster: &Cluster) {
    let ups = format!("{MOST}@{}", address(cluster, 3));
    let wrong = ask("upscmd", &["-u", NUT_USER, "-p", "not-the-word", &ups, "load.off"]);
    assert!(wrong.code() == 1 && wrong.stderr.contains("ACCESS-DENIED"), "{wrong:?}");
    let counted = cluster.metrics(3).expect("it answers");
    assert!(counted.contains("ridethrough_nut_passwords_wrong_total 1\n"), "{counted}");
    let listed = ask("upscmd", &["-l", &ups]);
    assert_eq!(listed.code(), 0, "{listed:?}");
}

/// One replica of three knows nothing, and says so: neither that all is well nor that it is over.
fn without_a_quorum_nothing_is_told(stage: &mut Stage) {
    let left: Vec<u16> = (1..=REPLICAS).filter(|id| stage.cluster.process(*id).is_some()).collect();
    let [gone, last] = left[..] else { panic!("{left:?} run") };
    stage.cluster.kill(gone).expect("it runs");
    stage.wait_for("the last replica says that it knows nothing", |cluster| {
        let told = status(cluster, last, MOST);
        (told.code() == 1 && told.stderr.contains("Data stale")).then_some(())
    });
    std::thread::sleep(Duration::from_secs(1));
    for ups in [LEAST, MOST] {
        let told = status(&stage.cluster, last, ups);
        assert!(told.stderr.contains("Data stale") && told.stdout.is_empty(), "{told:?}");
    }
}

/// A file of users that is none stops the replica before it starts, with file, line and reason, and shows no password.
#[test]
fn a_wrong_file_of_users_is_refused_before_anything_starts() {
    let _alone = alone();
    let home = folder();
    let stage = Stage::start(home.path(), &Play::default());
    let config = stage.cluster.node(1).expect("there").config.display().to_string();
    let good = run("ridethroughd", &["check-config", &config]);
    assert!(good.code() == 0 && good.stdout.contains("NUT: 24 UPSes at 127.0.0.1:"), "{good:?}");
    edit(&home.path().join("nut.users"), "\"secondary\"", "\"slave\"");
    let ended = run("ridethroughd", &["check-config", &config]);
    assert!(ended.code() == 2 && ended.stderr.contains("nut.users:"), "{ended:?}");
    assert!(ended.stderr.contains("primary or secondary") && !ended.stderr.contains("password = \""), "{ended:?}");
}
