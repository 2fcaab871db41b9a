//! Debian's `mbpoll`, which knows nothing of Ridethrough, reads replicas that really run: what it reads is compared with what the
//! page shows. It writes nothing, garbage and silence cost nothing, and when two replicas of three are gone, nothing is told.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::cluster::{Cluster, REPLICAS};
use ridethrough_tests::stage::{Play, Stage};
use ridethrough_tests::{alone, debian, edit, folder, free, read, run, run_command, write};

/// How long `mbpoll` may take, which waits 5 s for an answer.
const CLIENT_DEADLINE: Duration = Duration::from_secs(20);
/// How long a connection may be silent, and how long a frame may take, as io/modbus/README.md says.
const IDLE: Duration = Duration::from_mins(1);
const FRAME: Duration = Duration::from_secs(2);
const CONNECTIONS_MAX: usize = 32;
/// Where the site's block begins, behind the identity.
const SITE: u16 = 32;
/// What stands for what nobody knows.
const UNKNOWN: u32 = 0xffff_ffff;
const UNKNOWN_SIGNED: u32 = 0x8000_0000;

/// Three replicas with a Modbus server each.
struct Hall {
    stage: Stage,
    at: Vec<SocketAddr>,
}

impl Hall {
    fn open(home: &Path) -> Self {
        let mut at = Vec::new();
        let stage = Stage::start_with(home, &Play::default(), |cluster| {
            let held: Vec<_> = cluster.nodes.iter().map(|_| free::tcp()).collect();
            for (node, (listen, _)) in cluster.nodes.iter().zip(&held) {
                write(&node.config, format!("{}\n[modbus]\nlisten = \"{listen}\"\n", read(&node.config)));
                at.push(*listen);
            }
        });
        Self { stage, at }
    }

    fn address(&self, id: u16) -> SocketAddr {
        self.at[usize::from(id - 1)]
    }
}

/// What `mbpoll` says of a request to table 3 (input registers), 4 (holding registers), 0 or 1 (coils, discrete inputs).
fn mbpoll(at: SocketAddr, table: &str, start: u16, words: &[&str]) -> Result<String, String> {
    let mut command = Command::new(debian::program("mbpoll", "mbpoll"));
    command.env("LD_LIBRARY_PATH", debian::libraries(&["libmodbus5"]));
    // Once, counted from 0, patient.
    command.args(["-1", "-0", "-o", "5", "-t", table, "-r", &start.to_string(), "-p", &at.port().to_string()]);
    let ended = run_command(CLIENT_DEADLINE, command.args(words));
    match ended.code() {
        0 => Ok(ended.stdout),
        _ => Err(ended.stderr.trim().to_owned()),
    }
}

/// Registers as `mbpoll` prints them.
fn registers(at: SocketAddr, table: u8, start: u16, count: u16) -> Result<Vec<u16>, String> {
    let told = mbpoll(at, &format!("{table}:hex"), start, &["-c", &count.to_string(), &at.ip().to_string()])?;
    let word = |nth: u16| {
        let value = told.lines().find_map(|line| line.strip_prefix(&format!("[{}]: \t0x", start + nth)));
        let value = value.and_then(|hex| u16::from_str_radix(hex.trim(), 16).ok());
        value.unwrap_or_else(|| panic!("register {} of {count} from {start}: {told}", start + nth))
    };
    Ok((0..count).map(word).collect())
}

fn inputs(at: SocketAddr, start: u16, count: u16) -> Vec<u16> {
    registers(at, 3, start, count).unwrap_or_else(|error| panic!("{count} registers from {start}: {error}"))
}

fn long(words: &[u16], at: usize) -> u32 {
    (u32::from(words[at]) << 16) | u32::from(words[at + 1])
}

/// Where the blocks are, as the identity says.
#[derive(Clone, Copy)]
struct Way {
    racks: [u16; 3],
    kesms: [u16; 3],
    feeds: [u16; 3],
    end: u16,
}

impl Way {
    fn find(at: SocketAddr) -> Self {
        let told = inputs(at, 0, SITE);
        let three = |first: usize| [told[first], told[first + 1], told[first + 2]];
        Self {
            racks: three(12),
            kesms: three(15),
            feeds: three(18),
            end: u16::try_from(long(&told, 9)).expect("a small site"),
        }
    }
}

/// One block of many: `base`, `stride` and `count` as the identity says.
fn block(at: SocketAddr, [base, stride, count]: [u16; 3], nth: usize) -> Vec<u16> {
    let nth = u16::try_from(nth).expect("few");
    assert!(nth < count, "{nth} of {count}");
    inputs(at, base + stride * nth, stride)
}

#[test]
fn supervision_reads_the_site_and_changes_nothing() {
    let _alone = alone();
    let home = folder();
    let mut hall = Hall::open(home.path());
    let leader = hall.stage.leader();
    let at = hall.address(leader);
    let Hall { stage, at: all } = &mut hall;
    let hears_all = |at: &SocketAddr| registers(*at, 3, SITE + 15, 2).is_ok_and(|heard| heard[0] == heard[1]);
    stage.wait_for("every replica to tell that it hears all devices", |_| all.iter().all(hears_all).then_some(()));
    let (silent, silent_since) = (call(at), Instant::now());
    who_tells_what(&hall);
    what_is_read_is_what_is_shown(&mut hall, leader);
    nothing_is_written(&hall, leader);
    what_is_no_modbus_costs_nothing(&hall, leader);
    what_changes_is_read(&mut hall, leader);
    configurations_are_checked(&hall);
    without_a_quorum_nothing_is_told(&mut hall, leader);
    assert!(is_ended(silent, IDLE + FRAME), "who says nothing is sent away");
    let after = silent_since.elapsed();
    println!("a silent connection was ended {after:?} after it began");
    hall.stage.wait_for_count(leader, "ridethrough_modbus_connections_ended_total{reason=\"idle\"} 1");
}

fn who_tells_what(hall: &Hall) {
    let site = Play::default().scenario.join("site.toml");
    let sum = run_command(CLIENT_DEADLINE, Command::new("sha256sum").arg(site)).stdout;
    for id in 1..=REPLICAS {
        let shown = hall.stage.cluster.snapshot(id).expect("it answers");
        let told = inputs(hall.address(id), 0, SITE);
        assert_eq!(told[..6], [0x5254, 1, 0, 1, 0, id], "RT, map 1, version 0.1.0");
        assert_eq!(format!("{:08x}", long(&told, 6)), sum[..8], "the site file");
        assert!(told[8] <= 2_000, "{} ms", told[8]);
        let counts = [shown.racks.len(), shown.kesms.len(), shown.feeds.len()];
        assert_eq!([told[14], told[17], told[20]].map(usize::from), counts);
        assert_eq!(registers(hall.address(id), 4, 9, 12).expect("read"), told[9..21], "as holding registers, too");
        let site = inputs(hall.address(id), SITE, 18);
        let after = hall.stage.cluster.snapshot(id).expect("it answers");
        let own = if shown.role == "leader" { 2 } else { 1 };
        assert_eq!([usize::from(site[1]), usize::from(site[2])], [usize::from(shown.leader.expect("one leads")), own]);
        assert_eq!(u64::from(long(&site, 3)), shown.term);
        let commit = (u64::from(long(&site, 5)) << 32) | u64::from(long(&site, 7));
        assert!(commit > 0 && commit <= after.commit_index, "{commit}, {}", after.commit_index);
        assert_eq!([site[15], site[16]].map(usize::from), [shown.devices_heard, shown.devices]);
    }
}

fn tenths(watts: i64, up: bool) -> u32 {
    let watts = if up { watts + 99 } else { watts };
    u32::try_from(watts / 100).expect("no rack draws less than nothing")
}

fn rack_expected(cluster: &Cluster, id: u16, nth: usize) -> Option<Vec<u32>> {
    let shown = cluster.snapshot(id)?;
    let rack = shown.racks.get(nth)?;
    let [load, draw] =
        [rack.load_watts, rack.draw_watts].map(|watts| watts.map_or(UNKNOWN, |watts| tenths(watts, true)));
    let limit = tenths(rack.limit_watts, false);
    let headroom = if draw == UNKNOWN { UNKNOWN_SIGNED } else { limit.wrapping_sub(draw) };
    let cap = shown.caps.iter().find(|cap| cap.rack == rack.name).map_or(UNKNOWN, |cap| tenths(cap.cap_watts, false));
    let flags = (u32::from(rack.at_risk) << 16) | u32::from(rack.tripped);
    Some(vec![load, draw, limit, headroom, cap, flags])
}

/// Numbers move and are read one after the other, so it is tried until both are of one moment. What is told wrong never is the same.
fn what_is_read_is_what_is_shown(hall: &mut Hall, leader: u16) {
    let at = hall.address(leader);
    let way = Way::find(at);
    for nth in [0, 1, usize::from(way.racks[2]) - 1] {
        let told = hall.stage.wait_for("a rack as it is shown", |cluster| {
            let words = block(at, way.racks, nth);
            let told: Vec<u32> = (0..6).map(|field| long(&words, 2 * field)).collect();
            (rack_expected(cluster, leader, nth)? == told && told[0] != UNKNOWN).then_some(told)
        });
        println!("rack {nth}: {told:?}");
    }
    hall.stage.wait_for("a module as it is shown", |cluster| {
        let nth = usize::from(way.kesms[2]) - 1;
        let words = block(at, way.kesms, nth);
        let kesm = cluster.snapshot(leader)?.kesms.into_iter().nth(nth)?;
        let (stored, capacity) = (kesm.stored_joules?, kesm.capacity_joules);
        let charge = u16::try_from(stored * 1_000 / capacity).expect("thousandths");
        let energies = [stored, capacity].map(|joules| u32::try_from(joules / 1_000).expect("few"));
        let supply = i32::try_from(kesm.supply_watts / 100).expect("few");
        let state = u16::from(supply > 0) + 2 * u16::from(supply < 0);
        let same = words[..2] == [charge, state] && [long(&words, 2), long(&words, 6)] == energies;
        (same && long(&words, 4).cast_signed() == supply).then_some(())
    });
    let feed = block(at, way.feeds, 0);
    let shown = hall.stage.cluster.snapshot(leader).expect("it answers");
    let seconds = u64::from(long(&feed, 1)) * 1_000;
    let since = u64::try_from(shown.feeds[0].for_ms).expect("not before it began");
    assert!(feed[0] == 0 && shown.feeds[0].mode == "normal", "{feed:?}");
    assert!(seconds <= since && since - seconds < 20_000, "{feed:?}, {since} ms");
}

fn nothing_is_written(hall: &Hall, leader: u16) {
    let at = hall.address(leader);
    let host = at.ip().to_string();
    let way = Way::find(at);
    let behind = registers(at, 3, way.end, 1).expect_err("there is no such register");
    assert!(behind.contains("Illegal data address"), "{behind}");
    assert_eq!(inputs(at, way.end - 1, 1).len(), 1, "the last one");
    // Functions 06, 16, 05, 15.
    for (table, words) in [("4", &["1"][..]), ("4", &["1", "2"][..]), ("0", &["1"][..]), ("0", &["1", "1"][..])] {
        let refused = mbpoll(at, table, SITE, &[&[host.as_str()][..], words].concat()).expect_err("nothing is written");
        assert!(refused.contains("Illegal function"), "{refused}");
    }
    for table in ["0", "1"] {
        let refused = mbpoll(at, table, 0, &[host.as_str()]).expect_err("there are no coils");
        assert!(refused.contains("Illegal function"), "{refused}");
    }
    assert_eq!(inputs(at, SITE, 1), [0], "nobody took over the site");
    let metrics = hall.stage.cluster.metrics(leader).expect("it answers");
    for line in ["{outcome=\"illegal_function\"} 6\n", "{outcome=\"illegal_address\"} 1\n"] {
        assert!(metrics.contains(&format!("ridethrough_modbus_requests_total{line}")), "{metrics}");
    }
}

fn call(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).expect("it listens");
    stream.set_read_timeout(Some(CLIENT_DEADLINE)).expect("a socket");
    stream
}

/// Whether the other side ends it, without a word, in time.
fn is_ended(mut stream: TcpStream, deadline: Duration) -> bool {
    stream.set_read_timeout(Some(deadline)).expect("a socket");
    match stream.read(&mut [0; 1]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// Other protocols, half a frame, and more connections than there are places for.
fn what_is_no_modbus_costs_nothing(hall: &Hall, leader: u16) {
    let at = hall.address(leader);
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4_096], &[0; 64]] {
        let mut stream = call(at);
        stream.write_all(garbage).expect("it listens");
        assert!(is_ended(stream, FRAME), "{garbage:?}");
    }
    let (mut partial, begun) = (call(at), Instant::now());
    partial.write_all(&[0, 1, 0, 0, 0, 6, 1, 4]).expect("it listens");
    assert!(is_ended(partial, 5 * FRAME) && begun.elapsed() >= FRAME, "{:?}", begun.elapsed());
    let crowd: Vec<TcpStream> = (0..2 * CONNECTIONS_MAX).map(|_| call(at)).collect();
    let refused = registers(at, 3, 0, 1).expect_err("there is no place");
    let counted = hall.stage.cluster.metrics(leader).expect("it answers");
    assert!(counted.contains(&format!("ridethrough_modbus_connections {CONNECTIONS_MAX}\n")), "{refused}, {counted}");
    assert!(counted.contains("ridethrough_modbus_connections_ended_total{reason=\"garbage\"} 3\n"), "{counted}");
    assert!(counted.contains("ridethrough_modbus_connections_ended_total{reason=\"slow\"} 1\n"), "{counted}");
    let others = (1..=REPLICAS).find(|id| *id != leader).expect("three");
    assert_eq!(inputs(hall.address(others), 0, 1), [0x5254], "the other replicas answer");
    drop(crowd);
    ridethrough_tests::wait_until("places come back", CLIENT_DEADLINE, || registers(at, 3, 0, 1).is_ok());
}

/// The scenario begins: a rack comes to be at risk, and a transfer is told.
fn what_changes_is_read(hall: &mut Hall, leader: u16) {
    let at = hall.address(leader);
    let way = Way::find(at);
    hall.stage.play();
    hall.stage.wait_for("a rack that is at risk in its block, and transfers in the site's", |cluster| {
        let shown = cluster.snapshot(leader)?;
        let nth = shown.racks.iter().position(|rack| rack.at_risk)?;
        let site = inputs(at, SITE, 15);
        (block(at, way.racks, nth)[10] == 1 && site[13] > 0 && site[14] > 0).then_some(())
    });
}

fn configurations_are_checked(hall: &Hall) {
    let config = &hall.stage.cluster.node(1).expect("there").config;
    let checked = |file: &Path| run("ridethroughd", &["check-config", &file.display().to_string()]);
    let good = checked(config);
    let expected = format!("Modbus: {} registers at 127.0.0.1:", Way::find(hall.address(1)).end);
    assert!(good.code() == 0 && good.stdout.contains(&expected), "{good:?}");
    let open = config.with_file_name("open.toml");
    write(&open, read(config));
    edit(&open, "[modbus]\nlisten = \"127.0.0.1", "[modbus]\nlisten = \"0.0.0.0");
    let refused = checked(&open);
    assert!(refused.code() == 2 && refused.stderr.contains("modbus.listen: 0.0.0.0:"), "{refused:?}");
    edit(&open, "[modbus]\n", "[modbus]\nanyone = true\n");
    let said = checked(&open);
    assert!(said.code() == 0 && said.stdout.contains("for ANYONE who reaches it"), "{said:?}");
}

/// One replica of three knows nothing, and says so, and how old is what it knew; when another is back, it tells again.
fn without_a_quorum_nothing_is_told(hall: &mut Hall, leader: u16) {
    let at = hall.address(leader);
    let others: Vec<u16> = (1..=REPLICAS).filter(|id| *id != leader).collect();
    for id in &others {
        hall.stage.cluster.kill(*id).expect("it runs");
    }
    let killed = Instant::now();
    let is_stale =
        |start: u16| registers(at, 3, start, 1).is_err_and(|error| error.contains("device or server failure"));
    hall.stage.wait_for("the last replica says that it knows nothing", |_| is_stale(SITE).then_some(()));
    println!("exception 4 came {:?} after two replicas were killed", killed.elapsed());
    std::thread::sleep(Duration::from_secs(1));
    let way = Way::find(at);
    for start in [SITE, way.racks[0], way.kesms[0], way.feeds[0], way.end - 1] {
        assert!(is_stale(start), "{start}");
    }
    let age = inputs(at, 8, 1)[0];
    assert!((2_000..65_535).contains(&age), "{age} ms");
    let metrics = hall.stage.cluster.metrics(leader).expect("it answers");
    let stale =
        metrics.lines().find_map(|line| line.strip_prefix("ridethrough_modbus_requests_total{outcome=\"stale\"} "));
    assert!(stale.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count >= 6), "{metrics}");
    hall.stage.cluster.start(others[0]).expect("it starts again");
    hall.stage.wait_for("what is known is told again", |_| registers(at, 3, SITE, 1).is_ok().then_some(()));
    assert!(inputs(at, 8, 1)[0] <= 2_000);
}
