use ridethrough_core::command::{Action, Command, Plan, ReleaseReason};
use ridethrough_core::device::DeviceId;
use ridethrough_core::site::{KesmId, RackId, TieId};

use super::super::example::{Growing, evidence, grant, granting, heard, outage, release};
use super::super::wanted;
use super::*;

const K1: DeviceId = DeviceId::Kesm(KesmId(0));
const TIE: DeviceId = DeviceId::Tie(TieId(0));

/// The lines of the explanation that begin so are just these.
fn check(opened: &Opened, id: &str, head: &str, expected: &[&str]) {
    let words = tell(opened, &wanted(id).expect("an id")).expect("is there").words();
    let found: Vec<&str> = words.lines().filter_map(|line| line.strip_prefix(head)).map(str::trim_start).collect();
    assert_eq!(found, expected, "in:\n{words}");
}

#[test]
fn a_transfer_is_told_state_by_state() {
    let mut log = Growing::founded();
    log.commit(1_000, granting(4_000));
    log.commit(1_050, heard(2, &[K1]));
    log.commit(1_100, heard(2, &[K1, TIE]));
    log.commit(5_000, granting(4_000));
    log.commit(6_000, granting(5_000));
    log.commit(7_000, release(ReleaseReason::AckMissing));
    log.commit(7_100, heard(6, &[K1, TIE]));
    let opened = log.opened();
    check(&opened, "2.0", "help", &["begins when the rack draws more than 22.0 kW"]);
    check(
        &opened,
        "2.0",
        "state",
        &[
            "proposed   at ledger time 1000 ms, entry 2: by n3",
            "supplying  at ledger time 1000 ms, entry 2: admitted; its sources are being told",
            "drawing    at ledger time 1050 ms, entry 3: its sources act; its ties are being told",
            "held       at ledger time 1100 ms, entry 4: all its devices act",
            "replaced   at ledger time 5000 ms, entry 5: renewed as 5.0",
        ],
    );
    check(
        &opened,
        "5.0",
        "state",
        &[
            "proposed   at ledger time 5000 ms, entry 5: by n3",
            "held       at ledger time 5000 ms, entry 5: a renewal: its devices go on as they do",
            "replaced   at ledger time 6000 ms, entry 6: changed as 6.0",
        ],
    );
    check(
        &opened,
        "6.0",
        "state",
        &[
            "proposed   at ledger time 6000 ms, entry 6: by n3",
            "supplying  at ledger time 6000 ms, entry 6: admitted; its sources are being told",
            "releasing  at ledger time 7000 ms, entry 7: aborted: a device did not answer its order in time",
            "done       at ledger time 7100 ms, entry 8: its devices have been told, or their last orders have run out",
        ],
    );
    check(&opened, "6.0", "end", &["aborted by entry 7: a device did not answer its order in time"]);
}

#[test]
fn a_transfer_that_nobody_renews_expires() {
    let mut log = Growing::founded();
    log.commit(1_000, granting(4_000));
    log.commit(20_000, Command::Plan(Plan::default()));
    let opened = log.opened();
    check(&opened, "2.0", "end", &["expired at ledger time 9000 ms"]);
    check(&opened, "3", "state", &["transfer 2.0 has expired"]);
}

#[test]
fn a_refused_transfer_names_what_bound() {
    let mut log = Growing::founded();
    log.commit(1_000, granting(30_000));
    let opened = log.opened();
    let words = tell(&opened, &wanted("2.0").expect("an id")).expect("is there").words();
    let tie = "state     refused    at ledger time 1000 ms, entry 2: tie A1-A2 at 31.4 kW, rated 25.0 kW";
    assert!(words.contains(tie), "{words}");
    check(&opened, "2.0", "end", &["refused, nothing moved"]);
    check(&opened, "2", "order", &[]);
}

#[test]
fn a_refused_plan_that_names_what_the_site_has_not_is_told_all_the_same() {
    let mut log = Growing::founded();
    let mut strange = grant(4_000);
    strange.rack = RackId(99);
    strange.legs[0].kesm = KesmId(98);
    let mut plan = outage();
    plan.grants = vec![strange];
    plan.caps[0].rack = RackId(97);
    plan.lifts = vec![RackId(96)];
    log.commit(1_000, Command::Plan(plan));
    let opened = log.opened();
    let words = tell(&opened, &wanted("2").expect("an id")).expect("is there").words();
    for part in ["transfer  2.0 to #99", "cap       #97", "lift      #96", "refused   the site has no rack #99"] {
        assert!(words.contains(part), "{part} in:\n{words}");
    }
}

#[test]
fn an_entry_is_explained_whatever_it_is() {
    let mut log = Growing::founded();
    log.commit(1_000, Command::Plan(outage()));
    log.commit(2_000, Command::Plan(Plan { lifts: vec![RackId(0)], ..Plan::default() }));
    let opened = log.opened();
    let founding = tell(&opened, &wanted("1").expect("an id")).expect("is there").words();
    assert!(founding.contains("says      founded cluster 0707070707"), "{founding}");
    check(
        &opened,
        "2",
        "why",
        &[
            "feed utility had been in mode normal from the start; 2 of 3 independent witnesses see the utility gone",
            "rack A1: 16.0 kW less than its servers are rated for (28.0 kW), because the utility is lost, and what is \
             stored does not last until it is replaced or servers have shut down; shut down: A1-s2",
            "rack A1: the cap was lifted by entry 3",
            "the generator of feed utility follows its own rule again at ledger time 61000 ms, unless it is told again",
        ],
    );
    check(
        &opened,
        "2",
        "order",
        &[
            "pdu A1: let the servers take up to 12.0 kW, tiers 1 to 3 kept on, the rest shut down",
            "supply utility: generator: run, and try again when it has given up",
        ],
    );
}

#[test]
fn an_operation_says_who_and_why_and_what_it_ended() {
    let mut log = Growing::founded();
    let (stored, loads) = evidence();
    log.operate(1_000, Action::Transfer(grant(4_000), stored, loads));
    log.operate(2_000, Action::Hold(K1));
    log.operate(3_000, Action::Hold(K1));
    let opened = log.opened();
    check(&opened, "2.0", "asked", &["by \"mira\": \"breaker A1 is \\u{1b}[31mserviced\""]);
    check(&opened, "2.0", "end", &["released by entry 3: an operator ended it"]);
    check(&opened, "3", "state", &["transfer 2.0 is released: an operator ended it"]);
    check(&opened, "4", "refused", &["kesm K1 is held by an operator"]);
}

#[test]
fn what_is_not_there_is_refused() {
    let opened = Growing::founded().opened();
    let refused = |id: &str| tell(&opened, &wanted(id).expect("an id")).err().expect("refused").to_string();
    assert_eq!(refused("9999"), "the log has no entry 9999; `ridectl audit log` lists them");
    assert!(refused("1.0").starts_with("entry 1 grants no transfer: founded cluster"));
    assert!(wanted("a.b").is_err());
}
