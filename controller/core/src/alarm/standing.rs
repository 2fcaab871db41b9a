//! What is wrong now, by what the leader knows. Pure: whether it is an alarm, the watch decides.

use std::collections::BTreeSet;

use super::kind::{AlarmKey, AlarmKind, Subject};
use crate::command::CapReason;
use crate::forecast::ForecastSource;
use crate::mode::Mode;
use crate::planner::Inputs;

/// All that is wrong now.
pub fn standing(inputs: &Inputs<'_>) -> BTreeSet<AlarmKey> {
    let mut keys = BTreeSet::new();
    feeds(inputs, &mut keys);
    racks(inputs, &mut keys);
    devices(inputs, &mut keys);
    modules(inputs, &mut keys);
    let by_rule = |source| matches!(source, ForecastSource::Rule(_));
    if inputs.forecasts.iter().all(|forecast| by_rule(forecast.source)) {
        keys.insert(AlarmKey { kind: AlarmKind::ForecastByRule, subject: Subject::Site });
    }
    keys
}

fn feeds(inputs: &Inputs<'_>, keys: &mut BTreeSet<AlarmKey>) {
    for feed in inputs.ledger.site().feed_ids() {
        let kinds: &[AlarmKind] = match inputs.ledger.mode(feed).mode {
            Mode::RideThrough => &[AlarmKind::UtilityOutage],
            Mode::OrderlyShutdown => &[AlarmKind::UtilityOutage, AlarmKind::OrderlyShutdown],
            Mode::Generator => &[AlarmKind::OnGenerator],
            Mode::Normal | Mode::Recovery => &[],
        };
        keys.extend(kinds.iter().map(|&kind| AlarmKey { kind, subject: Subject::Feed(feed) }));
    }
}

fn racks(inputs: &Inputs<'_>, keys: &mut BTreeSet<AlarmKey>) {
    let site = inputs.ledger.site();
    let over = |&rack: &_| inputs.view.draw(rack, inputs.now).is_some_and(|draw| draw > site.rack(rack).limit);
    let over = site.rack_ids().filter(over).map(|rack| (AlarmKind::RackOverLimit, rack));
    // What an operator asked for is no news to him.
    let capped = inputs.ledger.caps().filter(|(_, cap)| cap.reason != CapReason::Operator);
    let capped = capped.map(|(rack, _)| (AlarmKind::ServersCapped, rack));
    keys.extend(over.chain(capped).map(|(kind, rack)| AlarmKey { kind, subject: Subject::Rack(rack) }));
}

/// What is silent is not judged any further, and what an operator holds may be switched off.
fn devices(inputs: &Inputs<'_>, keys: &mut BTreeSet<AlarmKey>) {
    for (slot, device) in inputs.ledger.site().devices().enumerate() {
        if inputs.ledger.is_held(device) {
            continue;
        }
        let silent = (!inputs.view.heard(slot, inputs.now)).then_some(AlarmKind::DeviceSilent);
        let kind = silent.or_else(|| (inputs.fault)(device).map(|_| AlarmKind::DeviceQuarantined));
        keys.extend(kind.map(|kind| AlarmKey { kind, subject: Subject::Device(device) }));
    }
}

/// While modules bridge an outage, that they run down is what they are for.
fn modules(inputs: &Inputs<'_>, keys: &mut BTreeSet<AlarmKey>) {
    let site = inputs.ledger.site();
    for id in site.kesm_ids() {
        let kesm = site.kesm(id);
        let bridges = inputs.ledger.mode(site.feed_of(kesm.rack)).mode != Mode::Normal;
        let low = inputs.view.stored(id, inputs.now).is_some_and(|stored| stored <= kesm.reserve);
        if low && !bridges {
            let subject = Subject::Device(crate::device::DeviceId::Kesm(id));
            keys.insert(AlarmKey { kind: AlarmKind::StoreAtReserve, subject });
        }
    }
}
