use std::collections::BTreeSet;

use super::*;
use crate::command::{Action, Command, Operation};
use crate::device::{DeviceId, ReplicaId};
use crate::example::{LIMIT, World};
use crate::ledger::Effect;
use crate::site::{FeedId, KesmId, RackId};
use crate::trust::Fault;
use crate::units::Millis;

const OVER: AlarmKey = AlarmKey { kind: AlarmKind::RackOverLimit, subject: Subject::Rack(RackId(1)) };
const LOST: AlarmKey = AlarmKey { kind: AlarmKind::UtilityOutage, subject: Subject::Feed(FeedId(0)) };
const RULE: AlarmKey = AlarmKey { kind: AlarmKind::ForecastByRule, subject: Subject::Site };

fn raised(keys: &[AlarmKey]) -> Command {
    Command::Alarms(AlarmNote { raised: keys.to_vec(), cleared: Vec::new() })
}

fn cleared(keys: &[AlarmKey]) -> Command {
    Command::Alarms(AlarmNote { raised: Vec::new(), cleared: keys.to_vec() })
}

fn operation(action: Action) -> Command {
    Command::Operation(Operation { request: None, actor: "anna".into(), reason: "seen".into(), action })
}

/// Commits commands at seconds; returns what is shown then as `name active who`.
fn check(steps: Vec<(i64, Command)>, expected: &str) {
    let mut world = World::new();
    for (second, command) in steps {
        world.now = Millis::seconds(second);
        world.commit(command);
    }
    let shown = world.ledger.alarms().shown().map(|(key, alarm)| {
        let stands = if alarm.active { "stands" } else { "gone" };
        format!("{} {stands} {}", key.name(world.ledger.site()), alarm.acknowledged.as_deref().unwrap_or("-"))
    });
    assert_eq!(shown.collect::<Vec<_>>().join(", "), expected);
}

#[test]
fn an_alarm_stays_until_it_is_gone_and_somebody_has_seen_it() {
    let seen = || operation(Action::Acknowledge(OVER));
    check(vec![(10, raised(&[OVER]))], "rack-over-limit:rack-R1 stands -");
    check(vec![(10, raised(&[OVER])), (11, cleared(&[OVER]))], "rack-over-limit:rack-R1 gone -");
    check(vec![(10, raised(&[OVER])), (11, seen())], "rack-over-limit:rack-R1 stands anna");
    check(vec![(10, raised(&[OVER])), (11, seen()), (12, cleared(&[OVER]))], "");
    check(vec![(10, raised(&[OVER])), (11, cleared(&[OVER])), (12, seen())], "");
    let again = vec![(10, raised(&[OVER])), (11, seen()), (12, cleared(&[OVER])), (13, raised(&[OVER]))];
    check(again, "rack-over-limit:rack-R1 stands -");
    check(
        vec![(10, raised(&[RULE, OVER, LOST]))],
        "utility-outage:feed-u stands -, rack-over-limit:rack-R1 stands -, forecast-by-rule:site stands -",
    );
}

#[test]
fn what_chatters_asks_for_nobody_again() {
    let seen = || operation(Action::Acknowledge(OVER));
    let mut steps =
        vec![(10, raised(&[OVER])), (11, seen()), (12, cleared(&[OVER])), (15, raised(&[OVER])), (16, seen())];
    steps.extend([(17, cleared(&[OVER])), (20, raised(&[OVER]))]);
    check(steps, "rack-over-limit:rack-R1 stands anna");
}

#[test]
fn a_shelf_ends_by_itself_and_no_urgent_alarm_is_hidden_by_a_full_table() {
    let mut world = World::new();
    world.commit(raised(&[RULE]));
    let refused = |world: &mut World, action| match world.commit(operation(action)) {
        Effect::Refused(refusal) => refusal.describe(world.ledger.site()),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&mut world, Action::Acknowledge(LOST)), "there is no alarm utility-outage:feed-u");
    assert_eq!(refused(&mut world, Action::Unshelve(RULE)), "alarm forecast-by-rule:site is not shelved");
    let long = Action::Shelve(RULE, SHELF_MAX.saturating_add(Millis::new(1)));
    assert_eq!(refused(&mut world, long), "a shelf for 28800001 ms, allowed are 1 ms to 28800000 ms");
    world.commit(operation(Action::Shelve(RULE, Millis::seconds(30))));
    let shelf = |world: &World| world.ledger.alarms().get(RULE).expect("kept").shelved_until;
    assert_eq!(shelf(&world), Some(Millis::seconds(31)));
    world.now = Millis::seconds(31);
    world.commit(cleared(&[]));
    assert_eq!(shelf(&world), None);
    world.commit(operation(Action::Shelve(RULE, Millis::seconds(30))));
    world.commit(operation(Action::Unshelve(RULE)));
    assert_eq!(shelf(&world), None, "it is taken off before its time, too");
    world.commit(operation(Action::Acknowledge(RULE)));
    assert_eq!(refused(&mut world, Action::Acknowledge(RULE)), "alarm forecast-by-rule:site is acknowledged already");

    let replica = |id| AlarmKey { kind: AlarmKind::ReplicaUnreachable, subject: Subject::Replica(ReplicaId(id)) };
    let all: Vec<AlarmKey> = (0..600).map(replica).collect();
    for some in all.chunks(NOTE_ALARMS_MAX) {
        world.commit(raised(some));
    }
    assert_eq!(world.ledger.alarms().rows().count(), ALARMS_MAX);
    assert!(!world.ledger.alarms().is_active(RULE), "the least urgent makes room");
    world.commit(raised(&[LOST]));
    assert!(world.ledger.alarms().is_active(LOST));
    assert_eq!(world.ledger.alarms().rows().count(), ALARMS_MAX);
    assert!(world.ledger.alarms().is_flood(world.now));
    let more = [replica(700), LOST].into_iter().collect::<BTreeSet<_>>();
    let mut watch = AlarmWatch::default();
    watch.look(world.now, world.now, world.ledger.alarms(), &more);
    let later = world.now.saturating_add(Millis::seconds(3));
    let told = watch.look(later, later, world.ledger.alarms(), &more).map(|note| note.raised);
    assert_eq!(told, None, "there is no room for one more, and the urgent one is there");
    let too_many = Command::Alarms(AlarmNote { raised: vec![LOST; NOTE_ALARMS_MAX + 1], cleared: Vec::new() });
    assert!(matches!(world.commit(too_many), Effect::Refused(_)));
}

#[test]
fn what_the_site_does_not_have_is_left_out() {
    let strange = AlarmKey { kind: AlarmKind::RackOverLimit, subject: Subject::Rack(RackId(99)) };
    check(vec![(10, raised(&[strange]))], "");
}

#[test]
fn what_stands_is_told_after_its_time_and_what_has_gone_after_five_seconds() {
    let mut watch = AlarmWatch::default();
    let mut look = |at: i64, alarms: &Alarms, stands: &[AlarmKey]| {
        let now = Millis::new(at);
        watch.look(now, now, alarms, &stands.iter().copied().collect::<BTreeSet<_>>())
    };
    let none = Alarms::default();
    assert_eq!(look(0, &none, &[OVER]), None, "not for a second yet");
    assert_eq!(look(900, &none, &[]), None);
    assert_eq!(look(1_000, &none, &[OVER]), None, "anew");
    let came = Some(AlarmNote { raised: vec![OVER], cleared: Vec::new() });
    assert_eq!(look(2_000, &none, &[OVER]), came);
    assert_eq!(look(2_100, &none, &[OVER]), came, "urgent, and still not in the log");
    let stands =
        Alarms::from_rows([(OVER, Alarm { active: true, raises: vec![Millis::new(2_000)], ..Alarm::default() })]);
    assert_eq!(look(3_100, &stands, &[OVER]), None);
    assert_eq!(look(4_000, &stands, &[]), None);
    assert_eq!(look(8_900, &stands, &[]), None);
    let went = Some(AlarmNote { raised: Vec::new(), cleared: vec![OVER] });
    assert_eq!(look(9_000, &stands, &[]), went);
    assert_eq!(look(9_100, &stands, &[]), None, "one note a second");
    let raises = [2, 3, 4].map(Millis::seconds).to_vec();
    let chatters = Alarms::from_rows([(OVER, Alarm { active: true, raises, ..Alarm::default() })]);
    assert_eq!(look(60_000, &chatters, &[]), None);
    assert_eq!(look(64_100, &chatters, &[]), went);
}

#[test]
fn racks_devices_and_modules_are_looked_at() {
    let mut world = World::new();
    world.load(1, LIMIT + 1);
    world.stored(0, 600_000);
    let k1 = DeviceId::Kesm(KesmId(1));
    let fault = |device: DeviceId| (device == k1).then_some(Fault::NotFollowing);
    let names = world.with_inputs(&fault, |inputs| {
        let site = inputs.ledger.site();
        standing(inputs).into_iter().map(|key| key.name(site)).collect::<Vec<_>>().join(" ")
    });
    let expected = "rack-over-limit:rack-R1 device-quarantined:kesm-K1 device-silent:tie-T0 device-silent:tie-T1 \
                    device-silent:tie-T2 device-silent:tie-T3 device-silent:tie-T4 device-silent:supply-u \
                    store-at-reserve:kesm-K0 forecast-by-rule:site";
    assert_eq!(names, expected);
}

#[test]
fn an_alarm_is_found_by_its_name() {
    let world = World::new();
    let site = world.ledger.site();
    let silent = |subject| AlarmKey { kind: AlarmKind::DeviceSilent, subject };
    let replica = AlarmKey { kind: AlarmKind::ReplicaUnreachable, subject: Subject::Replica(ReplicaId(3)) };
    for key in [OVER, LOST, RULE, silent(Subject::Device(DeviceId::Kesm(KesmId(1)))), replica] {
        assert_eq!(AlarmKey::named(&key.name(site), site), Some(key));
    }
    for wrong in ["", "rack-over-limit", "rack-over-limit:rack-R77", "rack-over-heat:rack-R1", "forecast-by-rule:"] {
        assert_eq!(AlarmKey::named(wrong, site), None, "{wrong}");
    }
}

#[test]
fn kinds_are_in_the_order_of_their_urgency_and_have_words_of_their_own() {
    assert!(AlarmKind::ALL.is_sorted_by_key(|kind| (kind.priority(), *kind)));
    let words: BTreeSet<&str> = AlarmKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words.len(), AlarmKind::ALL.len());
}

#[test]
fn more_than_ten_alarms_in_ten_minutes_are_a_flood() {
    let mut world = World::new();
    let keys: Vec<AlarmKey> = [AlarmKind::RackOverLimit, AlarmKind::ServersCapped]
        .into_iter()
        .flat_map(|kind| (0..6).map(move |rack| AlarmKey { kind, subject: Subject::Rack(RackId(rack)) }))
        .collect();
    world.commit(raised(&keys[..10]));
    let at = world.ledger.now();
    assert!(!world.ledger.alarms().is_flood(at));
    world.commit(raised(&keys[10..11]));
    assert!(world.ledger.alarms().is_flood(at));
    assert!(world.ledger.alarms().is_flood(at.saturating_add(Millis::seconds(600))));
    assert!(!world.ledger.alarms().is_flood(at.saturating_add(Millis::new(600_001))));
}

#[test]
fn what_was_seen_and_is_gone_is_kept_only_while_it_may_be_found_to_chatter() {
    let mut world = World::new();
    for command in [raised(&[OVER]), operation(Action::Acknowledge(OVER)), cleared(&[OVER])] {
        world.commit(command);
    }
    let raised_at = world.ledger.now();
    assert_eq!((world.ledger.alarms().shown().count(), world.ledger.alarms().rows().count()), (0, 1));
    let kept = |after: i64| world.ledger.at(raised_at.saturating_add(Millis::new(after))).alarms().rows().count();
    assert_eq!((kept(table::CHATTER_SPAN.get()), kept(table::CHATTER_SPAN.get() + 1)), (1, 0));
}

#[test]
fn every_alarm_has_its_page_and_what_follows_an_outage_shares_its_own() {
    let pages: Vec<&str> = AlarmKind::ALL.iter().map(|kind| kind.runbook()).collect();
    let shared = pages.iter().filter(|page| **page == AlarmKind::UtilityOutage.as_str()).count();
    assert_eq!(shared, 3, "the outage, the shutdown and the generator");
    for (kind, page) in AlarmKind::ALL.iter().zip(pages) {
        assert!(page == kind.as_str() || matches!(kind, AlarmKind::OrderlyShutdown | AlarmKind::OnGenerator));
    }
}

#[test]
fn an_alarm_is_about_what_the_site_has() {
    let world = World::new();
    let is_of = |subject: Subject| subject.is_of(world.ledger.site());
    assert!(is_of(Subject::Feed(FeedId(0))) && !is_of(Subject::Feed(FeedId(1))));
    assert!(is_of(Subject::Rack(RackId(5))) && !is_of(Subject::Rack(RackId(6))));
    assert!(is_of(Subject::Site) && is_of(Subject::Replica(ReplicaId(9))));
}

/// What is wrong with feed and racks.
fn stands(world: &World) -> Vec<AlarmKey> {
    let about = |key: &AlarmKey| matches!(key.subject, Subject::Feed(_) | Subject::Rack(_));
    world.with_inputs(&|_| None, standing).into_iter().filter(about).collect()
}

#[test]
fn a_feed_without_its_utility_a_rack_over_its_limit_and_servers_that_are_capped_are_wrong() {
    use crate::command::{CapGrant, CapReason, ModeChange, Plan};
    use crate::mode::{Mode, ModeReason};
    let mut world = World::new();
    world.load(1, LIMIT);
    assert_eq!(stands(&world), [], "at its limit it may stay for ever");
    world.load(1, LIMIT + 1);
    assert_eq!(stands(&world), [OVER]);
    world.load(1, 10_000);
    let cap = |rack, reason| CapGrant {
        rack: RackId(rack),
        cap: crate::units::Watts::new(30_000),
        keep_tiers: crate::site::TIER_MAX,
        reason,
        hold: Millis::seconds(8),
    };
    let caps = vec![cap(2, CapReason::Operator), cap(3, CapReason::RowUncovered)];
    world.commit(Command::Plan(Plan { caps, ..Plan::default() }));
    let capped = AlarmKey { kind: AlarmKind::ServersCapped, subject: Subject::Rack(RackId(3)) };
    assert_eq!(stands(&world), [capped], "what an operator asked for is no news to him");
    let mut world = World::new();
    let feed = |kind| AlarmKey { kind, subject: Subject::Feed(FeedId(0)) };
    let mut becomes = |to| {
        let change = ModeChange { feed: FeedId(0), to, reason: ModeReason::UtilityBack, time_left: None };
        world.commit(Command::Plan(Plan { modes: vec![change], ..Plan::default() }));
        stands(&world)
    };
    assert_eq!(becomes(Mode::RideThrough), [LOST]);
    assert_eq!(becomes(Mode::OrderlyShutdown), [LOST, feed(AlarmKind::OrderlyShutdown)]);
    assert_eq!(becomes(Mode::Generator), [feed(AlarmKind::OnGenerator)]);
    assert_eq!(becomes(Mode::Recovery), []);
}

#[test]
fn a_shelf_is_for_a_millisecond_at_least_and_ends_at_its_time() {
    let mut world = World::new();
    world.commit(raised(&[OVER]));
    let alarms = world.ledger.alarms();
    let fits = |hold| alarms.may_shelve(OVER, hold).is_ok();
    assert!(!fits(Millis::ZERO) && fits(Millis::new(1)));
    assert!(fits(SHELF_MAX) && !fits(SHELF_MAX.saturating_add(Millis::new(1))));
    assert!(!alarms.is_empty() && Alarms::default().is_empty());
    world.commit(operation(Action::Shelve(OVER, Millis::seconds(600))));
    let shelved = |after: i64| {
        let ledger = world.ledger.at(world.now.saturating_add(Millis::new(after)));
        ledger.alarms().get(OVER).is_some_and(|alarm| alarm.shelved_until.is_some())
    };
    assert!(shelved(599_999) && !shelved(600_000));
}

#[test]
fn what_is_put_aside_is_kept_after_it_was_seen_and_has_gone() {
    let mut world = World::new();
    let hold = Millis::seconds(600);
    for command in [raised(&[OVER]), operation(Action::Shelve(OVER, hold)), operation(Action::Acknowledge(OVER))] {
        world.commit(command);
    }
    world.commit(cleared(&[OVER]));
    let kept = |after: i64| world.ledger.at(world.now.saturating_add(Millis::seconds(after))).alarms().rows().count();
    assert_eq!((kept(599), kept(600)), (1, 0));
}

#[test]
fn a_watch_tells_every_second_and_one_that_forgets_looks_anew() {
    let world = World::new();
    let alarms = world.ledger.alarms();
    let urgency = |kind: AlarmKind| kind.priority() == Priority::Urgent;
    assert!(!urgency(RULE.kind) && urgency(LOST.kind));
    let stands = BTreeSet::from([RULE]);
    let mut watch = AlarmWatch::default();
    let late = RULE.kind.raised_after().get();
    let look = |watch: &mut AlarmWatch, ms| watch.look(Millis::new(ms), Millis::new(ms), alarms, &stands).is_some();
    assert!(!look(&mut watch, 0));
    assert!(look(&mut watch, late), "it has stood for as long as its kind must");
    assert!(!look(&mut watch, late + 999) && look(&mut watch, late + 1_000), "what was lost is told again");
    watch.forget();
    assert!(!look(&mut watch, late + 2_000), "whoever leads anew has not seen it yet");
    assert!(look(&mut watch, 2 * late + 2_000));
}
