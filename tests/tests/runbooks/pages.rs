//! What has to be so before a page is played.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::cluster::REPLICAS;
use ridethrough_tests::{edit, first_segment, flip, folder, free, read, run, write, write_private};

use super::hall::Hall;

/// Brings about what a page is for.
pub type Situation = fn(&mut Hall);

/// Every page that is played in the ordinary test, in this order: first those of the plant's trouble, which comes by itself;
/// last those after which nothing is as before.
pub const PAGES: &[(&str, Situation)] = &[
    ("device-quarantined.md", a_module_is_locked),
    ("rack-draws-oddly.md", Hall::all_well),
    ("decisions-late.md", Hall::all_well),
    ("clock-off.md", Hall::all_well),
    ("replica-unreachable.md", n3_is_stopped),
    ("operator-socket.md", the_socket_of_n3_is_gone),
    ("checkpoint-not-signed.md", the_key_of_n3_is_gone),
    ("forecast-by-rule.md", the_runtime_of_n3_is_gone),
    ("field-network-failing.md", n3_listens_elsewhere),
    ("signals-missing.md", n3_takes_signals),
    ("nut-clients.md", Hall::all_well),
    ("modbus-clients.md", Hall::all_well),
    ("redfish-clients.md", Hall::all_well),
    ("snmp-clients.md", Hall::all_well),
    ("election-pace.md", Hall::all_well),
    ("utility-outage.md", the_outages_are_over),
    ("generator-failure.md", Hall::all_well),
    ("see-to-alarms.md", an_alarm_stands),
    ("hold-a-device.md", Hall::all_well),
    ("servers-capped.md", Hall::all_well),
    ("rack-over-limit.md", Hall::all_well),
    ("device-silent.md", Hall::all_well),
    ("store-at-reserve.md", Hall::all_well),
    ("roll-back-a-model.md", a_model_was_promoted),
    ("failover-drill.md", Hall::all_well),
    ("service-a-replica.md", Hall::all_well),
    ("rolling-upgrade.md", Hall::all_well),
    ("audit-review.md", Hall::all_well),
    ("audit-export.md", Hall::all_well),
    ("audit-retention.md", the_log_of_n3_is_long),
    ("replica-refuses-to-start.md", the_log_of_n3_is_damaged),
    ("replace-a-replica.md", n3_is_lost),
    ("no-quorum.md", two_are_killed),
    ("key-rotation.md", Hall::all_well),
    ("replace-a-certificate.md", Hall::all_well),
    ("restore-from-a-backup.md", Hall::all_well),
];

/// Pages that wait: for followers that have heard a minute, and for blocks of ten seconds on a disk.
pub const SLOW: &[(&str, Situation)] =
    &[("transfer-disputed.md", n1_is_misled), ("disk-full.md", the_disk_of_n3_is_full)];

/// Portions that a log of some minutes fills several of, as one of years fills the usual ones.
const SMALL: &str = "\n[log]\nsegment_kib = 4\nsnapshot_entries = 100\n";
/// What fills the disk.
const FILLER: &str = "core.4711";
/// Room for two segments of the log, and little else.
const DISK: &str = "size=40m";
/// A rack that needs no help in the demo, and how much more than it draws n1 is told.
const CALM_RACK: &str = "A6";
const MORE_WATTS: u32 = 9_500;
/// Followers judge only after they have heard a minute.
const AGREED: &str = "ridethrough_transfers_judged_total{opinion=\"agreed\"} ";
/// How long an operator's wish may be refused because the leader has just changed.
const WISH_DEADLINE: Duration = Duration::from_secs(30);

fn a_module_is_locked(hall: &mut Hall) {
    hall.stage.wait_for("a module that says that it cannot act", |cluster| {
        cluster.snapshot(1)?.quarantined.iter().any(|one| one.name == "kesm K2").then_some(())
    });
    hall.all_well();
}

/// For the module that is locked.
fn an_alarm_stands(hall: &mut Hall) {
    hall.all_well();
    hall.stage.wait_for("the alarm of a module", |cluster| {
        let alarms = cluster.snapshot(1)?.alarms;
        alarms.iter().any(|alarm| alarm.active && alarm.id == "device-quarantined:kesm-K2").then_some(())
    });
}

/// They come by themselves, and what was done in them is read in the log.
fn the_outages_are_over(hall: &mut Hall) {
    hall.all_well();
    hall.stage.wait_for("both feeds back", |cluster| {
        let feeds = cluster.snapshot(1)?.feeds;
        let feed = |name: &str| feeds.iter().find(|feed| feed.name == name);
        let undisturbed = feed("utility")?.for_ms;
        // Before the outage all have been normal for as long.
        let back = |name: &str| feed(name).is_some_and(|one| one.for_ms < undisturbed && is_over(&one.mode));
        (back("east") && back("west")).then_some(())
    });
}

fn is_over(mode: &str) -> bool {
    ["recovery", "normal"].contains(&mode)
}

/// By the way that operators go: through shadow, and promoted once it was judged.
fn a_model_was_promoted(hall: &mut Hall) {
    hall.all_well();
    wish(hall, &["model", "shadow", "next", "--reason", "beside the old one"]);
    wish(hall, &["model", "promote", "next", "--reason", "as good"]);
    hall.stage.wait_for("the promoted model deciding", |cluster| {
        let models = cluster.snapshot(1)?.models;
        (models.active.is_some() && models.active == models.deciding).then_some(())
    });
}

fn wish(hall: &mut Hall, words: &[&str]) {
    let until = Instant::now() + WISH_DEADLINE;
    loop {
        hall.all_well();
        let data = hall.stage.data(1);
        let asked = run("ridectl", &[words, &["--data-dir", &data]].concat());
        if asked.code() == 0 {
            return;
        }
        assert!(Instant::now() < until, "{words:?}: {asked:?}");
    }
}

fn n3_is_stopped(hall: &mut Hall) {
    hall.all_well();
    hall.stage.cluster.stop_one(3).expect("it stops");
}

fn the_socket_of_n3_is_gone(hall: &mut Hall) {
    hall.all_well();
    fs::remove_file(Path::new(&hall.stage.data(3)).join("operator.sock")).expect("it was there");
}

/// The key lies where operators keep keys, and no longer at the replica.
fn the_key_of_n3_is_gone(hall: &mut Hall) {
    restarted(hall, |hall| {
        let kept = hall.desk().join("keys");
        fs::create_dir(&kept).expect("a new folder");
        fs::rename(hall.stage.home.join("n3.audit"), kept.join("n3.audit")).expect("it was there");
    });
}

fn the_runtime_of_n3_is_gone(hall: &mut Hall) {
    configured(hall, |file| edit(file, "libonnxruntime.so", "gone/libonnxruntime.so"));
}

fn n3_listens_elsewhere(hall: &mut Hall) {
    // Held until the replica is about to bind it.
    let (other, _) = free::udp(Ipv4Addr::new(127, 0, 0, 2));
    configured(hall, |file| {
        let text = read(file);
        let old = text.lines().find(|line| line.starts_with("listen_b")).expect("two networks");
        edit(file, old, &format!("listen_b = \"{other}\""));
    });
}

fn n3_takes_signals(hall: &mut Hall) {
    let signals =
        "[[signal]]\nsignal = \"network\"\nmetric = \"bytes_total\"\nkind = \"counter\"\nserver_pattern = \"{}\"\n";
    write(&hall.stage.home.join("signals.toml"), signals);
    write_private(&hall.stage.home.join("intake.token"), "night-shift-at-the-desk\n");
    let address = hall.intake();
    configured(hall, |file| {
        let section =
            format!("\n[intake]\nlisten = \"{address}\"\nmapping = \"signals.toml\"\ntoken = \"intake.token\"\n");
        write(file, read(file) + &section);
    });
}

/// Changes the configuration of n3 and restarts it; the file as it was lies beside it.
fn configured(hall: &mut Hall, change: impl FnOnce(&Path)) {
    restarted(hall, |hall| {
        let file = hall.stage.home.join("n3.toml");
        fs::copy(&file, hall.stage.home.join("n3.toml.before")).expect("there is room");
        change(&file);
    });
}

fn restarted(hall: &mut Hall, meanwhile: impl FnOnce(&mut Hall)) {
    hall.all_well();
    hall.stage.cluster.stop_one(3).expect("it stops");
    meanwhile(hall);
    hall.stage.cluster.start(3).expect("it starts");
    hall.all_well();
}

/// Longer than the replica itself needs it, and signed.
fn the_log_of_n3_is_long(hall: &mut Hall) {
    configured(hall, |file| write(file, read(file) + SMALL));
    let (data, tried) = (hall.stage.data(3), folder());
    let archive = tried.path().join("n3").display().to_string();
    let witness = hall.stage.cluster.nodes[2].witness.to_string();
    hall.stage.wait_for("segments that n3 needs no more, under a checkpoint", |_| {
        let archived = run("ridectl", &["audit", "archive", "--data-dir", &data, "--to", &archive]);
        let paths = ["audit", "prune", "--data-dir", &data, "--archive", &archive];
        let could = run("ridectl", &[&paths[..], &["--witness", &witness, "--keep", "1", "--dry-run"]].concat());
        (archived.code() == 0 && could.stdout.contains("log       entries before")).then_some(())
    });
}

fn the_log_of_n3_is_damaged(hall: &mut Hall) {
    n3_is_stopped(hall);
    flip(&first_segment(Path::new(&hall.stage.data(3))), |used| used / 2);
}

/// A small disk of its own for the folder of n3, with nothing left on it.
fn the_disk_of_n3_is_full(hall: &mut Hall) {
    n3_is_stopped(hall);
    let data = hall.stage.data(3);
    let aside = format!("{data}.aside");
    fs::rename(&data, &aside).expect("put aside");
    fs::create_dir(&data).expect("a new folder");
    hall.mount(DISK, &data);
    let copied = Command::new("cp").arg("-a").arg(format!("{aside}/.")).arg(&data).status().expect("cp runs");
    assert!(copied.success(), "the folder fits onto the disk");
    hall.stage.cluster.start(3).expect("it starts");
    hall.all_well();
    let mut fill = Command::new("dd");
    fill.args(["if=/dev/zero", "bs=64k", "status=none", &format!("of={data}/{FILLER}")]);
    let filled = fill.output().expect("dd runs");
    assert!(String::from_utf8_lossy(&filled.stderr).contains("No space left"), "{filled:?}");
}

/// The host is dead, and another stands in its place, with an empty folder.
fn n3_is_lost(hall: &mut Hall) {
    hall.all_well();
    hall.stage.cluster.kill(3).expect("killed");
    hall.unmount();
    let data = hall.stage.data(3);
    fs::remove_dir_all(&data).expect("it was there");
    fs::create_dir(&data).expect("a new folder");
}

fn two_are_killed(hall: &mut Hall) {
    hall.all_well();
    for id in [2, 3] {
        hall.stage.cluster.kill(id).expect("killed");
    }
}

fn n1_is_misled(hall: &mut Hall) {
    hall.all_well();
    hall.stage.wait_for("followers that have heard the site for long enough to agree", |cluster| {
        let agreed = |id: u16| cluster.metrics(id).is_some_and(|text| counted(&text, AGREED) > 0);
        // Whoever leads judges nobody.
        let leads = cluster.snapshots().into_iter().flatten().find(|one| one.acting)?.replica;
        (1..=REPLICAS).filter(|id| *id != leads).all(agreed).then_some(())
    });
    hall.all_well();
    hall.stage.plant.mislead(1, CALM_RACK, MORE_WATTS).expect("the plant listens");
    hall.stage.wait_for("both followers disputing the transfer to the calm rack", |cluster| {
        let disputes =
            |id: u16| cluster.snapshot(id).is_some_and(|one| one.disputed.iter().any(|one| one.rack == CALM_RACK));
        (2..=REPLICAS).all(disputes).then_some(())
    });
}

fn counted(metrics: &str, head: &str) -> u64 {
    metrics.lines().find_map(|line| line.strip_prefix(head)?.parse().ok()).unwrap_or(0)
}
