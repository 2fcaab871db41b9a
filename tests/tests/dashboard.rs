//! The operators' page in a real browser, over a real cluster under load: what it shows while the leader is killed with
//! SIGKILL, and after the replica that served it is gone.

use std::fs;
use std::time::Duration;

use fantoccini::key::Key;
use ridethrough_fault_injection::demo::cluster::REPLICAS;
use ridethrough_tests::browser::Browser;
use ridethrough_tests::stage::{Play, Stage};
use ridethrough_tests::{alone, folder, root};

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

#[test]
fn a_failover_is_shown_as_it_is_and_the_page_outlives_its_server() {
    let _alone = alone();
    let home = folder();
    let mut stage = Stage::begin(home.path(), &Play::default());
    let browser = Browser::start(1440, 900);
    let leader = stage.leader();
    let server = leader % REPLICAS + 1;
    browser.open(&stage.cluster.web(server));
    sees_three_replicas(&browser, leader);
    browser.wait_for("a transfer", "document.querySelector('.decision [data-kind=transfer]')");
    reads_by_keyboard(&browser);
    is_labelled(&browser);
    let next = leader_is_killed(&mut stage, &browser, leader);
    browser.wait_for("a cleared banner", "document.getElementById('banner-clear').click() || document.getElementById('banner').dataset.state === 'silent'");
    stage.cluster.start(leader).expect("starts again");
    browser.wait_for("three replicas", "document.querySelectorAll('.replica:not([data-state])').length === 3");
    server_is_killed(&mut stage, &browser, server, next);
    pictures(&browser);
    let errors = browser.complaints();
    // That a killed replica cannot be reached is told by the browser itself.
    let own: Vec<_> = errors.iter().filter(|(level, source, _)| level == "SEVERE" && source != "network").collect();
    assert!(own.is_empty(), "{own:#?}");
    drop(browser);
    stage.end();
}

fn sees_three_replicas(browser: &Browser, leader: u16) {
    browser.wait_for("three replicas", "document.querySelectorAll('.replica:not([data-state])').length === 3");
    let (shown, _) = browser.wait_for("a leader", LEADER);
    assert_eq!(shown, leader.to_string());
    let racks = browser.run("return document.querySelectorAll('#diagram .rack').length");
    let modules = browser.run("return document.querySelectorAll('#diagram .kesm').length");
    assert_eq!((racks.as_u64(), modules.as_u64()), (Some(24), Some(9)));
    let paint = browser.run("return performance.getEntriesByName('first-contentful-paint')[0].startTime");
    println!("first contentful paint after {paint} ms");
    browser.run(WATCH);
}

/// A decision's why opens by Enter and closes by Esc, and the focus is where it was.
fn reads_by_keyboard(browser: &Browser) {
    browser.run("document.querySelector('.decision [data-kind=transfer]').focus()");
    browser.press(Key::Enter);
    let opened = "document.getElementById('details').open && document.getElementById('details-body').innerText";
    let (told, _) = browser.wait_for("the decision's numbers", opened);
    let told = told.as_str().expect("text");
    for word in ["Why", "P99 of the next 30 s", "Limit, less margin", "Help begins above", "In the log"] {
        assert!(told.contains(word), "no {word} in {told}");
    }
    browser.press(Key::Escape);
    browser.wait_for("a closed dialog", "!document.getElementById('details').open");
    let focus = browser.run("return document.activeElement.dataset.kind");
    assert_eq!(focus, "transfer", "the focus is back");
    // A rack opens likewise, and so does its table.
    browser.run("document.querySelector('.rack[data-rack=A2]').focus()");
    browser.press(Key::Enter);
    browser.wait_for("its servers", "document.getElementById('details-body').innerText.match(/A2-s1\\s+[0-9.]+ kW/)");
    browser.press(Key::Escape);
}

fn is_labelled(browser: &Browser) {
    let unnamed = "return [...document.querySelectorAll('button, [role=button], section, main, dialog, [role=group], [role=img]')].filter(one =>
        !(one.getAttribute('aria-label') || one.getAttribute('aria-labelledby') || one.textContent.trim())).map(one => one.outerHTML.slice(0, 99))";
    assert_eq!(browser.run(unnamed), serde_json::json!([]));
    let unreachable = "return [...document.querySelectorAll('.rack, .kesm, .decision > *, .alarm > *')].filter(one => one.tabIndex < 0).length";
    assert_eq!(browser.run(unreachable), 0);
    let live = browser.run("return document.querySelectorAll('#banner [aria-live], #alarms [aria-live]').length");
    assert_eq!(live, 2, "banner and alarms are read aloud");
    browser.wait_for("the table's rows", "document.querySelectorAll('#table tbody tr').length > 30");
}

fn leader_is_killed(stage: &mut Stage, browser: &Browser, leader: u16) -> u16 {
    stage.cluster.kill(leader).expect("killed");
    let (banner, after) = browser.wait_for("a banner", "document.getElementById('banner').dataset.state !== 'steady' && document.getElementById('banner-text').textContent");
    println!("{after:?} after the kill the page says: {banner}");
    let (next, after) = browser.wait_for("a new leader", LEADER);
    println!("{after:?} later it shows the new leader, {next}");
    let (line, _) = browser.wait_for("a frozen line", "document.getElementById('banner').dataset.state === 'over' && document.getElementById('banner-text').textContent");
    println!("the frozen line: {line}");
    let next: u16 = next.as_str().and_then(|next| next.parse().ok()).expect("a number");
    assert!(
        next != leader && line.as_str().is_some_and(|line| line.contains(&format!("n{next} leads in term"))),
        "{line}"
    );
    let (silent, _) =
        browser.wait_for("a silent replica", "document.querySelector('.replica[data-state=bad]')?.innerText");
    assert!(
        silent.as_str().is_some_and(|words| words.contains(&format!("n{leader}")) && words.contains("silent")),
        "{silent}"
    );
    let seen = browser.run("return seen");
    println!("{seen}");
    assert_eq!(seen["twoLeaders"], 0, "{seen}");
    assert!(seen["looks"].as_u64().is_some_and(|looks| looks > 20), "{seen}");
    assert!(seen["none"].as_u64().is_some_and(|none| none > 0), "the time without a leader was shown: {seen}");
    assert!(seen["banners"].as_array().is_some_and(|states| states.contains(&"failover".into())), "{seen}");
    next
}

fn server_is_killed(stage: &mut Stage, browser: &Browser, server: u16, leader: u16) {
    stage.cluster.kill(server).expect("killed");
    browser.wait_for(
        "a silent server",
        &format!("document.querySelector('.replica[data-replica=\"{server}\"][data-state=bad]')"),
    );
    let commit = "Number(document.querySelector('[data-figure=Commit] b').textContent)";
    let (before, _) = browser.wait_for("a commit", commit);
    browser.wait_for("news without the server", &format!("{commit} > {before}"));
    let (shown, _) = browser.wait_for("a leader", LEADER);
    if server != leader {
        assert_eq!(shown, leader.to_string(), "nobody but the server went");
    }
    let seen = browser.run("return seen");
    assert_eq!(seen["twoLeaders"], 0, "{seen}");
    stage.cluster.start(server).expect("starts again");
    browser.wait_for("three replicas", "document.querySelectorAll('.replica:not([data-state])').length === 3");
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
        assert_eq!(beyond, serde_json::json!([0, 0]), "{width}x{height} scrolls");
    }
}
