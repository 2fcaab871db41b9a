//! What the modules of a row hold, as it is told to others outside: how full they are, and how long that lasts.

use ridethrough_core::electrical;
use ridethrough_core::site::{KesmId, RowId, Site};
use ridethrough_core::units::{Joules, Millis, Watts};
use ridethrough_dashboard::{KesmView, Snapshot};

/// Energy that the planner never counts on, either, in thousandths.
const UNSURE_PERMILLE: i128 = 80;

/// What a row's racks take, and what its modules hold for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What the servers of each of its racks take, where that is freshly measured.
    pub loads: Vec<Option<Watts>>,
    /// What its modules give, all together; negative while they charge.
    pub supply: Watts,
    /// Usable energy of its modules, of what they hold when full, per cent; none when one of them is not heard.
    pub charge_percent: Option<u8>,
    /// How long that carries the row's present load.
    pub runtime: Option<Millis>,
}

impl Stored {
    /// Of this row, in a snapshot of this site.
    pub fn of(site: &Site, snapshot: &Snapshot, row: RowId) -> Self {
        let racks = site.rack_ids().filter(|rack| site.rack(*rack).row == row);
        let loads: Vec<Option<i64>> = racks.map(|rack| snapshot.racks[rack.index()].load_watts).collect();
        let of_row = |kesm: &KesmId| site.rack(site.kesm(*kesm).rack).row == row;
        let kesms: Vec<usize> = site.kesm_ids().filter(of_row).map(KesmId::index).collect();
        let told: Vec<&KesmView> = kesms.iter().map(|nth| &snapshot.kesms[*nth]).collect();
        let stored: Option<i64> = told.iter().map(|kesm| kesm.stored_joules).sum();
        let capacity: i64 = told.iter().map(|kesm| kesm.capacity_joules).sum();
        let load: Option<i64> = loads.iter().copied().sum();
        Self {
            loads: loads.into_iter().map(|load| load.map(Watts::new)).collect(),
            supply: Watts::new(told.iter().map(|kesm| kesm.supply_watts).sum()),
            charge_percent: stored.and_then(|stored| percent(stored, capacity)),
            runtime: stored.zip(load).and_then(|(stored, load)| runtime(site, &kesms, stored, Watts::new(load))),
        }
    }
}

/// A part of a whole, per cent, rounded down.
pub fn percent(part: i64, whole: i64) -> Option<u8> {
    (whole > 0).then(|| u8::try_from((part.max(0) * 100 / whole).min(100)).unwrap_or(100))
}

/// How long what the modules of a row hold carries its load, when they share it and lose what they lose then, as the planner
/// reckons: the reserve counts, for it is kept for outages; 8 % does not. In whole seconds.
fn runtime(site: &Site, kesms: &[usize], stored: i64, load: Watts) -> Option<Millis> {
    let modules = i64::try_from(kesms.len()).ok().filter(|modules| *modules > 0)?;
    let share = Watts::new(load.get() / modules);
    let second = |nth: &usize| electrical::stored_for(&site.kesms[*nth], share, Millis::seconds(1));
    let used: Joules = kesms.iter().map(second).sum();
    let stored = i128::from(stored.max(0)) * (1_000 - UNSURE_PERMILLE) / 1_000;
    (used > Joules::ZERO).then(|| Millis::seconds(i64::try_from(stored / i128::from(used.get())).unwrap_or(i64::MAX)))
}
