//! Three rack appliances: namespaces with a system of their own, joined by three networks, each with Debian's systemd as its first
//! process. On each the package is installed by `dpkg`, configured as its README says, and started by `systemctl`; then they
//! lose their leader, hang, are upgraded and removed. `tests/appliance.sh` makes them, and nothing of it is seen outside.

mod appliance;
mod hall;

use std::process::Command;
use std::time::Duration;

use ridethrough_tests::packages::{package, with_version};
use ridethrough_tests::stopped::Stopped;
use ridethrough_tests::{Running, alone, folder};

use self::appliance::{Appliance, SERVICE, refused};
use self::hall::{Hall, REPLICAS};

/// How long a service that was ended by its manager may take to be ready again: three seconds without a tick, one until it is
/// started, and what a start takes.
const BACK_AGAIN: Duration = Duration::from_secs(30);

/// The folder that a purge takes, and that nothing else does.
const DATA: &str = "/var/lib/ridethrough";

#[test]
fn three_appliances_live_by_what_the_package_brings() {
    let _alone = alone();
    let home = folder();
    if let Some(why) = refused(home.path()) {
        return println!("SKIPPED: no appliances here: {why}");
    }
    let itself = std::env::current_exe().expect("this program");
    let mut command = Command::new("unshare");
    command.arg("--net").arg(itself).args(["--exact", "appliances::inside", "--ignored", "--nocapture"]);
    let ended = Running(command.spawn().expect("unshare runs")).wait(Duration::from_mins(8)).expect("it ends in time");
    assert!(ended.success(), "inside its namespace: {ended}");
}

#[test]
#[ignore = "runs inside a network namespace, where the other test starts it"]
fn inside() {
    let home = folder();
    let mut hall = Hall::build(home.path());
    let first = package("ridethrough");
    std::thread::scope(|scope| {
        for appliance in &hall.appliances {
            scope.spawn(|| is_installed_and_waits(appliance, &first));
        }
    });
    hall.commission();
    hall.start();
    is_as_closed_as_the_kernel_says(&hall.appliances[0]);
    hall.all_well("after the first start");
    hall.operate();
    another_leads_while_the_leader_is_cut_off(&mut hall);
    forecasts_come_from_the_model(&mut hall);
    what_is_killed_comes_back(&mut hall);
    what_hangs_is_started_again(&mut hall);
    let next = with_version(&first, home.path(), "0.1.0-2");
    an_upgrade_keeps_the_log(&mut hall, &next);
    removal_keeps_data_and_purge_does_not(&mut hall, &next);
    hall.end();
}

/// What the maintainer scripts made; the service neither runs nor will by itself.
fn is_installed_and_waits(appliance: &Appliance, package: &std::path::Path) {
    appliance.install(package);
    let passwd = appliance.says("getent passwd ridethrough");
    assert!(passwd.contains("/var/lib/ridethrough:/usr/sbin/nologin"), "{passwd}");
    assert_eq!(appliance.says("stat -c '%a %U %G' /var/lib/ridethrough"), "700 ridethrough ridethrough");
    assert_eq!(appliance.says("stat -c '%a %U %G' /etc/ridethrough"), "750 root ridethrough");
    let program = appliance.file("/usr/bin/ridethroughd");
    let told = auditable_info::json_from_file(&program, auditable_info::Limits::default());
    assert!(told.expect("it tells what it is made of").contains("\"openraft\""));
    assert_eq!(appliance.property("ActiveState"), "inactive");
    assert_eq!(appliance.property("UnitFileState"), "disabled");
    // Before there are certificates it says so and does not run.
    assert_ne!(appliance.try_say(&format!("systemctl start {SERVICE}")).code(), 0);
    appliance.says(&format!("systemctl stop {SERVICE}"));
    println!("{}: installed, {passwd}", appliance.name);
}

/// What the unit asks for is what the process has.
fn is_as_closed_as_the_kernel_says(appliance: &Appliance) {
    let process = appliance.process();
    let status = appliance.says(&format!("cat /proc/{process}/status"));
    for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{line}: {status}");
    }
    assert_eq!(appliance.says(&format!("stat -c %U /proc/{process}")), "ridethrough");
    let seen = |path: &str| appliance.try_say(&format!("touch /proc/{process}/root{path}/written")).code();
    assert_ne!(seen("/etc"), 0, "nothing may be written but the data folder");
    assert_eq!(seen(DATA), 0);
    appliance.says(&format!("rm {DATA}/written"));
    // Real time needs no capability where root may raise the limit of somebody else's, which some machines deny.
    let other = "prlimit --rtprio=99 setpriv --reuid ridethrough --clear-groups chrt --fifo 1 true";
    let allowed = appliance.try_say(other).status.success();
    let classes = appliance.says(&format!("ps -L -o cls= -p {process}"));
    let real_time = classes.lines().filter(|class| class.trim() == "FF").count();
    println!("{}: real time {allowed}, {real_time} threads of {} in it", appliance.name, classes.lines().count());
    assert_eq!(allowed, real_time > 0, "{classes}");
    let fed = || appliance.property("WatchdogTimestampMonotonic").parse::<u64>().expect("microseconds");
    let before = fed();
    ridethrough_tests::wait_until("the watchdog is fed", Duration::from_secs(10), || fed() > before);
}

/// Where no memory may be written and executed, system calls are filtered and the file system is closed.
fn forecasts_come_from_the_model(hall: &mut Hall) {
    hall.wait_for("the model to speak everywhere", |appliances| {
        appliances.iter().all(|one| {
            let told = one.try_say("cd /tmp && curl --silent http://127.0.0.1:9200/{metrics,api/snapshot}").stdout;
            // The runtime itself, and not the replica's own step of the model or the rule.
            let engine = told.contains("ridethrough_forecast_engine{state=\"configured\"} 1\n");
            engine && told.contains("ridethrough_model_native 0\n") && told.contains("\"forecast_source\":\"model ")
        })
    });
}

fn another_leads_while_the_leader_is_cut_off(hall: &mut Hall) {
    let leader = hall.leader();
    hall.appliances[leader].links("down");
    let next = hall.wait_for_value("another leader", |appliances| {
        let asked = appliances.iter().enumerate().filter(|(at, _)| *at != leader);
        asked.filter_map(|(_, one)| one.leads()).find(|id| *id != appliances[leader].id)
    });
    let alone = hall.appliances[leader].cluster();
    assert!(alone["role"] != "leader" || alone["acting"] == false, "{alone}");
    println!("n{} cut off: n{next} leads", hall.appliances[leader].id);
    hall.appliances[leader].links("up");
    hall.all_well("after the network is back");
}

fn what_is_killed_comes_back(hall: &mut Hall) {
    let leader = hall.leader();
    let before = hall.appliances[leader].restarts();
    hall.appliances[leader].says(&format!("systemctl kill --signal=KILL {SERVICE}"));
    hall.appliances[leader].wait_for_restart(before, BACK_AGAIN);
    hall.all_well("after a leader was killed");
}

/// The control loop is the main thread. It stands still while all other threads go on, and only the watchdog can know.
fn what_hangs_is_started_again(hall: &mut Hall) {
    let leader = hall.leader();
    let appliance = &hall.appliances[leader];
    let before = appliance.restarts();
    let stopped = Stopped::stop(appliance.process_outside(), "ridethroughd");
    appliance.wait_for_restart(before, BACK_AGAIN);
    drop(stopped);
    let told = appliance.says(&format!("journalctl --no-pager --unit {SERVICE}"));
    assert!(told.contains("Watchdog timeout"), "{told}");
    println!("n{}: a loop that hung was ended by the watchdog and started again", appliance.id);
    hall.all_well("after a loop hung");
}

/// Nothing is restarted by the package; after the restart the log goes on where it was, and still proves itself.
fn an_upgrade_keeps_the_log(hall: &mut Hall, next: &std::path::Path) {
    let at = (hall.leader() + 1) % usize::from(REPLICAS);
    let appliance = &hall.appliances[at];
    let (applied, process) = (appliance.applied(), appliance.process());
    let kept = appliance.says("cd /etc/ridethrough && sha256sum *");
    appliance.install(next);
    assert_eq!(appliance.process(), process, "an upgrade restarts nothing");
    assert_eq!(appliance.says("dpkg-query -W -f '${Version}' ridethrough"), "0.1.0-2");
    appliance.says(&format!("systemctl restart {SERVICE}"));
    assert_ne!(appliance.process(), process);
    assert!(appliance.applied() >= applied, "what was applied is applied again");
    assert_eq!(appliance.says("cd /etc/ridethrough && sha256sum *"), kept, "nothing of the operator's was changed");
    hall.all_well("after an upgrade");
    hall.log_is_whole(at);
    println!("n{}: upgraded at entry {applied}", hall.appliances[at].id);
}

fn removal_keeps_data_and_purge_does_not(hall: &mut Hall, package: &std::path::Path) {
    let at = (hall.leader() + 1) % usize::from(REPLICAS);
    let appliance = &hall.appliances[at];
    let applied = appliance.applied();
    appliance.says("dpkg --remove ridethrough");
    assert_eq!(appliance.try_say("pidof ridethroughd").code(), 1, "what is removed does not go on");
    appliance.says(
        "test ! -e /usr/bin/ridethroughd && test -s /etc/ridethrough/replica.toml && test -d /var/lib/ridethrough/log",
    );
    appliance.install(package);
    appliance.says(&format!("systemctl start {SERVICE}"));
    assert!(appliance.applied() >= applied, "what was kept is read again");
    hall.all_well("after it was removed and installed again");
    hall.log_is_whole(at);
    let appliance = &hall.appliances[at];
    appliance.says("dpkg --purge ridethrough");
    appliance.says(&format!("test ! -e {DATA} && test ! -e /etc/ridethrough && getent passwd ridethrough"));
    println!("n{}: removed with its data kept, purged without", appliance.id);
}
