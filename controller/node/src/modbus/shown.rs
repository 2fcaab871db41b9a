//! From a snapshot to what Modbus tells.

use std::collections::{HashMap, HashSet};

use ridethrough_core::mode::Mode;
use ridethrough_core::units::{Joules, Millis, Watts};
use ridethrough_dashboard::{FeedView, KesmView, RackView, Snapshot};
use ridethrough_modbus::{FeedShown, KesmShown, KesmState, RackShown, Shown, SiteShown, Standing};

const MODES: [Mode; 5] = [Mode::Normal, Mode::RideThrough, Mode::Generator, Mode::OrderlyShutdown, Mode::Recovery];
/// Modules that give or take less rest, in watts.
const GIVES: i64 = 100;
const CHARGES: i64 = -100;

/// What a snapshot tells.
pub fn of(snapshot: &Snapshot) -> Shown {
    let caps: HashMap<&str, i64> = snapshot.caps.iter().map(|cap| (cap.rack.as_str(), cap.cap_watts)).collect();
    let held: HashSet<&str> = snapshot.held.iter().map(String::as_str).collect();
    let doubted: HashSet<&str> = snapshot.quarantined.iter().map(|one| one.name.as_str()).collect();
    let kesm = |kesm: &KesmView| {
        // As sites name devices.
        let name = format!("kesm {}", kesm.name);
        kesm_shown(kesm, held.contains(name.as_str()), doubted.contains(name.as_str()))
    };
    Shown {
        site: site_shown(snapshot),
        racks: snapshot.racks.iter().map(|rack| rack_shown(rack, caps.get(rack.name.as_str()).copied())).collect(),
        kesms: snapshot.kesms.iter().map(kesm).collect(),
        feeds: snapshot.feeds.iter().map(feed_shown).collect(),
    }
}

fn site_shown(snapshot: &Snapshot) -> SiteShown {
    let alarms = |priority: u8| snapshot.alarms.iter().filter(|alarm| alarm.priority == priority).count();
    SiteShown {
        manual: snapshot.manual,
        leader: if snapshot.acting { Some(snapshot.replica) } else { snapshot.leader },
        standing: if snapshot.acting { Standing::Leads } else { Standing::Follows },
        term: snapshot.term,
        commit: snapshot.commit_index,
        alarms: [alarms(1), alarms(2), alarms(3)],
        alarms_unseen: snapshot.alarms.iter().filter(|alarm| alarm.acknowledged_by.is_none()).count(),
        transfers: snapshot.transfers.len(),
        devices_heard: snapshot.devices_heard,
        devices: snapshot.devices,
    }
}

fn rack_shown(rack: &RackView, cap: Option<i64>) -> RackShown {
    RackShown {
        load: rack.load_watts.map(Watts::new),
        draw: rack.draw_watts.map(Watts::new),
        limit: Watts::new(rack.limit_watts),
        cap: cap.map(Watts::new),
        at_risk: rack.at_risk,
        tripped: rack.tripped,
    }
}

fn kesm_shown(kesm: &KesmView, held: bool, doubted: bool) -> KesmShown {
    let stored = kesm.stored_joules.map(Joules::new);
    KesmShown {
        stored,
        capacity: Joules::new(kesm.capacity_joules),
        // What is not heard now may have given that long ago.
        supply: stored.map(|_| Watts::new(kesm.supply_watts)),
        state: match kesm.supply_watts {
            _ if doubted => KesmState::Quarantined,
            _ if held => KesmState::Held,
            _ if stored.is_none() => KesmState::Silent,
            GIVES.. => KesmState::Gives,
            ..=CHARGES => KesmState::Charges,
            _ => KesmState::Rests,
        },
    }
}

fn feed_shown(feed: &FeedView) -> FeedShown {
    let mode = MODES.into_iter().find(|mode| mode.as_str() == feed.mode);
    FeedShown { mode, since: Millis::new(feed.for_ms) }
}

#[cfg(test)]
mod tests {
    use ridethrough_dashboard::{AlarmView, CapView, QuarantineView, TransferView};

    use super::*;

    fn kesm(name: &str, stored: Option<i64>, supply_watts: i64) -> KesmView {
        KesmView {
            name: name.into(),
            stored_joules: stored,
            capacity_joules: 2_000,
            supply_watts,
            ..KesmView::default()
        }
    }

    #[test]
    fn modules_say_what_they_do_and_what_is_wrong_with_them_first() {
        let kesms = vec![
            kesm("K1", Some(1), 100),
            kesm("K2", Some(1), -100),
            kesm("K3", Some(1), -99),
            kesm("K4", None, 5_000),
            kesm("K5", None, 5_000),
            kesm("K6", Some(1), 5_000),
        ];
        let held = ["K5", "K6"].map(|name| format!("kesm {name}")).to_vec();
        let quarantined = vec![QuarantineView { name: "kesm K6".into(), why: "it does not follow".into() }];
        let shown = of(&Snapshot { kesms, held, quarantined, ..Snapshot::default() });
        let states: Vec<KesmState> = shown.kesms.iter().map(|kesm| kesm.state).collect();
        let [gives, charges, rests] = [KesmState::Gives, KesmState::Charges, KesmState::Rests];
        assert_eq!(states, [gives, charges, rests, KesmState::Silent, KesmState::Held, KesmState::Quarantined]);
        assert_eq!(shown.kesms[0].supply, Some(Watts::new(100)));
        assert_eq!((shown.kesms[3].supply, shown.kesms[3].stored), (None, None), "nobody knows it now");
    }

    #[test]
    fn caps_belong_to_racks_and_modes_have_their_names() {
        let rack = |name: &str| RackView { name: name.into(), limit_watts: 24_000, ..RackView::default() };
        let cap = CapView { rack: "A2".into(), cap_watts: 18_000, ..CapView::default() };
        let feed = |mode: &str| FeedView { mode: mode.into(), for_ms: 9_000, ..FeedView::default() };
        let feeds = MODES.map(|mode| feed(mode.as_str())).into_iter().chain([feed("odd")]).collect();
        let racks = vec![rack("A1"), rack("A2")];
        let shown = of(&Snapshot { racks, caps: vec![cap], feeds, ..Snapshot::default() });
        assert_eq!(shown.racks.iter().map(|rack| rack.cap).collect::<Vec<_>>(), [None, Some(Watts::new(18_000))]);
        let modes: Vec<Option<Mode>> = shown.feeds.iter().map(|feed| feed.mode).collect();
        assert_eq!(modes, MODES.map(Some).into_iter().chain([None]).collect::<Vec<_>>());
        assert_eq!(shown.feeds[0].since, Millis::seconds(9));
    }

    #[test]
    fn alarms_are_counted_by_priority_and_who_leads_is_said() {
        let alarm = |priority, by: Option<&str>| AlarmView {
            priority,
            acknowledged_by: by.map(str::to_owned),
            ..AlarmView::default()
        };
        let alarms = vec![alarm(1, None), alarm(3, Some("mira")), alarm(3, None)];
        let transfers = vec![TransferView::default()];
        let follows = Snapshot { replica: 2, leader: Some(1), alarms, transfers, ..Snapshot::default() };
        let site = of(&follows).site;
        assert_eq!((site.alarms, site.alarms_unseen, site.transfers), ([1, 0, 2], 2, 1));
        assert_eq!((site.leader, site.standing), (Some(1), Standing::Follows));
        let site = of(&Snapshot { acting: true, ..follows }).site;
        assert_eq!((site.leader, site.standing), (Some(2), Standing::Leads));
    }
}
