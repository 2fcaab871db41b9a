//! One transfer: why, from where, through which states, and how it ended.

use ridethrough_core::audit::{Ending, Record, State, Step};
use ridethrough_core::command::{Command, Grant, Leg, TransferId};
use ridethrough_core::device::Order;
use ridethrough_core::electrical;
use ridethrough_core::ledger::{Effect, Phase};
use ridethrough_core::site::Site;
use ridethrough_core::units::{Millis, Watts};
use serde::Serialize;

use super::super::open::Opened;
use super::super::words::{self, names, reasons};
use super::{binding, order_line};
use crate::output::wall_time;

#[derive(Serialize)]
pub(super) struct TransferStory {
    id: String,
    rack: String,
    committed: String,
    led_by: String,
    proposed: String,
    /// Who asked for it and why, when an operator did.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_by: Option<String>,
    present_watts: i64,
    forecast_p50_watts: i64,
    forecast_p99_watts: i64,
    forecast_peak_p99_watts: i64,
    forecast_horizon_ms: i64,
    forecast_source: String,
    limit_watts: i64,
    margin_watts: i64,
    help_above_watts: i64,
    hold_ms: i64,
    legs: Vec<LegStory>,
    orders: Vec<String>,
    acks: Vec<String>,
    states: Vec<StateLine>,
    ending: String,
}

#[derive(Serialize)]
struct LegStory {
    source: String,
    supplied_watts: i64,
    delivered_watts: i64,
    loss_watts: i64,
    drop_permille: u32,
    cable_mm: i64,
}

/// One step of the transfer's state machine.
#[derive(Serialize)]
struct StateLine {
    state: &'static str,
    ledger_ms: i64,
    entry: u64,
    why: String,
}

impl TransferStory {
    pub(super) fn of(opened: &Opened, record: &Record, nth: usize, grant: &Grant) -> Self {
        let id = TransferId { index: record.position.index, nth: u16::try_from(nth).unwrap_or(u16::MAX) };
        let (site, risk) = (&opened.site, &grant.risk);
        let own = |order: &&Order| grant.devices().any(|device| device == order.device);
        let orders = opened.replay.orders_of(id.index).filter(own).map(|order| order_line(site, order));
        let legs = if names::has_all_of(site, grant) { grant.legs.as_slice() } else { &[] };
        Self {
            id: id.to_string(),
            rack: names::rack(site, grant.rack),
            committed: format!("entry {} of term {}", id.index, record.position.term),
            led_by: record.position.leader.to_string(),
            proposed: wall_time(record.entry.stamp.wall_unix_ms),
            asked_by: asked_by(record),
            present_watts: risk.present.get(),
            forecast_p50_watts: risk.forecast.p50.get(),
            forecast_p99_watts: risk.forecast.p99.get(),
            forecast_peak_p99_watts: risk.forecast.peak_p99.get(),
            forecast_horizon_ms: risk.forecast.horizon.get(),
            forecast_source: risk.forecast.source.to_string(),
            limit_watts: risk.limit.get(),
            margin_watts: risk.margin.get(),
            help_above_watts: grant.help_above.get(),
            hold_ms: grant.hold.get(),
            legs: legs.iter().map(|leg| LegStory::of(site, leg)).collect(),
            orders: orders.collect(),
            acks: acks(opened, id),
            states: states(opened, record, id, grant),
            ending: ending(opened, record, id),
        }
    }

    pub(super) fn words(&self) -> String {
        let kilo = |watts: i64| Watts::new(watts).kilo();
        let mut lines = vec![format!(
            "transfer  {} to {}, {}, led by {}, proposed {}",
            self.id, self.rack, self.committed, self.led_by, self.proposed
        )];
        lines.extend(self.asked_by.iter().map(|asked| format!("asked     {asked}")));
        lines.push(format!(
            "why       present {}; forecast P50 {}, P99 {}, peak P99 {} within {} s by {}",
            kilo(self.present_watts),
            kilo(self.forecast_p50_watts),
            kilo(self.forecast_p99_watts),
            kilo(self.forecast_peak_p99_watts),
            self.forecast_horizon_ms / 1_000,
            self.forecast_source,
        ));
        lines.push(format!("limit     {} less a margin of {}", kilo(self.limit_watts), kilo(self.margin_watts)));
        lines.push(format!("help      begins when the rack draws more than {}", kilo(self.help_above_watts)));
        lines.extend(self.legs.iter().map(LegStory::words));
        lines.extend(self.orders.iter().map(|order| format!("order     {order}")));
        lines.extend(self.acks.iter().map(|ack| format!("ack       {ack}")));
        if self.acks.is_empty() {
            lines.push("ack       none logged".into());
        }
        lines.extend(self.states.iter().map(StateLine::words));
        lines.push(format!("end       {}\n\n", self.ending));
        lines.join("\n")
    }
}

fn asked_by(record: &Record) -> Option<String> {
    let Command::Operation(operation) = &record.entry.command else { return None };
    Some(format!("by {}: {}", names::quoted(&operation.actor), names::quoted(&operation.reason)))
}

fn acks(opened: &Opened, id: TransferId) -> Vec<String> {
    let Some((record, outcome)) = opened.replay.outcome(id) else { return Vec::new() };
    let logged = record.position.index;
    let line = |timed: &ridethrough_core::command::TimedAck| {
        let ack = &timed.ack;
        let (name, after) = (opened.site.device_name(ack.device), words::millis(timed.after_us));
        let said = reasons::verdict(ack.verdict);
        format!("{name} {said} on fence {} after {after}, its clock {} (entry {logged})", ack.fence, ack.device_at)
    };
    outcome.acks.iter().map(line).collect()
}

fn states(opened: &Opened, record: &Record, id: TransferId, grant: &Grant) -> Vec<StateLine> {
    let (entry, by) = (id.index, record.entry.by);
    let stamped = record.entry.stamp.at.get();
    let mut lines = vec![StateLine { state: "proposed", ledger_ms: stamped, entry, why: format!("by {by}") }];
    let refused = binding(record, &opened.site).into_iter();
    lines.extend(refused.map(|why| StateLine { state: "refused", ledger_ms: record.at.get(), entry, why }));
    lines.extend(opened.replay.steps(id).iter().map(|step| StateLine::of(opened, id, grant, step)));
    lines
}

fn ending(opened: &Opened, record: &Record, id: TransferId) -> String {
    match opened.replay.ending(id) {
        Some(Ending::InForce) => "in force when the log ended".into(),
        Some(Ending::Released { index, reason }) => {
            format!("{} by entry {index}: {}", reasons::release_kind(reason), reason.as_str())
        }
        Some(Ending::Replaced { by }) => format!("renewed or changed as {by}"),
        Some(Ending::Expired { at }) => format!("expired at ledger time {at}"),
        None if matches!(record.effect, Effect::Refused(_)) => "refused, nothing moved".into(),
        None => "never in force".into(),
    }
}

impl StateLine {
    fn of(opened: &Opened, id: TransferId, grant: &Grant, step: &Step) -> Self {
        let (state, why) = match step.state {
            State::Phase(phase) => (phase.as_str(), phase_words(phase, step.index == id.index)),
            State::Replaced { by } => ("replaced", replaced_words(opened, grant, by)),
            State::Releasing(reason) => {
                ("releasing", format!("{}: {}", reasons::release_kind(reason), reason.as_str()))
            }
            State::Done => ("done", "its devices have been told, or their last orders have run out".into()),
            State::Expired => ("expired", "nobody renewed it in time".into()),
        };
        Self { state, ledger_ms: step.at.get(), entry: step.index, why }
    }

    fn words(&self) -> String {
        let at = Millis::new(self.ledger_ms);
        format!("state     {:<10} at ledger time {at}, entry {}: {}", self.state, self.entry, self.why)
    }
}

fn phase_words(phase: Phase, from_the_start: bool) -> String {
    match (phase, from_the_start) {
        (Phase::Supplying, true) => "admitted; its sources are being told",
        (Phase::Supplying, false) => "a source no longer acts on it",
        (Phase::Drawing, true) => "a renewal: its sources act already; its ties are being told",
        (Phase::Drawing, false) => "its sources act; its ties are being told",
        (Phase::Held, true) => "a renewal: its devices go on as they do",
        (Phase::Held, false) => "all its devices act",
    }
    .into()
}

fn replaced_words(opened: &Opened, grant: &Grant, by: TransferId) -> String {
    let next = opened.replay.record(by.index).and_then(|record| record.grants().get(usize::from(by.nth)));
    let same = next.is_some_and(|next| next.legs == grant.legs && next.help_above == grant.help_above);
    if same { format!("renewed as {by}") } else { format!("changed as {by}") }
}

impl LegStory {
    fn of(site: &Site, leg: &Leg) -> Self {
        let flows = electrical::path_flows(site, &leg.path, leg.delivered);
        let drops = leg.path.iter().zip(flows).map(|(hop, flow)| {
            let tie = site.tie(hop.tie);
            electrical::drop_permille(tie, site.bus(tie.source(hop.direction)), flow)
        });
        Self {
            source: site.leg_name(leg),
            supplied_watts: leg.supplied.get(),
            delivered_watts: leg.delivered.get(),
            loss_watts: leg.supplied.saturating_sub(leg.delivered).get(),
            drop_permille: drops.sum(),
            cable_mm: leg.path.iter().map(|hop| site.tie(hop.tie).length.get()).sum(),
        }
    }

    fn words(&self) -> String {
        format!(
            "path      {}: {} supplied, {} delivered, {} W lost, drop {} ‰, {} m of cable",
            self.source,
            Watts::new(self.supplied_watts).kilo(),
            Watts::new(self.delivered_watts).kilo(),
            self.loss_watts,
            self.drop_permille,
            self.cable_mm / 1_000,
        )
    }
}
