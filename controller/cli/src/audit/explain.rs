//! `ridectl audit explain`: one transfer, from the numbers that asked for it to the devices that acted.

use anyhow::{Result, bail};
use ridethrough_core::audit::{Ending, Record};
use ridethrough_core::command::{Command, Grant, Leg, TransferId};
use ridethrough_core::device::{DeviceId, Order};
use ridethrough_core::electrical;
use ridethrough_core::ledger::Effect;
use ridethrough_core::site::Site;
use ridethrough_core::units::Watts;
use serde::Serialize;

use super::Wanted;
use super::open::Opened;
use super::words;
use crate::output::{Output, wall_time};

#[derive(Serialize)]
struct Story {
    id: String,
    rack: String,
    committed: String,
    led_by: String,
    proposed: String,
    present_watts: i64,
    forecast_p50_watts: i64,
    forecast_p99_watts: i64,
    forecast_peak_p99_watts: i64,
    forecast_horizon_ms: i64,
    forecast_source: String,
    limit_watts: i64,
    margin_watts: i64,
    hold_ms: i64,
    legs: Vec<LegStory>,
    orders: Vec<String>,
    acks: Vec<String>,
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

/// Explains the transfers that were asked for.
pub fn run(opened: &Opened, wanted: &Wanted, output: Output) -> Result<bool> {
    let Some(record) = opened.replay.record(wanted.index) else {
        bail!("the log has no entry {}; `ridectl audit log` lists them", wanted.index)
    };
    let Command::Plan(plan) = &record.entry.command else {
        bail!("entry {} grants no transfer: {}", wanted.index, words::lines(record, &opened.site).join("; "))
    };
    if let Effect::Refused(refusal) = &record.effect {
        bail!("entry {} was refused, nothing moved: {}", wanted.index, refusal.describe(&opened.site));
    }
    let asked = |nth: usize| wanted.nth.is_none_or(|wanted| usize::from(wanted) == nth);
    let grants = plan.grants.iter().enumerate().filter(|(nth, _)| asked(*nth));
    let stories: Vec<Story> = grants.map(|(nth, grant)| tell(opened, record, nth, grant)).collect();
    if stories.is_empty() {
        bail!("entry {} grants no such transfer: {}", wanted.index, words::lines(record, &opened.site).join("; "));
    }
    output.print(&stories, || stories.iter().map(words_of).collect())?;
    Ok(true)
}

fn tell(opened: &Opened, record: &Record, nth: usize, grant: &Grant) -> Story {
    let id = TransferId { index: record.position.index, nth: u16::try_from(nth).unwrap_or(u16::MAX) };
    let (site, risk) = (&opened.site, &grant.risk);
    let own = |order: &&Order| grant.legs.iter().any(|leg| uses(leg, order.device));
    let orders = opened.replay.orders_of(id.index).filter(own).map(|order| order_line(site, order));
    let acks = opened.replay.outcome(id).map(|(outcome_record, outcome)| {
        let logged = outcome_record.position.index;
        outcome.acks.iter().map(move |timed| {
            let ack = &timed.ack;
            let (name, after) = (site.device_name(ack.device), words::millis(timed.after_us));
            let said = words::verdict(ack.verdict);
            format!("{name} {said} on fence {} after {after}, its clock {} (entry {logged})", ack.fence, ack.device_at)
        })
    });
    Story {
        id: id.to_string(),
        rack: site.rack(grant.rack).name.clone(),
        committed: format!("entry {} of term {}", id.index, record.position.term),
        led_by: record.position.leader.to_string(),
        proposed: wall_time(record.entry.stamp.wall_unix_ms),
        present_watts: risk.present.get(),
        forecast_p50_watts: risk.forecast.p50.get(),
        forecast_p99_watts: risk.forecast.p99.get(),
        forecast_peak_p99_watts: risk.forecast.peak_p99.get(),
        forecast_horizon_ms: risk.forecast.horizon.get(),
        forecast_source: risk.forecast.source.to_string(),
        limit_watts: risk.limit.get(),
        margin_watts: risk.margin.get(),
        hold_ms: grant.hold.get(),
        legs: grant.legs.iter().map(|leg| leg_story(site, leg)).collect(),
        orders: orders.collect(),
        acks: acks.into_iter().flatten().collect(),
        ending: opened.replay.ending(id).map_or_else(String::new, |ending| end_line(&ending)),
    }
}

fn uses(leg: &Leg, device: DeviceId) -> bool {
    device == DeviceId::Kesm(leg.kesm) || leg.path.iter().any(|hop| device == DeviceId::Tie(hop.tie))
}

fn leg_story(site: &Site, leg: &Leg) -> LegStory {
    let flows = electrical::path_flows(site, &leg.path, leg.delivered);
    let drops = leg.path.iter().zip(flows).map(|(hop, flow)| {
        let tie = site.tie(hop.tie);
        electrical::drop_permille(tie, site.bus(tie.source(hop.direction)), flow)
    });
    LegStory {
        source: site.leg_name(leg),
        supplied_watts: leg.supplied.get(),
        delivered_watts: leg.delivered.get(),
        loss_watts: leg.supplied.saturating_sub(leg.delivered).get(),
        drop_permille: drops.sum(),
        cable_mm: leg.path.iter().map(|hop| site.tie(hop.tie).length.get()).sum(),
    }
}

fn order_line(site: &Site, order: &Order) -> String {
    use ridethrough_core::device::{Direction, Setpoint};
    let what = match order.setpoint {
        Setpoint::Kesm { supply_max, charge_max, .. } if charge_max > Watts::ZERO => {
            format!("supply up to {}, charge up to {}", supply_max.kilo(), charge_max.kilo())
        }
        Setpoint::Kesm { supply_max, .. } => format!("supply up to {}", supply_max.kilo()),
        Setpoint::Tie { direction, flow_max, hold } => {
            let way = if direction == Direction::Forward { "forward" } else { "backward" };
            format!("pass up to {} {way}, hold the receiver at {}", flow_max.kilo(), hold.kilo())
        }
    };
    format!("{}: {what}", site.device_name(order.device))
}

fn end_line(ending: &Ending) -> String {
    match ending {
        Ending::InForce => "in force when the log ended".into(),
        Ending::Released { index, reason } => format!("released by entry {index}: {}", words::release_reason(*reason)),
        Ending::Replaced { by } => format!("renewed or changed as {by}"),
        Ending::Expired { at } => format!("expired at ledger time {at}"),
    }
}

fn words_of(story: &Story) -> String {
    let kilo = |watts: i64| Watts::new(watts).kilo();
    let mut lines = vec![
        format!(
            "transfer  {} to {}, {}, led by {}, proposed {}",
            story.id, story.rack, story.committed, story.led_by, story.proposed
        ),
        format!(
            "why       present {}; forecast P50 {}, P99 {}, peak P99 {} within {} s by {}",
            kilo(story.present_watts),
            kilo(story.forecast_p50_watts),
            kilo(story.forecast_p99_watts),
            kilo(story.forecast_peak_p99_watts),
            story.forecast_horizon_ms / 1_000,
            story.forecast_source,
        ),
        format!("limit     {} less a margin of {}", kilo(story.limit_watts), kilo(story.margin_watts)),
    ];
    lines.extend(story.legs.iter().map(LegStory::words));
    lines.extend(story.orders.iter().map(|order| format!("order     {order}")));
    lines.extend(story.acks.iter().map(|ack| format!("ack       {ack}")));
    if story.acks.is_empty() {
        lines.push("ack       none logged".into());
    }
    lines.push(format!("end       {}\n\n", story.ending));
    lines.join("\n")
}

impl LegStory {
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
