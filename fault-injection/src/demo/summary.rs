//! What a demo says at the end: the same scenario with and without the controller, side by side.

use serde::Serialize;
use serde_json::Value;

/// What a run came to. The names are the contract of `--output json`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Racks of the site.
    pub racks: usize,
    /// Modules of the site.
    pub kesms: usize,
    /// Scenario seconds that were run.
    pub seconds: f64,
    /// Breakers that tripped without the controller.
    pub trips_without: usize,
    /// Breakers that tripped with it.
    pub trips_with: usize,
    /// Rack-seconds over the limit without the controller.
    pub overload_seconds_without: f64,
    /// Rack-seconds over the limit with it.
    pub overload_seconds_with: f64,
    /// Transfers that were committed, renewals and changes included.
    pub transfers_committed: usize,
    /// Joules that modules gave to rack buses.
    pub energy_moved_joules: i64,
    /// Joules lost on the way.
    pub energy_lost_joules: i64,
    /// Orders that the devices' own records show as executed.
    pub orders_acked: u64,
    /// Orders that devices refused.
    pub orders_refused: u64,
    /// Executed orders that are not in the committed log.
    pub uncommitted_executed: u64,
    /// Orders that a device executed more than once.
    pub executed_twice: u64,
    /// Fences that did not rise at a device.
    pub fences_not_rising: u64,
    /// Leaders killed and replaced.
    pub failovers: u32,
    /// From SIGKILL to a new leader that a majority has confirmed and that may act; none without a failover.
    pub failover_gap_ms: Option<f64>,
    /// Transfers in force when the leader was killed.
    pub transfers_at_kill: usize,
    /// How many of these racks still had their transfer right after the failover.
    pub transfers_kept: usize,
    /// What does not add up in the plant's energy account, as a share of what was turned over.
    pub energy_balance_error: f64,
    /// Entries of the log.
    pub audit_entries: u64,
    /// Whether every replica's log replays to the states its proposers saw, and all agree.
    pub audit_verified: bool,
    /// Where forecasts came from.
    pub forecast_source: String,
    /// The longest that the plant lagged behind the real clock, in ms.
    pub plant_lag_ms: u64,
}

impl Summary {
    /// Whether the controller did what it is for.
    pub fn passed(&self) -> bool {
        let wrong = self.uncommitted_executed + self.executed_twice + self.fences_not_rising;
        self.trips_with == 0 && wrong == 0 && self.audit_verified
    }

    /// Takes in the plant's verdict on the run with the controller.
    pub fn with_controller(&mut self, verdict: &Value) {
        self.seconds = verdict["t_s"].as_f64().unwrap_or(0.0);
        self.trips_with = verdict["trips"].as_array().map_or(0, Vec::len);
        self.overload_seconds_with = overload_seconds(verdict);
        self.energy_moved_joules = sum(&verdict["kesms"], "supplied_j");
        let energy = &verdict["energy"];
        let lost = ["lost_tie_cable_j", "lost_tie_converter_j", "lost_kesm_converter_j", "lost_wheel_machine_j"];
        self.energy_lost_joules = lost.iter().filter_map(|key| energy[*key].as_i64()).sum();
        self.energy_balance_error = energy["error_share"].as_f64().map_or(f64::INFINITY, f64::abs);
    }

    /// Takes in the verdict on the same scenario without the controller.
    pub fn without_controller(&mut self, verdict: &Value) {
        self.trips_without = verdict["trips"].as_array().map_or(0, Vec::len);
        self.overload_seconds_without = overload_seconds(verdict);
    }

    /// The summary for people.
    pub fn text(&self) -> String {
        let gap = self.failover_gap_ms.map_or("no failover".into(), |gap| format!("{gap:.0} ms"));
        let verdict = if self.passed() { "PASSED" } else { "FAILED" };
        let audit = if self.audit_verified { "verified" } else { "NOT VERIFIED" };
        format!(
            "{racks} racks, {kesms} KESMs, {seconds:.0} s of recorded server power, forecast from {source}\n\n\
             {empty:24}{without:>14}{with:>14}\n\
             {trips:24}{trips_without:>14}{trips_with:>14}\n\
             {over:24}{over_without:>14.1}{over_with:>14.1}\n\n\
             energy moved            {moved:.1} kJ from flywheels, {lost:.1} kJ lost on the way\n\
             transfers committed     {transfers}\n\
             orders                  {acked} executed, {refused} refused, {uncommitted} not in the committed log\n\
             leader killed           {failovers} time(s); gap until the next leader may act: {gap}\n\
             plan in force           {kept} of {at_kill} transfers went on through the failover\n\
             energy balance error    {error:.1e}\n\
             audit                   {entries} entries, {audit}\n\n\
             {verdict}\n",
            racks = self.racks,
            kesms = self.kesms,
            seconds = self.seconds,
            source = self.forecast_source,
            empty = "",
            without = "without",
            with = "with",
            trips = "breaker trips",
            trips_without = self.trips_without,
            trips_with = self.trips_with,
            over = "rack-seconds over limit",
            over_without = self.overload_seconds_without,
            over_with = self.overload_seconds_with,
            moved = kilo(self.energy_moved_joules),
            lost = kilo(self.energy_lost_joules),
            transfers = self.transfers_committed,
            acked = self.orders_acked,
            refused = self.orders_refused,
            uncommitted = self.uncommitted_executed,
            failovers = self.failovers,
            kept = self.transfers_kept,
            at_kill = self.transfers_at_kill,
            error = self.energy_balance_error,
            entries = self.audit_entries,
        )
    }
}

fn overload_seconds(verdict: &Value) -> f64 {
    let racks = verdict["racks"].as_array().into_iter().flatten();
    racks.filter_map(|rack| rack["over_limit_s"].as_f64()).sum()
}

fn sum(list: &Value, key: &str) -> i64 {
    list.as_array().into_iter().flatten().filter_map(|item| item[key].as_i64()).sum()
}

#[allow(clippy::cast_precision_loss, reason = "for display")]
fn kilo(joules: i64) -> f64 {
    joules as f64 / 1_000.0
}
