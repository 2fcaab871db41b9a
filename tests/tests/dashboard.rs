//! The operators' page in a real browser, over a real cluster under load: what it shows while the leader is killed with
//! SIGKILL, and after the replica that served it is gone.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::key::Key;
use nix::sys::signal::Signal;
use ridethrough_fault_injection::demo::cluster::REPLICAS;
use ridethrough_tests::browser::Browser;
use ridethrough_tests::stage::{Play, Stage};
use ridethrough_tests::{alone, folder, root};
use serde_json::{Value, json};

/// Looks at every change of the page, and at every frame, for two leaders at once.
const WATCH: &str = "
    window.seen = { looks: 0, twoLeaders: 0, none: 0, banners: [] };
    const look = () => {
        const leads = document.querySelectorAll('.replica.leads').length;
        seen.looks += 1; seen.twoLeaders += leads > 1; seen.none += leads === 0;
        const state = document.getElementById('banner').dataset.state;
        if (seen.banners.at(-1) !== state) seen.banners.push(state);
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    const frame = () => { look(); requestAnimationFrame(frame); };
    frame();";
const LEADER: &str = "document.querySelector('.replica.leads')?.dataset.replica";

/// The page's own judgement on words of replicas that a real cluster seldom says: old leaders that still call themselves so,
/// silence, a page that watches one replica alone.
const JUDGE: &str = "return (async () => {
    const { look } = await import('/script/model.js');
    const { Failover } = await import('/script/failover.js');
    const one = (id, term, acting, silent = false, leader = null) => ({ origin: 'http://n' + id, decisions: [], heardAt: 1000 * term,
        now: { replica: id, term, commit_index: 9, acting, leader }, age: () => 9, isSilent: () => silent });
    const told = (...sources) => {
        const view = look(sources, 10, 3);
        return [view.leader, view.replicas.filter(replica => replica.leads).length, view.quorum];
    };
    const failover = new Failover(1500);
    const states = [[one(1, 2, true), one(2, 2, false)], [one(1, 2, true, true), one(2, 2, false)], [one(1, 2, true), one(2, 3, true)]].map(sources => {
        const view = look(sources, 2000, 2);
        failover.follow(view, 2000);
        return failover.banner(view, 2000).state;
    });
    return {
        oldLeaderStillSpeaks: told(one(1, 2, true), one(2, 3, true), one(3, 3, false)),
        newTermWithoutLeader: told(one(1, 2, true), one(2, 3, false), one(3, 3, false)),
        leaderIsSilent: told(one(1, 2, true, true), one(2, 2, false), one(3, 2, false)),
        majorityIsSilent: told(one(1, 2, true, true), one(2, 2, false, true), one(3, 2, false)),
        onlyAFollowerIsWatched: told(one(2, 2, false, false, 1)),
        states, gap: failover.line.includes('n2 leads in term 3, after n1 in term 2') && failover.line.includes('1.0 s'),
    };
})()";

/// What is played, and who looks at it.
struct Hall {
    stage: Stage,
    browser: Browser,
}

impl Hall {
    /// Waits until the page shows something, while plant and replicas run; returns that and how long it took.
    fn sees(&mut self, what: &str, expression: &str) -> (Value, Duration) {
        let (begun, browser) = (Instant::now(), &self.browser);
        (self.stage.wait_for(what, |_| browser.look(expression)), begun.elapsed())
    }
}

#[test]
fn a_failover_is_shown_as_it_is_and_the_page_outlives_its_server() {
    let _alone = alone();
    let home = folder();
    let mut stage = Stage::begin(home.path(), &Play::default());
    let leader = stage.leader();
    let server = leader % REPLICAS + 1;
    let mut hall = Hall { stage, browser: Browser::start(1440, 900) };
    hall.browser.open(&hall.stage.cluster.web(server));
    sees_three_replicas(&mut hall, leader);
    judges_rightly(&hall.browser);
    hall.sees("a transfer", "document.querySelector('.decision [data-kind=transfer]')");
    reads_by_keyboard(&mut hall);
    is_labelled(&mut hall);
    tells_audit_and_drills(&mut hall, leader);
    let next = leader_is_killed(&mut hall, leader);
    hall.sees("a cleared banner", "document.getElementById('banner-clear').click() || document.getElementById('banner').dataset.state === 'silent'");
    hall.stage.cluster.start(leader).expect("starts again");
    hall.sees("three replicas", "document.querySelectorAll('.replica:not([data-state])').length === 3");
    server_is_killed(&mut hall, server, next);
    quorum_is_lost(&mut hall);
    let Hall { stage, browser } = hall;
    pictures(&browser);
    let errors = browser.complaints();
    // That a killed replica cannot be reached is told by the browser itself.
    let own: Vec<_> = errors.iter().filter(|(level, source, _)| level == "SEVERE" && source != "network").collect();
    assert!(own.is_empty(), "{own:#?}");
    drop(browser);
    stage.end();
}

fn judges_rightly(browser: &Browser) {
    let expected = json!({
        "oldLeaderStillSpeaks": [2, 1, true],
        "newTermWithoutLeader": [null, 0, true],
        "leaderIsSilent": [null, 0, true],
        "majorityIsSilent": [null, 0, false],
        "onlyAFollowerIsWatched": [1, 0, true],
        "states": ["steady", "failover", "over"],
        "gap": true,
    });
    assert_eq!(browser.run(JUDGE), expected);
}

fn sees_three_replicas(hall: &mut Hall, leader: u16) {
    hall.sees("three replicas", "document.querySelectorAll('.replica:not([data-state])').length === 3");
    let (shown, _) = hall.sees("a leader", LEADER);
    assert_eq!(shown, leader.to_string());
    let racks = hall.browser.run("return document.querySelectorAll('#diagram .rack').length");
    let modules = hall.browser.run("return document.querySelectorAll('#diagram .kesm').length");
    assert_eq!((racks.as_u64(), modules.as_u64()), (Some(24), Some(9)));
    let paint = hall.browser.run("return performance.getEntriesByName('first-contentful-paint')[0].startTime");
    println!("first contentful paint after {paint} ms");
    hall.browser.run(WATCH);
}

/// A decision's why opens by Enter and closes by Esc, and the focus is where it was.
fn reads_by_keyboard(hall: &mut Hall) {
    hall.browser.run("document.querySelector('.decision [data-kind=transfer]').focus()");
    hall.browser.press(Key::Enter);
    let opened = "document.getElementById('details').open && document.getElementById('details-body').innerText";
    let (told, _) = hall.sees("the decision's numbers", opened);
    let told = told.as_str().expect("text");
    for word in ["Why", "P99 of the next 30 s", "Limit, less margin", "Help begins above", "In the log"] {
        assert!(told.contains(word), "no {word} in {told}");
    }
    hall.browser.press(Key::Escape);
    hall.sees("a closed dialog", "!document.getElementById('details').open");
    let focus = hall.browser.run("return document.activeElement.dataset.kind");
    assert_eq!(focus, "transfer", "the focus is back");
    // A rack opens likewise, and so does its table.
    hall.browser.run("document.querySelector('.rack[data-rack=A2]').focus()");
    hall.browser.press(Key::Enter);
    hall.sees("its servers", "document.getElementById('details-body').innerText.match(/A2-s1\\s+[0-9.]+ kW/)");
    hall.sees(
        "what drives its forecast",
        "document.getElementById('details-body').innerText.match(/together\\s+[+][0-9.]+ kW/)",
    );
    hall.browser.press(Key::Escape);
}

/// What each replica has signed, and the drills that the log knows; a drill that goes on is a mark in the trends.
fn tells_audit_and_drills(hall: &mut Hall, leader: u16) {
    let shows = |text: &str| format!("document.getElementById('details-body').innerText.includes('{text}')");
    hall.browser.run("document.getElementById('show-audit').click()");
    hall.sees("a page that vouches for nothing", &shows("Not verified"));
    hall.sees("all replicas", "document.querySelectorAll('#details-body tbody tr').length === 3");
    hall.browser.press(Key::Escape);
    note_drill(hall, leader, "begun");
    hall.browser.run("document.getElementById('show-drills').click()");
    hall.sees("a drill that goes on", &shows("goes on"));
    hall.sees(
        "its mark",
        "[...document.querySelectorAll('.bands text')].some(one => one.textContent === 'from-the-test')",
    );
    note_drill(hall, leader, "held");
    hall.sees("what came of it", &shows("held"));
    hall.browser.press(Key::Escape);
}

fn note_drill(hall: &Hall, leader: u16, stage: &str) {
    let socket = Path::new(&hall.stage.data(leader)).join("operator.sock");
    let word = json!({ "command": "drill", "drill": "from-the-test", "seed": 7, "stage": stage, "cluster": null, "reason": "a test" });
    let mut socket = UnixStream::connect(socket).expect("a replica listens");
    socket.write_all(format!("{word}\n").as_bytes()).expect("it reads");
    let mut told = String::new();
    socket.read_to_string(&mut told).expect("it answers");
    assert!(told.contains("index") && !told.contains("refused"), "{told}");
}

fn is_labelled(hall: &mut Hall) {
    let unnamed = "return [...document.querySelectorAll('button, [role=button], section, main, dialog, [role=group], [role=img]')].filter(one =>
        !(one.getAttribute('aria-label') || one.getAttribute('aria-labelledby') || one.textContent.trim())).map(one => one.outerHTML.slice(0, 99))";
    assert_eq!(hall.browser.run(unnamed), json!([]));
    let unreachable = "return [...document.querySelectorAll('.rack, .kesm, .decision > *, .alarm > *')].filter(one => one.tabIndex < 0).length";
    assert_eq!(hall.browser.run(unreachable), 0);
    let live = hall.browser.run("return document.querySelectorAll('#banner [aria-live], #alarms [aria-live]').length");
    assert_eq!(live, 2, "banner and alarms are read aloud");
    hall.sees("the table's rows", "document.querySelectorAll('#table tbody tr').length > 30");
}

fn leader_is_killed(hall: &mut Hall, leader: u16) -> u16 {
    hall.stage.cluster.kill(leader).expect("killed");
    let (banner, after) = hall.sees("a banner", "document.getElementById('banner').dataset.state !== 'steady' && document.getElementById('banner-text').textContent");
    println!("{after:?} after the kill the page says: {banner}");
    let (next, after) = hall.sees("a new leader", LEADER);
    println!("{after:?} later it shows the new leader, {next}");
    let (line, _) = hall.sees("a frozen line", "document.getElementById('banner').dataset.state === 'over' && document.getElementById('banner-text').textContent");
    println!("the frozen line: {line}");
    let next: u16 = next.as_str().and_then(|next| next.parse().ok()).expect("a number");
    assert!(
        next != leader && line.as_str().is_some_and(|line| line.contains(&format!("n{next} leads in term"))),
        "{line}"
    );
    let (silent, _) = hall.sees("a silent replica", "document.querySelector('.replica[data-state=bad]')?.innerText");
    assert!(
        silent.as_str().is_some_and(|words| words.contains(&format!("n{leader}")) && words.contains("silent")),
        "{silent}"
    );
    let seen = hall.browser.run("return seen");
    println!("{seen}");
    assert_eq!(seen["twoLeaders"], 0, "{seen}");
    assert!(seen["looks"].as_u64().is_some_and(|looks| looks > 20), "{seen}");
    next
}

fn server_is_killed(hall: &mut Hall, server: u16, leader: u16) {
    hall.stage.cluster.kill(server).expect("killed");
    hall.sees(
        "a silent server",
        &format!("document.querySelector('.replica[data-replica=\"{server}\"][data-state=bad]')"),
    );
    let commit = "Number(document.querySelector('[data-figure=Commit] b').textContent)";
    let (before, _) = hall.sees("a commit", commit);
    hall.sees("news without the server", &format!("{commit} > {before}"));
    let (shown, _) = hall.sees("a leader", LEADER);
    if server != leader {
        assert_eq!(shown, leader.to_string(), "nobody but the server went");
    }
    let seen = hall.browser.run("return seen");
    assert_eq!(seen["twoLeaders"], 0, "{seen}");
    hall.stage.cluster.start(server).expect("starts again");
    hall.sees("three replicas", "document.querySelectorAll('.replica:not([data-state])').length === 3");
}

/// The followers stand still, so nobody confirms the leader: first nobody leads, then there is no quorum, then all is well.
fn quorum_is_lost(hall: &mut Hall) {
    let leader = hall.stage.leader();
    hall.browser.run("document.getElementById('banner-clear').click()");
    let others: Vec<u16> = (1..=REPLICAS).filter(|id| *id != leader).collect();
    let signal =
        |hall: &Hall, signal| others.iter().for_each(|id| hall.stage.cluster.signal(*id, signal).expect("sent"));
    let in_force = "[...document.querySelectorAll('.rack .help')].some(one => one.textContent)";
    hall.sees("a transfer in force", in_force);
    signal(hall, Signal::SIGSTOP);
    let (banner, _) = hall.sees("a lost quorum", "document.getElementById('banner').dataset.state === 'lost' && document.getElementById('banner-text').textContent");
    println!("{banner}");
    hall.sees(
        "devices that say so themselves",
        "document.getElementById('banner-text').textContent.includes('devices say that they follow their own safe rule now')",
    );
    let quorum = hall.browser.run("return document.querySelector('[data-figure=Quorum] b').textContent");
    let leads = hall.browser.run("return document.querySelectorAll('.replica.leads').length");
    // Nobody renews it, and no entry says so.
    let ran_out = "[...document.querySelectorAll('.decision .facts')].some(one => one.textContent.includes('ran out'))";
    hall.sees("a transfer that ran out", ran_out);
    signal(hall, Signal::SIGCONT);
    assert!(banner.as_str().is_some_and(|text| text.contains("NO QUORUM: 1 of 3 replicas heard")), "{banner}");
    assert_eq!((quorum, leads), (json!("▲ 1/3"), json!(0)));
    hall.sees("a leader again", LEADER);
    let over = "document.getElementById('banner').dataset.state === 'over' && document.getElementById('banner-text').textContent";
    println!("{}", hall.sees("a frozen line", over).0);
    let seen = hall.browser.run("return seen");
    assert_eq!(seen["twoLeaders"], 0, "{seen}");
    let (none, states) = (seen["none"].as_u64(), seen["banners"].as_array().cloned().unwrap_or_default());
    assert!(
        none.is_some_and(|none| none > 0) && states.contains(&json!("failover")),
        "nobody led, and it was shown: {seen}"
    );
}

/// For whoever wants to see it: nothing may be cut off at the sizes that it is made for.
fn pictures(browser: &Browser) {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let pictures = target.join("dashboard");
    fs::create_dir_all(&pictures).expect("a folder");
    for (width, height) in [(1440, 900), (1920, 1080)] {
        browser.resize(width, height);
        std::thread::sleep(Duration::from_secs(1));
        browser.picture(&pictures.join(format!("{width}x{height}.png")));
        let beyond = browser.run("return [document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]");
        assert_eq!(beyond, json!([0, 0]), "{width}x{height} scrolls");
    }
}
