//! Debian's net-snmp and NUT's `snmp-ups`, which know nothing of Ridethrough, read replicas that really run through an outage. Nothing
//! is changed, who is not known reads nothing, and when two replicas of three are gone, nothing old is told.

mod clients;
pub mod hall;
mod relay;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use ridethrough_fault_injection::demo::cluster::REPLICAS;
use ridethrough_tests::{alone, folder, read, run, write_private};

use self::clients::{Manager, Nut};
use self::hall::{COMMUNITY, Hall, PASSWORDS, WITH_V2C, WITHOUT_V2C, users_file};
use self::relay::Relay;

const STATUS: &str = "33.1.2.1.0";
const SECONDS: &str = "33.1.2.2.0";
const CHARGE: &str = "33.1.2.4.0";
const SOURCE: &str = "33.1.4.1.0";
const LOAD: &str = "33.1.4.4.1.4.1";
const PERCENT: &str = "33.1.4.4.1.5.1";
const ALARMS: &str = "33.1.6.1.0";
const NAME: &str = "33.1.1.5.0";
const LIMIT: &str = "33.1.9.6.0";

fn known() -> Manager {
    Manager::v3("authPriv", "supervision", PASSWORDS)
}

#[test]
fn management_reads_the_site_through_an_outage_and_changes_nothing() {
    let _alone = alone();
    let home = folder();
    let mut hall = Hall::open(home.path());
    let leader = hall.stage.leader();
    let (at, all) = (hall.address(leader), hall.at.clone());
    hall.stage.wait_for("every replica to tell what is stored", |_| {
        all.iter().all(|at| known().number(*at, CHARGE).is_some()).then_some(())
    });
    who_tells_what(&hall);
    what_is_read_is_what_is_shown(&mut hall, leader);
    walks_see_the_same(&hall, leader);
    version_2c_is_only_where_it_is_configured(&hall);
    who_is_not_known_reads_nothing(&hall, leader);
    nothing_is_set(&hall, leader);
    configurations_are_checked(&hall);
    let [auth, privacy] = PASSWORDS;
    let v3 = format!(
        "snmp_version = v3\nsecLevel = authPriv\nsecName = supervision\nauthProtocol = SHA256\nauthPassword = {auth}\n\
         privProtocol = AES\nprivPassword = {privacy}\n"
    );
    let mut nut = Nut::start(home.path(), "nut", at, &v3);
    nut_reads_the_site(&mut hall, &mut nut, leader);
    nut_reads_a_rack(&mut hall, home.path());
    an_outage_is_read(&mut hall, &mut nut, leader);
    nothing_said_before_a_restart_is_heard_again(&mut hall, leader);
    without_a_quorum_nothing_is_told(&mut hall, &mut nut, leader);
}

fn who_tells_what(hall: &Hall) {
    for id in 1..=REPLICAS {
        let (at, site) = (hall.address(id), hall.stage.cluster.snapshot(id).expect("it answers").site);
        let told = |object: &str| known().get(at, object).expect("it answers");
        assert_eq!(told("1.1.0"), format!("Ridethrough 0.1.0, replica n{id} of site {site}"));
        assert_eq!([told("1.2.0"), told("1.5.0"), told("1.6.0")], [".1.3.6.1.2.1.33", &format!("n{id}"), "hall 1"]);
        assert_eq!([told("33.1.1.1.0"), told(NAME)], ["Ridethrough".to_owned(), site]);
        let up = told("1.3.0").parse::<u64>().expect("hundredths");
        assert!((1..100 * 3_600).contains(&up), "{up}");
    }
}

/// Numbers move and are read one after the other, so it is tried until both are of one moment. What is told wrong never is the same.
fn what_is_read_is_what_is_shown(hall: &mut Hall, leader: u16) {
    let at = hall.address(leader);
    let site = hall.stage.wait_for("the site as it is shown", |cluster| {
        let shown = cluster.snapshot(leader)?;
        let load: i64 = shown.racks.iter().map(|rack| rack.load_watts).sum::<Option<i64>>()?;
        let limit: i64 = shown.racks.iter().map(|rack| rack.limit_watts).sum();
        let stored: i64 = shown.kesms.iter().map(|kesm| kesm.stored_joules).sum::<Option<i64>>()?;
        let capacity: i64 = shown.kesms.iter().map(|kesm| kesm.capacity_joules).sum();
        let expected = [100 * stored / capacity, load, (100 * load + limit - 1) / limit, limit, 3, 2];
        let told = [CHARGE, LOAD, PERCENT, LIMIT, SOURCE, STATUS].map(|object| known().number(at, object));
        (told == expected.map(Some)).then_some(told)
    });
    println!("the site: {site:?}");
    let rack = hall.stage.wait_for("a rack as it is shown", |cluster| {
        let shown = cluster.snapshot(leader)?.racks.into_iter().find(|rack| rack.name == "B3")?;
        let manager = known().of_rack("B3");
        let told = [LOAD, "33.1.3.3.1.5.1", LIMIT].map(|object| manager.number(at, object));
        (told == [shown.load_watts, shown.draw_watts, Some(shown.limit_watts)]).then_some(told)
    });
    println!("rack B3: {rack:?}");
    assert_eq!(known().of_rack("B3").get(at, NAME), Ok("B3".to_owned()));
    let odd = known().of_rack("Z9").get(at, NAME).expect_err("there is no such rack");
    assert!(odd.contains("Timeout"), "{odd}");
    assert!(hall.counts(leader, "dropped_total{reason=\"context\"}") >= 1);
}

fn walks_see_the_same(hall: &Hall, leader: u16) {
    let at = hall.address(leader);
    let names = |client: &str| known().walk(client, at).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let (one, bulk) = (names("snmpwalk"), names("snmpbulkwalk"));
    assert_eq!(one, bulk);
    assert!(one.len() >= 25 && one[0] == ".1.3.6.1.2.1.1.1.0", "{one:?}");
    // More than fits is cut, and what does not exist is said.
    let much = known().run("snmpbulkget", at, &["-Cr1000", "1.3.6.1.2.1", "1.3.6.1.2.1.33"]);
    assert!(much.code() == 0 && much.stdout.lines().count() > 20, "{much:?}");
    assert_eq!(known().get(at, "33.1.2.5.0").as_deref(), Ok("No Such Object available on this agent at this OID"));
    assert_eq!(known().get(at, "33.1.2.4.1").as_deref(), Ok("No Such Instance currently exists at this OID"));
}

fn version_2c_is_only_where_it_is_configured(hall: &Hall) {
    let silent = |id: u16, manager: &Manager, reason: &str| {
        let metric = format!("dropped_total{{reason=\"{reason}\"}}");
        let before = hall.counts(id, &metric);
        let refused = manager.get(hall.address(id), NAME).expect_err("nobody answers");
        assert!(refused.contains("Timeout"), "{refused}");
        assert_eq!(hall.counts(id, &metric), before + 2, "asked twice");
    };
    for id in WITH_V2C {
        let at = hall.address(id);
        let site = hall.stage.cluster.snapshot(id).expect("it answers").site;
        assert_eq!(Manager::community("2c", COMMUNITY).get(at, NAME), Ok(site));
        assert_eq!(Manager::community("2c", &format!("{COMMUNITY}@A2")).get(at, NAME), Ok("A2".to_owned()));
        silent(id, &Manager::community("2c", "public"), "community");
        silent(id, &Manager::community("1", COMMUNITY), "version");
    }
    silent(WITHOUT_V2C, &Manager::community("2c", COMMUNITY), "version");
}

fn who_is_not_known_reads_nothing(hall: &Hall, leader: u16) {
    let at = hall.address(leader);
    let refused = |manager: Manager, why: &str, reason: &str| {
        let metric = format!("reports_total{{reason=\"{reason}\"}}");
        let before = hall.counts(leader, &metric);
        let told = manager.get(at, NAME).expect_err("refused");
        assert!(told.contains(why), "`{why}` in `{told}`");
        assert!(hall.counts(leader, &metric) > before, "{reason}");
    };
    let [auth, privacy] = PASSWORDS;
    refused(Manager::v3("noAuthNoPriv", "supervision", PASSWORDS), "Unsupported security level", "unsupported_level");
    refused(Manager::v3("authNoPriv", "supervision", PASSWORDS), "Unsupported security level", "unsupported_level");
    refused(Manager::v3("authPriv", "eve", PASSWORDS), "Unknown user name", "unknown_user");
    refused(Manager::v3("authPriv", "supervision", ["wrong-horse", privacy]), "Authentication failure", "wrong_digest");
    refused(Manager::v3("authPriv", "supervision", [auth, "wrong-staple"]), "Decryption error", "decryption");
    assert!(hall.counts(leader, "reports_total{reason=\"unknown_engine\"}") > 0, "everybody begins with that");
}

fn nothing_is_set(hall: &Hall, leader: u16) {
    let at = hall.address(leader);
    let before = hall.counts(leader, "requests_total{outcome=\"not_writable\"}");
    for words in [[NAME, "s", "mine"], ["33.1.8.2.0", "i", "0"], ["1.6.0", "s", "elsewhere"]] {
        let object = format!("1.3.6.1.2.1.{}", words[0]);
        let refused = known().run("snmpset", at, &[&object, words[1], words[2]]);
        assert!(refused.code() == 2 && refused.stderr.contains("notWritable"), "{refused:?}");
    }
    assert_eq!(hall.counts(leader, "requests_total{outcome=\"not_writable\"}"), before + 3);
    assert_eq!(known().get(at, "1.6.0"), Ok("hall 1".to_owned()));
}

fn configurations_are_checked(hall: &Hall) {
    let config = &hall.stage.cluster.node(WITH_V2C[0]).expect("there").config;
    let checked = || run("ridethroughd", &["check-config", &config.display().to_string()]);
    let good = checked();
    let said = [", 1 users of version 3, and WHOEVER HEARS its community", "SNMP: 17 UPSes at 127.0.0.1:"];
    assert!(good.code() == 0 && said.iter().all(|said| good.stdout.contains(said)), "{good:?}");
    let users = config.with_file_name(format!("n{}.users", WITH_V2C[0]));
    let refused = |expected: &str| {
        let ended = checked();
        let shows = PASSWORDS.iter().chain([&COMMUNITY]).any(|secret| ended.stderr.contains(secret));
        assert!(ended.code() == 2 && ended.stderr.contains(expected) && !shows, "`{expected}` in {ended:?}");
    };
    std::fs::set_permissions(&users, std::fs::Permissions::from_mode(0o644)).expect("its owner");
    refused("snmp.users: everybody on this host may use it");
    write_private(&users, users_file(false));
    refused("snmp.users: a community and snmp.v2c = true belong together");
    write_private(&users, users_file(true).replace("auth_password", "auth = \"md5\"\nauth_password"));
    refused("sha-224 to sha-512");
    write_private(&users, users_file(true));
}

fn nut_reads_the_site(hall: &mut Hall, nut: &mut Nut, leader: u16) {
    hall.stage.wait_for("NUT to say that the site is on line", |_| {
        (nut.read("ups.status").as_deref() == Ok("OL")).then_some(())
    });
    println!("{}", nut.all());
    let shown = hall.stage.cluster.snapshot(leader).expect("it answers");
    let limit: i64 = shown.racks.iter().map(|rack| rack.limit_watts).sum();
    assert_eq!(nut.read("output.realpower.nominal").and_then(|text| number(&text)), Ok(limit));
    assert_eq!(nut.read("ups.mfr").as_deref(), Ok("Ridethrough"));
    for (variable, range) in [("battery.charge", 1..=100), ("ups.load", 1..=200), ("output.realpower", 1_000..=limit)] {
        let value = nut.read(variable).and_then(|text| number(&text));
        assert!(value.as_ref().is_ok_and(|value| range.contains(value)), "{variable}: {value:?}");
    }
}

/// By version 2c, as a switch's VLAN is asked for.
fn nut_reads_a_rack(hall: &mut Hall, home: &Path) {
    let id = WITH_V2C[0];
    let section = format!("snmp_version = v2c\ncommunity = {COMMUNITY}@A2\n");
    let mut nut = Nut::start(home, "nut-of-a-rack", hall.address(id), &section);
    hall.stage.wait_for("NUT to say that a rack is on line", |_| {
        (nut.read("ups.status").as_deref() == Ok("OL")).then_some(())
    });
    assert_eq!(nut.read("ups.model").as_deref(), Ok("rack of row A"));
    let shown = hall.stage.cluster.snapshot(id).expect("it answers").racks;
    let rack = shown.iter().find(|rack| rack.name == "A2").expect("there");
    assert_eq!(nut.read("output.realpower.nominal").and_then(|text| number(&text)), Ok(rack.limit_watts));
}

fn number(text: &str) -> Result<i64, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

/// The utility goes: the site is on battery, then servers are shut down, and a rack of it says the same.
fn an_outage_is_read(hall: &mut Hall, nut: &mut Nut, leader: u16) {
    let at = hall.address(leader);
    hall.stage.play();
    hall.stage.wait_for("the site on battery", |_| (known().number(at, SOURCE) == Some(5)).then_some(()));
    let begun = Instant::now();
    hall.stage
        .wait_for("NUT on battery", |_| nut.read("ups.status").is_ok_and(|status| status.contains("OB")).then_some(()));
    println!("NUT said OB {:?} after the agent did", begun.elapsed());
    assert!(known().number(at, SECONDS).is_some_and(|seconds| (0..600).contains(&seconds)));
    assert_eq!(known().of_rack("A1").number(at, SOURCE), Some(5));
    let alarm = ".1.3.6.1.2.1.33.1.6.3.2";
    hall.stage.wait_for("the alarm that tells of it", |_| {
        known().walk("snmpbulkwalk", at).iter().any(|(_, value)| value == alarm).then_some(())
    });
    assert!(known().number(at, ALARMS).is_some_and(|alarms| alarms > 0));
    hall.stage.wait_for("that what is stored does not last", |_| (known().number(at, STATUS) == Some(3)).then_some(()));
    hall.stage
        .wait_for("NUT to say so", |_| nut.read("ups.status").is_ok_and(|status| status.contains("LB")).then_some(()));
    println!("{}", nut.read("ups.status").expect("known"));
}

/// A recorded request, signed for the start before, gets a report and nothing else.
fn nothing_said_before_a_restart_is_heard_again(hall: &mut Hall, leader: u16) {
    let id = (1..=REPLICAS).find(|id| *id != leader).expect("three");
    let at = hall.address(id);
    let mut relay = Relay::start(at);
    assert!(known().get(relay.address(), NAME).is_ok(), "through the relay, too");
    let recorded = relay.last_request();
    let not_in_time = "reports_total{reason=\"not_in_time_window\"}";
    let again = relay.replay(&recorded).expect("within 150 s it is only read once more");
    assert!(again.len() > 100, "{} bytes", again.len());
    let engine = hall.stage.home.join(format!("n{id}/snmp-engine"));
    let before = read(&engine);
    hall.stage.cluster.kill(id).expect("it runs");
    hall.stage.cluster.start(id).expect("it starts again");
    hall.stage.wait_for("it to answer again", |_| known().get(at, NAME).ok());
    let (first, second) = (before.trim().split_once(' '), read(&engine));
    let (kept, second) = (first.expect("id and boots"), second.trim().split_once(' ').expect("id and boots"));
    let boots = |text: &str| text.parse::<u32>().expect("a number");
    assert_eq!((kept.0, boots(kept.1) + 1), (second.0, boots(second.1)), "the same engine, begun once more");
    let counted = hall.counts(id, not_in_time);
    let report = relay.replay(&recorded).expect("a report");
    assert!(report.len() < again.len(), "{} of {} bytes", report.len(), again.len());
    assert_eq!(hall.counts(id, not_in_time), counted + 1);
}

/// One replica of three knows nothing, and says so; when another is back, it tells again.
fn without_a_quorum_nothing_is_told(hall: &mut Hall, nut: &mut Nut, leader: u16) {
    let at = hall.address(leader);
    let others: Vec<u16> = (1..=REPLICAS).filter(|id| *id != leader).collect();
    for id in &others {
        hall.stage.cluster.kill(*id).expect("it runs");
    }
    let killed = Instant::now();
    hall.stage.wait_for("the last replica says that it knows nothing", |_| {
        (known().number(at, STATUS) == Some(1)).then_some(())
    });
    println!("unknown came {:?} after two replicas were killed", killed.elapsed());
    for object in [CHARGE, SECONDS, SOURCE, LOAD, PERCENT, LIMIT] {
        for manager in [known(), known().of_rack("A1")] {
            assert_eq!(
                manager.get(at, object).as_deref(),
                Ok("No Such Instance currently exists at this OID"),
                "{object}"
            );
        }
    }
    assert_eq!(known().number(at, ALARMS), Some(1));
    assert_eq!(known().get(at, "33.1.6.2.1.2.1").as_deref(), Ok(".1.3.6.1.2.1.33.1.6.3.20"), "it is not heard");
    assert!(hall.counts(leader, "requests_total{outcome=\"unknown\"}") > 6);
    hall.stage.wait_for("NUT to say that its data are stale", |_| {
        nut.read("ups.status").is_err_and(|error| error.contains("Data stale")).then_some(())
    });
    hall.spoil_engine(others[0]);
    hall.stage.cluster.start(others[0]).expect("it starts again");
    hall.stage.wait_for("what is known is told again", |_| known().number(at, CHARGE));
    hall.stage.wait_for("NUT to read it", |_| nut.read("ups.status").ok());
    let silent = known().get(hall.address(others[0]), NAME);
    assert!(silent.is_err(), "it has no agent, and is a replica all the same: {silent:?}");
}
