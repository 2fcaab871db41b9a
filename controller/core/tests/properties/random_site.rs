//! Random rows: racks, modules and ties as a die threw them. Tests of other crates share this file.

#![allow(dead_code, reason = "every test file uses its own part")]

use proptest::prelude::*;
use proptest::sample::Index;
use ridethrough_core::site::Site;

/// Cases of a property when nothing else is asked for.
const CASES_DEFAULT: u32 = 256;

/// As many cases as `RIDETHROUGH_CASES` says: few in every run of the tests, millions at night.
#[allow(clippy::disallowed_methods, reason = "tests choose their own size")]
pub fn config() -> ProptestConfig {
    config_of(CASES_DEFAULT)
}

/// The same, with so many cases when nothing else is asked for.
#[allow(clippy::disallowed_methods, reason = "tests choose their own size")]
pub fn config_of(cases_default: u32) -> ProptestConfig {
    let asked = std::env::var("RIDETHROUGH_CASES").ok();
    let cases = asked.map_or(cases_default, |text| text.parse().expect("RIDETHROUGH_CASES is a number of cases"));
    ProptestConfig::with_cases(cases)
}

/// A row before it is written down.
#[derive(Clone, Debug)]
pub struct RandomRow {
    racks: Vec<RandomRack>,
    kesms: Vec<RandomKesm>,
    ties: Vec<RandomTie>,
    /// What its feeder carries, in thousandths of what its racks' breakers carry together.
    row_permille: i64,
    generator: bool,
    /// Whether breakers bear any single failure for as long as it takes (no module and no tie carries more than the racks
    /// beside it may draw), and servers can be brought down to nothing.
    at_ease: bool,
}

#[derive(Clone, Debug)]
struct RandomRack {
    limit: i64,
    servers: i64,
    /// Of its limit.
    nameplate_permille: i64,
    tier: i64,
}

#[derive(Clone, Debug)]
struct RandomKesm {
    rack: Index,
    rated: i64,
    reserve_permille: i64,
}

#[derive(Clone, Debug)]
struct RandomTie {
    from: Index,
    to: Index,
    metres: i64,
    microohms_per_metre: i64,
    rated: i64,
}

/// Usable energy of every module, in J: what the plant's wheels and banks hold.
pub const CAPACITY_JOULES: i64 = 2_133_000;

/// One row of 4 to 10 racks with 1 to 4 modules and up to 14 ties.
pub fn random_row() -> impl Strategy<Value = RandomRow> {
    let rack = (12_000..40_000_i64, 2..=4_i64, 1_050..2_000_i64, 1..=4_i64)
        .prop_map(|(limit, servers, nameplate_permille, tier)| RandomRack { limit, servers, nameplate_permille, tier });
    let kesm = (any::<Index>(), 15_000..80_000_i64, 0..500_i64)
        .prop_map(|(rack, rated, reserve_permille)| RandomKesm { rack, rated, reserve_permille });
    let tie = (any::<Index>(), any::<Index>(), 2..40_i64, 300..2_000_i64, 6_000..45_000_i64).prop_map(
        |(from, to, metres, microohms_per_metre, rated)| RandomTie { from, to, metres, microohms_per_metre, rated },
    );
    (
        prop::collection::vec(rack, 4..=10),
        prop::collection::vec(kesm, 1..=4),
        prop::collection::vec(tie, 3..=14),
        600..1_100_i64,
        any::<bool>(),
    )
        .prop_map(|(racks, kesms, ties, row_permille, generator)| RandomRow {
            racks,
            kesms,
            ties,
            row_permille,
            generator,
            at_ease: false,
        })
}

impl RandomRow {
    /// The row as a site.
    pub fn site(&self) -> Site {
        Site::parse("random.toml", &self.text()).expect("a random row is a good site")
    }

    /// The same with a row feeder that carries whatever its racks do.
    pub fn with_wide_feeder(mut self) -> Self {
        self.row_permille = 2_500;
        self
    }

    /// The same where no single failure of what is planned is too much: whoever puts it right is quick.
    pub fn at_ease(mut self) -> Self {
        self.at_ease = true;
        self
    }

    fn eased(&self, rated: i64, beside: &[usize]) -> i64 {
        let least = beside.iter().map(|rack| self.racks[*rack].limit).min().unwrap_or(rated);
        if self.at_ease { rated.min(least) } else { rated }
    }

    fn text(&self) -> String {
        let together: i64 = self.racks.iter().map(|rack| rack.limit).sum();
        let row = together * self.row_permille / 1_000;
        let generator = if self.generator { format!("generator_watts = {row}\n") } else { String::new() };
        let mut text = format!(
            "name = 'random'\n[policy]\ntick_ms = 100\nmargin_permille = 50\ntransfer_hold_ms = 8000\nlease_ms = 1500\n\
             stale_after_ms = 500\nbranch_drop_permille = 30\npath_drop_permille = 50\nreaction_ms = {}\n[[feed]]\nid = 'u'\n\
             limit_watts = {}\n{generator}[[row]]\nid = 'A'\nfeed = 'u'\nlimit_watts = {row}\nbus_volts = 800\n",
            if self.at_ease { 500 } else { 3_000 },
            row + row / 5
        );
        for (nth, rack) in self.racks.iter().enumerate() {
            text += &format!("[[rack]]\nid = 'R{nth}'\nrow = 'A'\nlimit_watts = {}\n", rack.limit);
            let rated = rack.limit * rack.nameplate_permille / 1_000 / rack.servers;
            for server in 0..rack.servers {
                // Neighbours in one rack differ in tier, too.
                let tier = (rack.tier + server) % 4 + 1;
                let floor = if self.at_ease { "floor_watts = 0\n" } else { "" };
                text += &format!(
                    "[[server]]\nid = 'S{nth}-{server}'\nrack = 'R{nth}'\nrated_watts = {rated}\ntier = {tier}\n{floor}"
                );
            }
        }
        for (nth, kesm) in self.kesms.iter().enumerate() {
            text += &format!(
                "[[kesm]]\nid = 'K{nth}'\nrack = 'R{}'\nrated_watts = {}\ncharge_rated_watts = {}\n\
                 capacity_joules = {CAPACITY_JOULES}\nreserve_joules = {}\n",
                kesm.rack.index(self.racks.len()),
                self.eased(kesm.rated, [kesm.rack.index(self.racks.len())].as_slice()),
                (kesm.rated * 3 / 10).min(12_000),
                CAPACITY_JOULES * kesm.reserve_permille / 1_000,
            );
        }
        for (nth, tie) in self.ties.iter().enumerate() {
            let from = tie.from.index(self.racks.len());
            let to = (from + 1 + tie.to.index(self.racks.len() - 1)) % self.racks.len();
            text += &format!(
                "[[tie]]\nid = 'T{nth}'\nbetween = ['R{from}', 'R{to}']\nlength_mm = {}\nresistance_microohm = {}\n\
                 rated_watts = {}\n",
                tie.metres * 1_000,
                tie.metres * tie.microohms_per_metre,
                self.eased(tie.rated, &[from, to]),
            );
        }
        text
    }
}
