//! One leg: whether it fits, what is placed of a way, what a store allows.

use super::*;

#[test]
fn a_leg_fits_up_to_every_rating_and_promise_and_no_further() {
    let forward = [hop(0, Direction::Forward)];
    let fits = |store: Store<'_>, leg: &Leg| store.with_means(|means| fits(means, leg));
    let most = |path: &[Hop]| (23_000..26_000).take_while(|watts| fits(Store::default(), &leg(0, path, *watts))).last();
    let over_tie = most(&forward).expect("some");
    assert_eq!(leg(0, &forward, over_tie).supplied.get(), 25_000, "its rating");
    let half = leg(0, &forward, 12_000);
    let other = |delivered| {
        let mut usage = Usage::default();
        usage.add(&ring(), &[leg(0, &forward, delivered)], HOLD);
        Store { usage, ..Store::default() }
    };
    assert!(fits(other(12_000), &half) && !fits(other(13_000), &half), "beside what is in use");
    let supply = |watts| Store { supply: [watts, 0], ..Store::default() };
    assert!(fits(supply(half.supplied.get()), &half) && !fits(supply(half.supplied.get() - 1), &half));
    let energy = electrical::stored_for(ring().kesm(KesmId(0)), half.supplied, HOLD).get();
    let promise = |joules| Store { promise: joules, ..Store::default() };
    assert!(fits(promise(energy), &half) && !fits(promise(energy - 1), &half));
}

#[test]
fn the_voltage_drops_no_further_than_is_allowed_on_a_tie_and_over_a_path() {
    let mut site = Site::clone(&ring());
    site.ties.iter_mut().for_each(|tie| tie.resistance = crate::units::Microohms::new(500_000));
    let site = Arc::new(site);
    let (t0, t1) = (hop(0, Direction::Forward), hop(1, Direction::Forward));
    let most = |path: &[Hop]| {
        Store { site: Arc::clone(&site), ..Store::default() }.with_means(|means| {
            let (rack, kesm, amount) = (RackId(1), KesmId(0), Watts::ZERO);
            let way = Way { rack, kesm, path: path.to_vec(), amount, purpose: Purpose::Own };
            let fitting = |watts: &i64| fits(means, &exact(means.site, &way, Watts::new(*watts)));
            (1..30_000).take_while(fitting).last().map(Watts::new).unwrap_or_default()
        })
    };
    let drops = |path: &[Hop], delivered: Watts| -> Vec<u32> {
        let flows = electrical::path_flows(&site, path, delivered);
        let drop =
            |(hop, flow): (&Hop, &Watts)| electrical::drop_permille(site.tie(hop.tie), site.bus(RackId(0)), *flow);
        path.iter().zip(&flows).map(drop).collect()
    };
    let one_more = Watts::new(1);
    let tie = most(&[t0]);
    assert_eq!((drops(&[t0], tie), drops(&[t0], tie.saturating_add(one_more))), (vec![30], vec![31]));
    let path = most(&[t0, t1]);
    let sum = |delivered| drops(&[t0, t1], delivered).iter().sum::<u32>();
    assert_eq!((sum(path), sum(path.saturating_add(one_more))), (50, 51));
}

#[test]
fn power_is_never_sent_round_in_a_ring() {
    let used = |legs: &[Leg]| {
        let mut usage = Usage::default();
        usage.add(&ring(), legs, HOLD);
        Store { usage, ..Store::default() }
    };
    let (t0, t1, t2) = (hop(0, Direction::Forward), hop(1, Direction::Forward), hop(2, Direction::Forward));
    let closes = |legs: &[Leg], path: &[Hop]| used(legs).with_means(|means| closes_a_ring(means, path));
    let two = [leg(0, &[t0, t1], 1_000)];
    assert!(closes(&two, &[t2]));
    assert!(closes(&[leg(0, &[t0], 1_000)], &[t1, t2]));
    assert!(!closes(&two, &[hop(2, Direction::Backward)]), "it goes along with the others");
    assert!(!closes(&two, &[t0, t1]) && !closes(&two, &[]) && !closes(&[], &[t0]));
    assert!(!closes(&[leg(0, &[t0], 1_000)], &[t2]), "R1 passes nothing on");
    assert!(!closes(&[leg(1, &[t2], 1_000)], &[t0]), "R1 passes nothing on to R2");
    let used = used(&two);
    assert!(!used.with_means(|means| fits(means, &leg(1, &[t2], 1_000))));
}

/// Places ways on R1 one after the other; the legs that it has then.
fn placed(store: Store<'_>, ways: &[(u16, &[Hop], i64)]) -> (Vec<String>, Vec<i64>) {
    store.with_means(|means| {
        let mut legs = Vec::new();
        let more = ways.iter().map(|(kesm, path, amount)| {
            let (rack, kesm, amount) = (RackId(1), KesmId(*kesm), Watts::new(*amount));
            let way = Way { rack, kesm, path: path.to_vec(), amount, purpose: Purpose::Own };
            place_leg(means, &mut legs, &way).get()
        });
        let more = more.collect();
        (legs.iter().map(words).collect(), more)
    })
}

#[test]
fn a_way_is_placed_as_far_as_it_fits_and_added_to_the_leg_that_goes_the_same_way() {
    let (t0, t1): (&[Hop], &[Hop]) = (&[hop(0, Direction::Forward)], &[hop(1, Direction::Backward)]);
    let check = |ways: &[(u16, &[Hop], i64)], legs: &[&str], more: &[i64]| {
        let (told, got) = placed(Store::default(), ways);
        assert_eq!((told, got.as_slice()), (legs.iter().map(ToString::to_string).collect(), more), "{ways:?}");
    };
    check(&[(0, t0, 5_000)], &["K0>T0 5000"], &[5_000]);
    check(&[(0, t0, 5_000), (0, t0, 400)], &["K0>T0 5400"], &[5_000, 400]);
    check(&[(0, t0, 5_000), (1, t1, 3_000)], &["K0>T0 5000", "K1<T1 3000"], &[5_000, 3_000]);
    let round: &[Hop] = &[hop(2, Direction::Backward), hop(1, Direction::Backward)];
    check(&[(0, t0, 5_000), (0, round, 3_000)], &["K0>T0 5000", "K0<T2<T1 3000"], &[5_000, 3_000]);
    check(&[(0, t0, 499)], &[], &[0]);
    check(&[(0, t0, 500)], &["K0>T0 500"], &[500]);
    // 25 kW do not fit through a tie of 25 kW with what it loses: seven eighths of it do.
    check(&[(0, t0, 25_000)], &["K0>T0 21875"], &[21_875]);
    check(&[(0, t0, 20_000), (0, t0, 20_000)], &["K0>T0 24025"], &[20_000, 4_025]);
    check(&[(0, t0, 24_000), (0, t0, 25_000)], &["K0>T0 24000"], &[24_000, 0]);
}

#[test]
fn a_path_of_nine_ties_and_a_ninth_leg_are_not_placed() {
    let t0 = hop(0, Direction::Forward);
    // From R0 along a line of ties that lose nothing to speak of.
    let along = |hops: usize| {
        let mut site = Site::clone(&ring());
        let link = site.tie(TieId(0)).clone();
        let rack = |index: usize| RackId(u16::try_from(index).expect("few"));
        site.racks.resize(hops + 1, site.racks[1].clone());
        site.ties = (0..hops).map(|nth| Tie { between: (rack(nth), rack(nth + 1)), ..link.clone() }).collect();
        let path: Vec<Hop> = (0..).take(hops).map(|tie| hop(tie, Direction::Forward)).collect();
        placed(Store { site: Arc::new(site), ..Store::default() }, &[(0, &path, 600)]).1
    };
    assert_eq!((along(HOPS_MAX), along(HOPS_MAX + 1)), (vec![600], vec![0]));
    let full: Vec<Leg> = vec![leg(1, &[], 600); LEGS_MAX];
    let more = Store::default().with_means(|means| {
        let mut legs = full;
        let amount = Watts::new(5_000);
        let way = Way { rack: RackId(1), kesm: KesmId(0), path: vec![t0], amount, purpose: Purpose::Own };
        let more = place_leg(means, &mut legs, &way);
        legs.pop();
        (more.get(), place_leg(means, &mut legs, &way).get(), legs.len())
    });
    assert_eq!(more, (0, 5_000, LEGS_MAX));
}

#[test]
fn what_a_store_allows_can_be_held_and_a_tenth_of_the_rating_more_cannot() {
    let site = ring();
    let module = site.kesm(KesmId(0));
    let whole = electrical::stored_for(module, module.rated, HOLD);
    let allows = |joules| by_energy(&site, KesmId(0), Joules::new(joules)).get();
    assert_eq!(allows(whole.get()), 50_000);
    assert!((47_400..=47_500).contains(&allows(whole.get() - 1)), "a twentieth is kept back");
    assert_eq!((allows(0), allows(-1), allows(whole.get() / 20)), (0, 0, 0));
    for joules in (0..whole.get()).step_by(1_000) {
        let most = allows(joules);
        let needs = |watts| electrical::stored_for(module, Watts::new(watts), HOLD).get();
        assert!(most == 0 || needs(most) <= joules, "{most} W of {joules} J");
        assert!(needs(most + 5_000) > joules, "{most} W of {joules} J");
    }
}
