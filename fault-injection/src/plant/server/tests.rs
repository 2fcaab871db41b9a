use super::*;

/// 1 kW for ten seconds and 600 W for ten, over and over.
fn worker() -> Server {
    let samples = [(0, 1_000.0), (10_000, 600.0)].map(|(at_ms, watts)| Sample { at_ms, watts });
    Server::new(Playback::new(0, 20_000, samples.to_vec()).expect("good"), 0.5)
}

/// Runs to `to_ms` and returns what it took, in J.
#[allow(clippy::cast_precision_loss)] // A minute of milliseconds.
fn run(server: &mut Server, from_ms: u64, to_ms: u64) -> f64 {
    let mut now_ms = from_ms;
    let mut taken_joules = 0.0;
    while now_ms < to_ms {
        let next_ms = server.next_change_ms().clamp(now_ms + 1, to_ms);
        taken_joules += server.watts() * (next_ms - now_ms) as f64 / 1_000.0;
        server.advance(next_ms, true);
        now_ms = next_ms;
    }
    taken_joules
}

/// Power capping takes about two seconds to settle (Wu et al., "Dynamo", ISCA 2016, figure 9).
#[test]
fn a_cap_is_followed_with_its_lag() {
    let mut server = worker();
    server.set_cap(Some(700.0));
    server.advance(0, true);
    assert!((server.watts() - 1_000.0).abs() < 1e-9, "not at once");
    run(&mut server, 0, 500);
    assert!((server.watts() - (700.0 + 300.0 / std::f64::consts::E)).abs() < 2.0, "{}", server.watts());
    run(&mut server, 500, 4_000);
    assert!((server.watts() - 700.0).abs() < 1e-9, "{}", server.watts());
}

#[test]
fn denied_work_is_carried_over_and_done_later() {
    let mut server = worker();
    server.set_cap(Some(700.0));
    let mut taken_joules = run(&mut server, 0, 10_000);
    let denied_joules = server.account().denied_joules;
    assert!((taken_joules + denied_joules - 10_000.0).abs() < 1.0 && denied_joules > 2_500.0, "{denied_joules}");
    server.set_cap(None);
    server.advance(10_000, true);
    taken_joules += run(&mut server, 10_000, 20_000);
    assert!(server.account().backlog_joules < 1.0, "{:?}", server.account());
    assert!((taken_joules - 16_000.0).abs() < 15.0, "all the work was done: {taken_joules} J");
    assert!(server.account().denied_joules >= denied_joules);
    assert_eq!(server.next_change_ms(), 30_000, "free again: nothing to look at before the next sample");
}

#[test]
fn it_shuts_down_in_good_order_and_starts_again() {
    let mut server = worker();
    server.shut_down(4_000);
    server.advance(0, true);
    assert!((server.watts() - 600.0).abs() < 1e-9, "it takes no new work");
    assert!((run(&mut server, 0, 4_000) - 2_400.0).abs() < 1.0);
    assert_eq!((server.running(), server.is_working()), (Running::Off, false));
    assert!(run(&mut server, 4_000, 20_000).abs() < 1e-9);
    server.start(30_000);
    assert!(run(&mut server, 20_000, 50_000).abs() < 1e-9);
    assert_eq!(server.running(), Running::On);
    assert!((server.watts() - 600.0).abs() < 1e-9, "as recorded, with nothing to catch up with");
    let account = server.account();
    assert_eq!((account.shutdown_ms, account.orderly_shutdowns, account.capped_ms), (50_000, 1, 0));
    assert!((account.denied_joules - (26_000.0 + 16_000.0 - 2_400.0)).abs() < 1.0 && account.backlog_joules < 1e-9);
}

#[test]
fn a_shutdown_can_be_cancelled_until_the_outlet_opens() {
    let mut server = worker();
    server.shut_down(4_000);
    run(&mut server, 0, 3_999);
    server.start(30_000);
    server.advance(3_999, true);
    assert!((server.watts() - 1_000.0).abs() < 1e-9 && server.is_working());
    assert_eq!((server.account().orderly_shutdowns, server.next_change_ms()), (0, 10_000));
    server.shut_down(4_000);
    run(&mut server, 3_999, 8_000);
    server.start(30_000);
    run(&mut server, 8_000, 9_000);
    server.wait_for_power();
    assert_eq!(server.running(), Running::Off, "its bus died");
}

#[test]
fn power_that_ends_before_the_outlet_opens_is_no_good_order() {
    let mut server = worker();
    server.shut_down(4_000);
    server.advance(3_000, true);
    server.advance(4_000, false);
    assert_eq!((server.running(), server.account().orderly_shutdowns), (Running::Off, 0));
}

#[test]
fn what_it_wants_is_not_what_its_cap_leaves() {
    let mut server = worker();
    server.set_cap(Some(500.0));
    run(&mut server, 0, 15_000);
    assert!(server.watts() < 501.0 && (server.wanted_watts() - 1_000.0).abs() < 1e-9, "it has work to catch up with");
    assert!(server.is_held_back() && server.is_working());
}

#[test]
fn a_switched_off_server_takes_nothing() {
    let mut server = worker();
    server.switch(false);
    server.advance(0, true);
    assert!(server.watts().abs() < 1e-12 && run(&mut server, 0, 1_000).abs() < 1e-9);
    assert!((server.account().denied_joules - 1_000.0).abs() < 1.0);
}
