//! The snapshot that the web view shows.

use ridethrough_core::device::{DeviceId, Reading};
use ridethrough_core::forecast::RackForecast;
use ridethrough_core::ledger::{Ledger, Transfer};
use ridethrough_core::planner::{self, Inputs};
use ridethrough_core::site::{KesmId, RackId, Site};
use ridethrough_core::units::{Joules, Millis, Watts};
use ridethrough_core::view::View;
use ridethrough_dashboard::{KesmView, RackView, TransferView};

/// Racks as they are shown.
pub fn racks(inputs: &Inputs<'_>) -> Vec<RackView> {
    let site = inputs.ledger.site();
    site.rack_ids().map(|rack| rack_view(inputs, site, rack, &inputs.forecasts[rack.index()])).collect()
}

fn rack_view(inputs: &Inputs<'_>, site: &Site, rack: RackId, forecast: &RackForecast) -> RackView {
    RackView {
        name: site.rack(rack).name.clone(),
        load_watts: inputs.view.load(rack, inputs.now).map(Watts::get),
        draw_watts: inputs.view.draw(rack, inputs.now).map(Watts::get),
        limit_watts: site.rack(rack).limit.get(),
        peak_p99_watts: forecast.peak_p99.get(),
        at_risk: planner::judge(inputs, rack).at_risk,
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

/// Transfers as they are shown.
pub fn transfers(ledger: &Ledger, ledger_now: Millis) -> Vec<TransferView> {
    let live = ledger.transfers().filter(|transfer| transfer.until > ledger_now);
    live.map(|transfer| transfer_view(ledger.site(), transfer, ledger_now)).collect()
}

fn transfer_view(site: &Site, transfer: &Transfer, ledger_now: Millis) -> TransferView {
    let legs = &transfer.grant.legs;
    TransferView {
        id: transfer.id.to_string(),
        rack: site.rack(transfer.grant.rack).name.clone(),
        from: legs.iter().map(|leg| site.leg_name(leg)).collect(),
        watts: legs.iter().map(|leg| leg.delivered.get()).sum(),
        left_ms: transfer.until.saturating_sub(ledger_now).get(),
        acked: transfer.acked,
    }
}
