mod legs;

use std::sync::Arc;

use super::super::topology::Topology;
use super::*;
use crate::site::ConverterLoss;

const HOLD: Millis = Millis::seconds(8);
const LOSSLESS: ConverterLoss = ConverterLoss { fixed_ppm: 0, linear_ppm: 0, quadratic_ppm: 0 };

/// Three racks in a ring of ties (R0 –T0– R1 –T1– R2 –T2– R0), modules on R0 and R2. T1 is a little better than T0.
fn ring() -> Arc<Site> {
    let mut text = String::from(
        "name = 'ring'\n[policy]\ntick_ms = 100\nmargin_permille = 50\ntransfer_hold_ms = 8000\nlease_ms = 1500\n\
         stale_after_ms = 500\nbranch_drop_permille = 30\npath_drop_permille = 50\n[[feed]]\nid = 'u'\nlimit_watts = 200000\n\
         [[row]]\nid = 'A'\nfeed = 'u'\nlimit_watts = 150000\nbus_volts = 800\n",
    );
    for rack in 0..3 {
        text += &format!("[[rack]]\nid = 'R{rack}'\nrow = 'A'\nlimit_watts = 24000\n");
        text += &format!("[[server]]\nid = 'S{rack}'\nrack = 'R{rack}'\nrated_watts = 24000\n");
    }
    for (kesm, rack) in [(0, 0), (1, 2)] {
        text += &format!(
            "[[kesm]]\nid = 'K{kesm}'\nrack = 'R{rack}'\nrated_watts = 50000\ncharge_rated_watts = 15000\n\
             capacity_joules = 2000000\nreserve_joules = 600000\n"
        );
    }
    for (tie, microohm, mm) in [(0, 9_000, 10_000), (1, 4_000, 10_000), (2, 50_000, 40_000)] {
        text += &format!(
            "[[tie]]\nid = 'T{tie}'\nbetween = ['R{tie}', 'R{}']\nlength_mm = {mm}\nresistance_microohm = {microohm}\n\
             rated_watts = 25000\n",
            (tie + 1) % 3
        );
    }
    Arc::new(Site::parse("ring.toml", &text).expect("a good site"))
}

/// What modules may give, each of them, and what is against it.
struct Store<'a> {
    site: Arc<Site>,
    supply: [i64; 2],
    promise: i64,
    stored_permille: [i64; 2],
    excluded: &'a [DeviceId],
    before: Vec<Leg>,
    usage: Usage,
}

impl Default for Store<'_> {
    fn default() -> Self {
        let (site, before, usage) = (ring(), Vec::new(), Usage::default());
        Self {
            site,
            supply: [50_000; 2],
            promise: 1_400_000,
            stored_permille: [1_000; 2],
            excluded: &[],
            before,
            usage,
        }
    }
}

impl Store<'_> {
    fn with_means<T>(self, work: impl FnOnce(&mut Means<'_>) -> T) -> T {
        let topology = Topology::new(&self.site);
        work(&mut Means {
            site: &self.site,
            members: &topology.rows[0],
            usage: self.usage,
            can_supply: &|kesm, usage: &Usage| {
                let in_use = usage.kesms.get(&kesm).copied().unwrap_or_default();
                Watts::new(self.supply[kesm.index()]).saturating_sub(in_use).or_zero()
            },
            can_promise: &|_, _| Joules::new(self.promise),
            stored_permille: &|kesm| self.stored_permille[kesm.index()],
            excluded: &|device| self.excluded.contains(&device),
            before: self.before,
            hold: HOLD,
        })
    }

    /// The legs to a rack that needs so much, and would take so much more.
    fn legs(self, rack: u16, need: i64, slack: i64) -> Vec<String> {
        let want = Want {
            rack: RackId(rack),
            need_present: Watts::ZERO,
            need_coming: Watts::new(need),
            slack: Watts::new(slack),
            relief_coming: Watts::ZERO,
            relief_present: Watts::ZERO,
        };
        let given = self.with_means(|means| Assigner::default().assign(means, &[want], RowWant::default()));
        given[0].legs.iter().map(words).collect()
    }
}

fn words(leg: &Leg) -> String {
    let hop = |hop: &Hop| match hop.direction {
        Direction::Forward => format!(">T{}", hop.tie.0),
        Direction::Backward => format!("<T{}", hop.tie.0),
    };
    let path: String = leg.path.iter().map(hop).collect();
    format!("K{}{path} {}", leg.kesm.0, leg.delivered.get())
}

fn hop(tie: u16, direction: Direction) -> Hop {
    Hop { tie: TieId(tie), direction }
}

/// A leg as it is with exact losses.
fn leg(kesm: u16, path: &[Hop], delivered: i64) -> Leg {
    let (rack, amount) = (RackId(1), Watts::ZERO);
    let way = Way { rack, kesm: KesmId(kesm), path: path.to_vec(), amount, purpose: Purpose::Own };
    exact(&ring(), &way, Watts::new(delivered))
}

#[test]
fn the_way_that_loses_least_is_taken_and_a_fuller_module_only_decides_between_equals() {
    assert_eq!(Store::default().legs(1, 9_000, 0), ["K1<T1 9000"], "T1 loses a little less than T0");
    assert_eq!(Store { stored_permille: [1_000, 0], ..Store::default() }.legs(1, 9_000, 0), ["K1<T1 9000"]);
    assert_eq!(Store::default().legs(0, 9_000, 0), ["K0 9000"]);
    assert_eq!(Store::default().legs(2, 9_000, 0), ["K1 9000"]);
}

#[test]
fn between_ways_that_lose_the_same_the_fuller_module_gives() {
    let gives = |stored_permille| {
        let mut site = Site::clone(&ring());
        site.ties[1].resistance = site.ties[0].resistance;
        Store { site: Arc::new(site), stored_permille, ..Store::default() }.legs(1, 9_000, 0)
    };
    assert_eq!((gives([1_000, 0]), gives([0, 1_000])), (vec!["K0>T0 9000".into()], vec!["K1<T1 9000".into()]));
    assert_eq!((gives([500, 400]), gives([400, 500])), (vec!["K0>T0 9000".into()], vec!["K1<T1 9000".into()]));
}

#[test]
fn a_way_in_use_is_kept_although_another_would_lose_a_little_less() {
    let before = vec![leg(0, &[hop(0, Direction::Forward)], 9_000)];
    assert_eq!(Store { before, ..Store::default() }.legs(1, 9_000, 0), ["K0>T0 9000"]);
    // But not where the other loses clearly less, by half a hundredth or by a way of two ties.
    let mut site = Site::clone(&ring());
    site.ties[0].resistance = crate::units::Microohms::new(200_000);
    let before = vec![leg(0, &[hop(0, Direction::Forward)], 6_000)];
    assert_eq!(Store { site: Arc::new(site), before, ..Store::default() }.legs(1, 6_000, 0), ["K1<T1 6000"]);
    let before = vec![leg(1, &[hop(2, Direction::Forward), hop(0, Direction::Forward)], 9_000)];
    assert_eq!(Store { before, ..Store::default() }.legs(1, 9_000, 0), ["K1<T1 9000"]);
}

#[test]
fn neither_a_device_that_is_excluded_nor_a_tie_in_use_the_other_way_is_planned_with() {
    let check = |excluded: &[DeviceId], expected: &[&str]| {
        assert_eq!(Store { excluded, ..Store::default() }.legs(1, 9_000, 0), expected, "without {excluded:?}");
    };
    let (k0, k1) = (DeviceId::Kesm(KesmId(0)), DeviceId::Kesm(KesmId(1)));
    let (t0, t1) = (DeviceId::Tie(TieId(0)), DeviceId::Tie(TieId(1)));
    check(&[k1], &["K0>T0 9000"]);
    check(&[t1], &["K0>T0 9000"]);
    check(&[k0], &["K1<T1 9000"]);
    check(&[k0, k1], &[]);
    check(&[t0, t1], &[]);
    let mut usage = Usage::default();
    usage.add(&ring(), &[leg(0, &[hop(0, Direction::Forward), hop(1, Direction::Forward)], 2_000)], HOLD);
    assert_eq!(Store { usage, ..Store::default() }.legs(1, 9_000, 0), ["K0>T0 9000"]);
}

#[test]
fn a_leg_of_less_than_half_a_kilowatt_is_left_to_the_margin() {
    assert_eq!(Store::default().legs(0, 499, 0), [""; 0]);
    assert_eq!(Store::default().legs(0, 500, 0), ["K0 500"]);
    assert_eq!(Store::default().legs(0, 0, 0), [""; 0]);
    assert_eq!(Store { supply: [500, 0], ..Store::default() }.legs(0, 9_000, 0), ["K0 500"]);
    assert_eq!(Store { supply: [499, 0], ..Store::default() }.legs(0, 9_000, 0), [""; 0]);
    assert_eq!(Store::default().legs(0, 400, 600), ["K0 1000"], "what follows on the same way is no leg of its own");
    assert_eq!(Store::default().legs(0, 499, 499), [""; 0]);
    assert_eq!(Store::default().legs(0, 0, 500), ["K0 500"]);
}

#[test]
fn slack_is_given_after_every_need() {
    let want = |rack, need, slack| Want {
        rack: RackId(rack),
        need_present: Watts::ZERO,
        need_coming: Watts::new(need),
        slack: Watts::new(slack),
        relief_coming: Watts::ZERO,
        relief_present: Watts::ZERO,
    };
    let store = Store { supply: [10_000, 0], ..Store::default() };
    let given = store.with_means(|means| {
        let wants = [want(0, 3_000, 9_000), want(1, 6_000, 9_000)];
        Assigner::default().assign(means, &wants, RowWant::default())
    });
    let delivered: Vec<i64> =
        given.iter().map(|given| given.legs.iter().map(|leg| leg.delivered.get()).sum()).collect();
    assert!(delivered[0] >= 3_000 && delivered[1] >= 6_000, "{delivered:?}");
}

/// What a lone module on R0 makes of the row's want, when R0 can relieve it and R1 can.
fn relief(supply: i64, row: [i64; 2], r0: [i64; 2], r1: [i64; 2]) -> Vec<[i64; 2]> {
    let want = |rack, [coming, present]: [i64; 2]| Want {
        rack: RackId(rack),
        need_present: Watts::ZERO,
        need_coming: Watts::ZERO,
        slack: Watts::ZERO,
        relief_coming: Watts::new(coming),
        relief_present: Watts::new(present),
    };
    let row = RowWant { coming: Watts::new(row[0]), present: Watts::new(row[1]) };
    let mut site = Site::clone(&ring());
    // A way over a tie that loses hardly anything.
    site.ties[0].converter = LOSSLESS;
    let store = Store { site: Arc::new(site), supply: [supply, 0], ..Store::default() };
    let given = store.with_means(|means| Assigner::default().assign(means, &[want(0, r0), want(1, r1)], row));
    given.iter().map(|given| [given.relief_coming.get(), given.relief_present.get()]).collect()
}

#[test]
fn a_row_is_relieved_of_each_kind_by_racks_that_have_it() {
    assert_eq!(relief(50_000, [4_000, 0], [9_000, 9_000], [9_000, 9_000]), [[4_000, 0], [0, 0]]);
    assert_eq!(relief(50_000, [0, 4_000], [9_000, 9_000], [9_000, 9_000]), [[0, 4_000], [0, 0]]);
    assert_eq!(relief(50_000, [4_000, 3_000], [9_000, 9_000], [9_000, 9_000]), [[4_000, 3_000], [0, 0]]);
    assert_eq!(relief(50_000, [4_000, 3_000], [1_000, 0], [9_000, 9_000]), [[1_000, 0], [3_000, 3_000]]);
    assert_eq!(relief(50_000, [500, 0], [9_000, 0], [0, 0]), [[500, 0], [0, 0]]);
    assert_eq!(relief(50_000, [0, 500], [9_000, 9_000], [0, 0]), [[0, 500], [0, 0]]);
    assert_eq!(relief(50_000, [499, 499], [9_000, 9_000], [0, 0]), [[0, 0], [0, 0]]);
    assert_eq!(relief(50_000, [0, 0], [9_000, 9_000], [9_000, 9_000]), [[0, 0], [0, 0]]);
}

#[test]
fn where_losses_leave_too_little_the_need_comes_before_the_relief() {
    let want = Want {
        rack: RackId(1),
        need_present: Watts::ZERO,
        need_coming: Watts::new(6_000),
        slack: Watts::ZERO,
        relief_coming: Watts::new(4_000),
        relief_present: Watts::ZERO,
    };
    let row = RowWant { coming: Watts::new(4_000), present: Watts::ZERO };
    // 10 kW of K0 do not deliver 10 kW over T0.
    let store = Store { supply: [10_000, 0], ..Store::default() };
    let given = store.with_means(|means| Assigner::default().assign(means, &[want], row));
    let delivered: i64 = given[0].legs.iter().map(|leg| leg.delivered.get()).sum();
    let relief = given[0].relief_coming.get();
    assert!(delivered < 10_000 && relief > 0, "{delivered} W, {relief} W of it for the row");
    assert_eq!(delivered - relief, 6_000);
}

#[test]
fn relief_too_small_for_a_leg_of_its_own_comes_along_with_the_racks_need() {
    let want = Want {
        rack: RackId(0),
        need_present: Watts::ZERO,
        need_coming: Watts::new(9_000),
        slack: Watts::ZERO,
        relief_coming: Watts::new(400),
        relief_present: Watts::ZERO,
    };
    let row = RowWant { coming: Watts::new(500), present: Watts::ZERO };
    let given = Store::default().with_means(|means| Assigner::default().assign(means, &[want], row));
    assert_eq!(given[0].legs.iter().map(words).collect::<Vec<_>>(), ["K0 9400"]);
    assert_eq!(given[0].relief_coming.get(), 400);
}

#[test]
fn what_a_row_draws_too_much_now_is_relieved_before_what_may_come_even_over_a_tie() {
    // Both cannot be had of 8 kW, of which the tie loses a little.
    let given = relief(8_000, [7_900, 7_900], [9_000, 0], [0, 9_000]);
    assert_eq!(given, [[0, 0], [0, 7_900]]);
}

#[test]
fn what_passes_a_hold_now_comes_before_what_may_come_and_a_rack_before_its_row() {
    let want = |rack, need_present, need_coming| Want {
        rack: RackId(rack),
        need_present: Watts::new(need_present),
        need_coming: Watts::new(need_coming),
        slack: Watts::ZERO,
        relief_coming: Watts::ZERO,
        relief_present: Watts::new(9_000),
    };
    // R0 has the module beside it; R1 gets its power over a tie that loses a little.
    let delivered = |r0, r1, present| -> Vec<i64> {
        let store = Store { supply: [8_000, 0], ..Store::default() };
        let row = RowWant { coming: Watts::ZERO, present: Watts::new(present) };
        let given = store.with_means(|means| Assigner::default().assign(means, &[r0, r1], row));
        given.iter().map(|given| given.legs.iter().map(|leg| leg.delivered.get()).sum()).collect()
    };
    assert_eq!(delivered(want(0, 0, 8_000), want(1, 0, 0), 0), [8_000, 0]);
    assert_eq!(delivered(want(0, 0, 8_000), want(1, 6_000, 0), 0)[1], 6_000, "what is drawn now");
    assert_eq!(delivered(want(0, 0, 0), want(1, 6_000, 0), 8_000)[1], 6_000, "by a rack");
    assert_eq!(delivered(want(0, 0, 0), want(1, 0, 6_000), 8_000), [8_000, 0], "by the row");
}

#[test]
fn what_was_given_is_wanted_no_longer() {
    let all = Want {
        rack: RackId(0),
        need_present: Watts::new(2_000),
        need_coming: Watts::new(3_000),
        slack: Watts::new(1_000),
        relief_coming: Watts::new(3_000),
        relief_present: Watts::new(2_000),
    };
    let left = |purpose, delivered| {
        let (mut want, mut given) = (all, Given::default());
        let mut row = RowWant { coming: Watts::new(4_000), present: Watts::new(4_000) };
        want.book(purpose, Watts::new(delivered));
        row.book(purpose, Watts::new(delivered));
        given.book(purpose, Watts::new(delivered));
        let rack =
            [want.need_present, want.need_coming, want.slack, want.relief_coming, want.relief_present].map(Watts::get);
        let (row, given) = ([row.coming, row.present], [given.relief_coming, given.relief_present]);
        (rack, row.map(Watts::get), given.map(Watts::get))
    };
    assert_eq!(left(Purpose::Own, 1_500), ([500, 3_000, 1_000, 3_000, 2_000], [4_000, 4_000], [0, 0]));
    assert_eq!(left(Purpose::Own, 4_000), ([0, 1_000, 1_000, 3_000, 2_000], [4_000, 4_000], [0, 0]));
    assert_eq!(left(Purpose::Own, 5_400), ([0, 0, 600, 3_000, 2_000], [4_000, 4_000], [0, 0]));
    assert_eq!(left(Purpose::Own, 9_000), ([0, 0, 0, 3_000, 2_000], [4_000, 4_000], [0, 0]));
    assert_eq!(left(Purpose::ReliefComing, 2_000), ([2_000, 3_000, 1_000, 1_000, 2_000], [2_000, 4_000], [2_000, 0]));
    assert_eq!(left(Purpose::ReliefPresent, 1_500), ([2_000, 3_000, 1_000, 3_000, 500], [4_000, 2_500], [0, 1_500]));
    assert_eq!(left(Purpose::ReliefPresent, 9_000), ([2_000, 3_000, 1_000, 3_000, 0], [4_000, 0], [0, 9_000]));
}

#[test]
fn a_cost_rises_in_equal_parts_that_add_up() {
    let told = segments(Watts::new(10_003), 7, |from, to| from.get() + to.get());
    let parts: Vec<(i64, i64)> = told.iter().map(|part| (part.capacity, part.cost)).collect();
    assert_eq!(parts, [(2_500, 2_500_007), (2_501, 7_501_007), (2_501, 12_503_007), (2_501, 17_505_007)]);
    // Where a later part would come out cheaper, by a fixed loss or by rounding, it costs what the one before it does.
    let falling = segments(Watts::new(4_000), 0, |from, _| 9_000 - from.get());
    assert!(falling.iter().all(|part| part.cost == 9_000_000));
}

#[test]
fn a_tie_costs_what_it_loses_half_of_its_drop_and_its_length() {
    let site = ring();
    let mut tie = site.tie(TieId(0)).clone();
    tie.converter = ConverterLoss { fixed_ppm: 0, linear_ppm: 10_000, quadratic_ppm: 0 };
    // At the rating the converter loses 250 W and the cable 18 W, which leaves four parts of 6 183 W. The first loses 62 W and
    // 2 W, the whole of it drops less than a thousandth, which counts as one, and the tie is 10 m long.
    let told = tie_segments(&site, &tie, Watts::ZERO);
    assert_eq!(told.iter().map(|part| part.capacity).sum::<i64>(), 25_000 - 250 - 18);
    assert_eq!(told[0].cost, (64 * 1_000_000 / 6_183 + 500) * 1_000 + 10);
    let told = tie_segments(&site, &tie, Watts::new(24_000));
    assert_eq!(told.iter().map(|part| part.capacity).sum::<i64>(), 732);
    let told = Watts::new(24_554 / 4);
    tie.resistance = crate::units::Microohms::new(100_000);
    // The cable of this one loses 196 W at the rating and 12 W in the first part, where two thousandths drop.
    assert_eq!(tie_segments(&site, &tie, Watts::ZERO)[0].capacity, told.get());
    assert_eq!(tie_segments(&site, &tie, Watts::ZERO)[0].cost, (74 * 1_000_000 / told.get() + 1_000) * 1_000 + 10);
    tie.length = crate::units::Millimetres::new(2_000_000);
    assert_eq!(tie_segments(&site, &tie, Watts::ZERO)[0].cost % 1_000, 999, "length never outweighs a loss");
}
