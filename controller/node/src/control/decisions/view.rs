//! Decisions in words and numbers.

use ridethrough_core::command::Risk;
use ridethrough_core::device::DeviceId;
use ridethrough_core::ledger::{Ledger, Transfer};
use ridethrough_core::site::{RackId, Site};
use ridethrough_core::units::{Millis, Watts};
use ridethrough_dashboard::{DecisionView, LegView, RiskView};

use super::super::publish;

/// One that has just been made.
pub(super) fn new(key: &str, kind: &str, what: String, why: String, at: Millis) -> DecisionView {
    DecisionView { key: key.to_owned(), kind: kind.to_owned(), what, why, at_ms: at.get(), ..DecisionView::default() }
}

pub(super) fn key_of(transfer: &Transfer) -> String {
    format!("transfer {}", transfer.first)
}

pub(super) fn cap_key(site: &Site, rack: RackId) -> String {
    format!("cap {}", site.rack(rack).name)
}

pub(super) fn transfer_decision(site: &Site, transfer: &Transfer, ledger: &Ledger, renewed: u32) -> DecisionView {
    let (grant, rack) = (&transfer.grant, site.rack(transfer.grant.rack).name.clone());
    let (peak, limit) = (kilowatts(grant.risk.forecast.peak_p99), kilowatts(grant.risk.limit));
    let legs: Vec<LegView> = grant.legs.iter().map(|leg| publish::leg(site, leg)).collect();
    let sources: Vec<&str> = legs.iter().map(|leg| leg.kesm.as_str()).collect();
    let delivered: Watts = grant.legs.iter().map(|leg| leg.delivered).sum();
    let horizon = grant.risk.forecast.horizon.get() / 1_000;
    let present = kilowatts(grant.risk.present);
    let why = format!("it draws {present}, P99 of the next {horizon} s is {peak}, its limit {limit}");
    let term = grant.legs.first().and_then(|leg| ledger.order(DeviceId::Kesm(leg.kesm))).map(|order| order.get().term);
    let what = format!("{} to rack {rack}, up to {}", sources.join(" + "), kilowatts(delivered));
    DecisionView {
        index: Some(transfer.id.index),
        term,
        id: Some(transfer.id.to_string()),
        renewed,
        state: transfer.phase.as_str().to_owned(),
        rack: Some(rack),
        risk: Some(risk_view(&grant.risk)),
        help_above_watts: Some(grant.help_above.get()),
        legs,
        ..new(&key_of(transfer), "transfer", what, why, transfer.since)
    }
}

pub(super) fn risk_view(risk: &Risk) -> RiskView {
    let forecast = &risk.forecast;
    RiskView {
        present_watts: risk.present.get(),
        p50_watts: forecast.p50.get(),
        p99_watts: forecast.p99.get(),
        peak_p50_watts: forecast.peak_p50.get(),
        peak_p99_watts: forecast.peak_p99.get(),
        horizon_ms: forecast.horizon.get(),
        source: forecast.source.to_string(),
        limit_watts: risk.limit.get(),
        margin_watts: risk.margin.get(),
    }
}

/// Watts as people read them.
pub(super) fn kilowatts(watts: Watts) -> String {
    let tenths = (watts.get() + 50).div_euclid(100);
    format!("{}.{} kW", tenths / 10, (tenths % 10).abs())
}
