use ridethrough_dashboard::{FeedView, KesmView};

use super::*;

fn site() -> Arc<Site> {
    let text = include_str!("../../../../../fault-injection/scenarios/site-two-rows-generator.toml");
    Arc::new(Site::parse("two-rows", text).expect("good"))
}

fn snapshot(site: &Site, mode: &str) -> Snapshot {
    let rack = |rack: &ridethrough_core::site::Rack| RackView {
        name: rack.name.clone(),
        load_watts: Some(15_000),
        draw_watts: Some(15_500),
        limit_watts: rack.limit.get(),
        ..RackView::default()
    };
    let kesm = |kesm: &ridethrough_core::site::Kesm| KesmView {
        stored_joules: Some(kesm.capacity.get() / 2),
        capacity_joules: kesm.capacity.get(),
        ..KesmView::default()
    };
    let feed = FeedView { mode: mode.into(), for_ms: 3_000, drawn_watts: Some(240_000), ..FeedView::default() };
    Snapshot {
        racks: site.racks.iter().map(rack).collect(),
        kesms: site.kesms.iter().map(kesm).collect(),
        feeds: vec![feed],
        ..Snapshot::default()
    }
}

fn alarm(kind: AlarmKind, about: &str) -> AlarmView {
    let id = format!("{}:{}", kind.as_str(), about.replace(' ', "-"));
    AlarmView { id, kind: kind.as_str().into(), about: about.into(), active: true, ..AlarmView::default() }
}

#[test]
fn the_site_is_a_ups_and_every_rack_is_one() {
    let (site, now) = (site(), Instant::now());
    assert_eq!(fleet(&site).expect("good").len(), 1 + site.racks.len());
    let upses = Teller::new(Arc::clone(&site)).upses(&snapshot(&site, "normal"), now).expect("of this site");
    assert_eq!(upses.len(), 1 + site.racks.len());
    let (whole, rack) = (&upses[0], &upses[1]);
    let racks = i64::try_from(site.racks.len()).expect("few");
    assert_eq!((whole.load, rack.load), (Some(Watts::new(15_000 * racks)), Some(Watts::new(15_000))));
    assert_eq!(whole.limit.get(), site.racks.iter().map(|rack| rack.limit.get()).sum::<i64>());
    assert_eq!(rack.limit, site.racks[0].limit);
    assert_eq!((whole.charge_percent, rack.charge_percent), (Some(50), Some(50)));
    assert_eq!(
        (&whole.inputs[..], &rack.inputs[..]),
        (&[Some(Watts::new(240_000))][..], &[Some(Watts::new(15_500))][..])
    );
    assert_eq!((whole.source, whole.low, whole.on_battery, whole.input_bads), (Source::Normal, false, Millis::ZERO, 0));
    assert!(whole.runtime.is_some() && whole.alarms.is_empty());
    assert!(Teller::new(site).upses(&Snapshot::default(), now).is_none(), "of no site");
}

#[test]
fn the_site_lasts_as_long_as_its_first_row_and_nobody_guesses() {
    let (site, now) = (site(), Instant::now());
    let mut shown = snapshot(&site, "normal");
    let heavy = site.rack_ids().filter(|rack| site.rack(*rack).row.index() == 1).map(RackId::index);
    heavy.for_each(|nth| shown.racks[nth].load_watts = Some(30_000));
    let told = |shown: &Snapshot| Teller::new(Arc::clone(&site)).upses(shown, now).expect("of this site");
    let upses = told(&shown);
    let of_row = |row: usize| {
        let rack = site.rack_ids().find(|rack| site.rack(*rack).row.index() == row).expect("it has racks");
        upses[1 + rack.index()].runtime
    };
    assert!(of_row(0) > of_row(1) && upses[0].runtime == of_row(1), "{:?}", upses[0].runtime);
    shown.kesms[0].stored_joules = None;
    shown.racks[0].load_watts = None;
    let upses = told(&shown);
    assert_eq!((upses[0].charge_percent, upses[0].runtime, upses[0].load), (None, None, None));
    assert!(upses.last().expect("racks").runtime.is_some(), "the other row knows");
}

#[test]
fn an_outage_is_counted_once_and_lasts_over_its_modes() {
    let (site, now) = (site(), Instant::now());
    let mut teller = Teller::new(Arc::clone(&site));
    let mut at = |mode: &str, seconds: u64| {
        let now = now + Duration::from_secs(seconds);
        let ups = teller.upses(&snapshot(&site, mode), now).expect("of this site").swap_remove(1);
        (ups.source, ups.low, ups.on_battery.get(), ups.input_bads)
    };
    assert_eq!(at("normal", 0), (Source::Normal, false, 0, 0));
    assert_eq!(at("ride-through", 10), (Source::Battery, false, 3_000, 1), "3 s in this mode already");
    assert_eq!(at("orderly shutdown", 20), (Source::Battery, true, 13_000, 1), "the mode has its own 3 s");
    assert_eq!(at("generator", 30), (Source::Normal, false, 0, 1), "it carries");
    assert_eq!(at("ride-through", 40), (Source::Battery, false, 3_000, 2), "another outage");
}

#[test]
fn a_rack_has_the_alarms_that_are_about_it() {
    let (site, now) = (site(), Instant::now());
    let mut shown = snapshot(&site, "normal");
    let [first, second] = [0, 1].map(|nth: usize| site.racks[nth].name.clone());
    let feed = format!("feed {}", site.feeds[0].name);
    let mut cleared = alarm(AlarmKind::RackOverLimit, &format!("rack {second}"));
    cleared.active = false;
    let mut shelved = alarm(AlarmKind::ServersCapped, &format!("rack {first}"));
    shelved.shelved_left_ms = Some(9);
    let mut outage = alarm(AlarmKind::UtilityOutage, &feed);
    outage.age_ms = 2_000;
    shown.alarms = vec![
        outage,
        alarm(AlarmKind::RackOverLimit, &format!("rack {first}")),
        alarm(AlarmKind::DeviceSilent, &format!("pdu {second}")),
        alarm(AlarmKind::ForecastByRule, "site"),
        cleared,
        shelved,
    ];
    let upses = Teller::new(Arc::clone(&site)).upses(&shown, now + Duration::from_secs(9)).expect("of this site");
    let kinds = |nth: usize| {
        let mut kinds: Vec<u32> = upses[nth].alarms.iter().map(|alarm| alarm.kind as u32).collect();
        kinds.sort_unstable();
        kinds
    };
    assert_eq!((kinds(0), kinds(1), kinds(2)), (vec![2, 8, 18, 20], vec![2, 8], vec![2, 20]));
    let outage = upses[0].alarms.iter().find(|alarm| alarm.kind == WellKnown::OnBattery).expect("it stands");
    assert_eq!(outage.began, now.checked_add(Duration::from_secs(7)));
    assert!(upses[0].alarms.is_sorted_by_key(|alarm| alarm.id), "as a table has them");
}

#[test]
fn numbers_of_alarms_stay_and_are_never_the_same() {
    assert_eq!(number("utility-outage:feed-utility"), number("utility-outage:feed-utility"));
    let twice = [alarm(AlarmKind::UtilityOutage, "feed a"), alarm(AlarmKind::UtilityOutage, "feed a")];
    let ids: Vec<u32> = alarms(&twice, Instant::now()).iter().map(|(_, alarm)| alarm.id).collect();
    assert_eq!(ids[0] + 1, ids[1], "what falls on one number stands behind it");
    for kind in AlarmKind::ALL {
        let id = number(&format!("{}:rack-A1", kind.as_str()));
        assert!((ALARM_ID_MIN..0x7fff_ffff).contains(&id), "{id}");
    }
}

#[test]
fn an_open_breaker_gives_nothing() {
    let site = site();
    let mut shown = snapshot(&site, "ride-through");
    shown.racks[0].tripped = true;
    let upses = Teller::new(site).upses(&shown, Instant::now()).expect("of this site");
    let sources: Vec<Source> = upses.iter().take(3).map(|ups| ups.source).collect();
    assert_eq!(sources, [Source::Battery, Source::Nothing, Source::Battery]);
}
