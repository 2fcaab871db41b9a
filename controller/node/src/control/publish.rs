//! The snapshot that the web view shows.

use ridethrough_core::command::Leg;
use ridethrough_core::device::{DeviceId, GeneratorPhase, Reading, SupplySource};
use ridethrough_core::drill::DrillRun;
use ridethrough_core::forecast::RackForecast;
use ridethrough_core::ledger::{Cap, FeedMode, Ledger, Phase, Shedding, Transfer};
use ridethrough_core::model::{ModelId, Models};
use ridethrough_core::planner::{self, Inputs};
use ridethrough_core::site::{KesmId, RackId, Site};
use ridethrough_core::units::{Joules, Millis, Watts};
use ridethrough_core::view::View;
use ridethrough_dashboard::{
    AuditView, CapView, DrillView, FeedView, KesmView, LegView, LockView, ModelsView, QuarantineView, RackView,
    ScoreView, ShedView, TieView, TransferView,
};
use ridethrough_model::Outlook;
use ridethrough_raft::audit_tree::AuditStatus;

use crate::serving::{Score, Serving};

/// Racks as they are shown.
pub fn racks(inputs: &Inputs<'_>, baselines: &[Outlook]) -> Vec<RackView> {
    let site = inputs.ledger.site();
    let view = |rack: RackId| {
        let usual = baselines.get(rack.index()).copied().unwrap_or_default();
        rack_view(inputs, site, rack, &inputs.forecasts[rack.index()], usual)
    };
    site.rack_ids().map(view).collect()
}

fn rack_view(inputs: &Inputs<'_>, site: &Site, rack: RackId, forecast: &RackForecast, usual: Outlook) -> RackView {
    RackView {
        name: site.rack(rack).name.clone(),
        load_watts: inputs.view.load(rack, inputs.now).map(Watts::get),
        draw_watts: inputs.view.draw(rack, inputs.now).map(Watts::get),
        limit_watts: site.rack(rack).limit.get(),
        peak_p99_watts: forecast.peak_p99.get(),
        peak_p50_watts: forecast.peak_p50.get(),
        heat_permille: inputs.view.heat_permille(rack, inputs.now),
        tripped: matches!(inputs.view.latest(rack.index(), inputs.now), Some((Reading::Pdu { tripped: true, .. }, _))),
        at_risk: planner::judge(inputs, rack).at_risk,
        expected_watts: (usual.heard_s > 0).then_some(usual.expected_watts),
        anomaly: usual.anomaly,
        drift: usual.drift,
        learned_s: usual.heard_s,
    }
}

/// Modules as they are shown.
pub fn kesms(site: &Site, view: &View, now: Millis) -> Vec<KesmView> {
    site.kesm_ids().map(|kesm| kesm_view(site, view, kesm, now)).collect()
}

fn kesm_view(site: &Site, view: &View, id: KesmId, now: Millis) -> KesmView {
    let kesm = site.kesm(id);
    let latest = site.device_slot(DeviceId::Kesm(id)).and_then(|slot| view.latest(slot, now));
    let supply_watts = match latest {
        Some((Reading::Kesm { supply, .. }, _)) => supply.get(),
        _ => 0,
    };
    KesmView {
        name: kesm.name.clone(),
        stored_joules: view.stored(id, now).map(Joules::get),
        capacity_joules: kesm.capacity.get(),
        reserve_joules: kesm.reserve.get(),
        supply_watts,
    }
}

/// Ties as they are shown.
pub fn ties(site: &Site, view: &View, now: Millis) -> Vec<TieView> {
    let tie_view = |id| {
        let slot = site.device_slot(DeviceId::Tie(id));
        let latest = slot.filter(|slot| view.heard(*slot, now)).and_then(|slot| view.latest(slot, now));
        let flow_watts = match latest {
            Some((Reading::Tie { flow, .. }, _)) => Some(flow.get()),
            _ => None,
        };
        let unable = slot.is_some_and(|slot| view.is_unable(slot, now));
        TieView { name: site.tie(id).name.clone(), flow_watts, unable }
    };
    site.tie_ids().map(tie_view).collect()
}

/// Devices that are not relied on, as they are shown.
pub fn quarantined(inputs: &Inputs<'_>) -> Vec<QuarantineView> {
    let site = inputs.ledger.site();
    let view = |device| {
        let fault = (inputs.fault)(device)?;
        Some(QuarantineView { name: site.device_name(device), why: fault.to_string() })
    };
    site.devices().filter_map(view).collect()
}

/// Models as they are shown.
pub fn models(models: &Models, serving: &Serving) -> ModelsView {
    let name = |id: Option<ModelId>| id.map(|id| id.to_string());
    let score = |(model, score): (&str, Score)| ScoreView {
        model: model.into(),
        judged: score.judged,
        pinball_ppm: score.mean_pinball_ppm(),
        covered_permille: score.covered_permille(),
    };
    ModelsView {
        deciding: name(serving.deciding),
        refused: serving.fault.map(|fault| fault.as_str().to_owned()),
        active: name(models.active),
        shadow: name(models.shadow),
        previous: name(models.previous),
        minimum_version: models.minimum_version,
        scores: serving
            .scores
            .into_iter()
            .flat_map(|both| ["active", "shadow"].into_iter().zip(both))
            .map(score)
            .collect(),
    }
}

/// Feeds as they are shown.
pub fn feeds(ledger: &Ledger, view: &View, now: Millis, ledger_now: Millis) -> Vec<FeedView> {
    let site = ledger.site();
    let feed_view = |(id, name): (_, &String)| {
        let FeedMode { mode, since, reason } = ledger.mode(id);
        let shown = FeedView {
            name: name.clone(),
            mode: mode.to_string(),
            for_ms: ledger_now.saturating_sub(since).get(),
            reason: reason.map(|reason| reason.to_string()).unwrap_or_default(),
            ..FeedView::default()
        };
        match view.supply(id, now) {
            Some(Reading::Supply { source, generator, drawn, .. }) => FeedView {
                drawn_watts: Some(drawn.get()),
                source: source_name(source).to_owned(),
                generator: generator_name(generator).to_owned(),
                ..shown
            },
            _ => shown,
        }
    };
    site.feed_ids().zip(site.feeds.iter().map(|feed| &feed.name)).map(feed_view).collect()
}

const fn source_name(source: SupplySource) -> &'static str {
    match source {
        SupplySource::Open => "nothing",
        SupplySource::UtilityA => "utility A",
        SupplySource::UtilityB => "utility B",
        SupplySource::Generator => "generator",
    }
}

const fn generator_name(phase: GeneratorPhase) -> &'static str {
    match phase {
        GeneratorPhase::Absent => "",
        GeneratorPhase::Off => "off",
        GeneratorPhase::Starting => "starting",
        GeneratorPhase::Running => "running",
        GeneratorPhase::Failed => "failed",
    }
}

/// Racks whose servers get less, as they are shown.
pub fn caps(ledger: &Ledger, ledger_now: Millis) -> Vec<CapView> {
    let view = |(rack, cap): (RackId, &Cap)| CapView {
        rack: ledger.site().rack(rack).name.clone(),
        cap_watts: cap.cap.get(),
        tiers_kept: cap.keep_tiers,
        reason: cap.reason.as_str().to_owned(),
        left_ms: cap.until.saturating_sub(ledger_now).get(),
    };
    ledger.caps().map(view).collect()
}

/// Racks that an operator asks less for, as they are shown.
pub fn sheds(ledger: &Ledger, ledger_now: Millis) -> Vec<ShedView> {
    let view = |(rack, shed): (RackId, &Shedding)| ShedView {
        rack: ledger.site().rack(rack).name.clone(),
        cap_watts: shed.cap.get(),
        left_ms: shed.until.saturating_sub(ledger_now).get(),
    };
    ledger.sheds().map(view).collect()
}

/// Devices that people have locked, as they are shown.
pub fn locks(ledger: &Ledger) -> Vec<LockView> {
    let view = |(device, by): (DeviceId, &str)| LockView { name: ledger.site().device_name(device), by: by.to_owned() };
    ledger.locks().rows().map(view).collect()
}

/// The last drills, as they are shown.
pub fn drills(ledger: &Ledger) -> Vec<DrillView> {
    let view = |run: &DrillRun| DrillView {
        name: run.note.drill.clone(),
        seed: run.note.seed,
        stage: run.note.stage.as_str().to_owned(),
        by: run.actor.clone(),
        index: run.index,
        began_ms: run.began.get(),
        ended_ms: run.ended.map(Millis::get),
    };
    ledger.drills().iter().map(view).collect()
}

/// How the audit of this replica's log is, as it is shown.
pub const fn audit(status: AuditStatus) -> AuditView {
    let AuditStatus { signed_entries, faults, skipped, tree_known } = status;
    AuditView { signed_entries, faults, skipped, tree_known }
}

/// Transfers as they are shown; the ledger must be as of that time.
pub fn transfers(ledger: &Ledger, ledger_now: Millis) -> Vec<TransferView> {
    ledger.transfers().map(|transfer| transfer_view(ledger.site(), transfer, ledger_now)).collect()
}

fn transfer_view(site: &Site, transfer: &Transfer, ledger_now: Millis) -> TransferView {
    let legs = &transfer.grant.legs;
    TransferView {
        id: transfer.id.to_string(),
        rack: site.rack(transfer.grant.rack).name.clone(),
        from: legs.iter().map(|leg| site.leg_name(leg)).collect(),
        watts: legs.iter().map(|leg| leg.delivered.get()).sum(),
        left_ms: transfer.until.saturating_sub(ledger_now).get(),
        acked: transfer.phase == Phase::Held,
        phase: transfer.phase.as_str().to_owned(),
        legs: legs.iter().map(|one| leg(site, one)).collect(),
    }
}

/// One source of a transfer as it is shown.
pub fn leg(site: &Site, leg: &Leg) -> LegView {
    LegView {
        kesm: site.kesm(leg.kesm).name.clone(),
        ties: leg.path.iter().map(|hop| site.tie(hop.tie).name.clone()).collect(),
        supplied_watts: leg.supplied.get(),
        delivered_watts: leg.delivered.get(),
    }
}
