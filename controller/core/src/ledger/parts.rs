//! A ledger taken apart for a snapshot, and put together from one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Cap, Charge, Closing, Committed, FeedMode, GeneratorRule, Ledger, Locks, Shedding, Transfer};
use crate::alarm::{Alarm, AlarmKey, Alarms};
use crate::command::{Founding, RackLoad, Seen};
use crate::device::{DeviceId, Order};
use crate::drill::{DrillRun, Drills};
use crate::model::Models;
use crate::request::{CarriedOut, Requests};
use crate::site::{FeedId, KesmId, RackId, Site};
use crate::units::Millis;

/// The dynamic part of a ledger, for a snapshot's codec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Ledger time.
    pub now: Millis,
    /// What the log is bound to.
    pub founding: Option<Founding>,
    /// The latest state's name.
    pub last: Seen,
    /// Names of the states before it, oldest first.
    pub recent: Vec<Seen>,
    /// Transfers in force.
    pub transfers: Vec<Transfer>,
    /// Flywheels that may spin up.
    pub charges: Vec<(KesmId, Charge)>,
    /// Transfers whose devices are being told that they have ended.
    pub closings: Vec<Closing>,
    /// Racks whose servers get less.
    pub caps: Vec<(RackId, Cap)>,
    /// What generators were told.
    pub generators: Vec<(FeedId, GeneratorRule)>,
    /// Feeds whose mode has ever changed.
    pub modes: Vec<(FeedId, FeedMode)>,
    /// Devices that an operator holds.
    pub held: Vec<DeviceId>,
    /// Whether an operator has taken over the whole site.
    pub manual: bool,
    /// What racks touched by transfers may come to take, as last told.
    pub loads: Vec<RackLoad>,
    /// The newest order of each device.
    pub orders: Vec<Order>,
    /// Which models the log has chosen.
    pub models: Models,
    /// Racks that an operator asks less for.
    pub sheds: Vec<(RackId, Shedding)>,
    /// Alarms that stand or wait for somebody.
    pub alarms: Vec<(AlarmKey, Alarm)>,
    /// Devices that people have locked, with the name of each.
    pub locks: Vec<(DeviceId, String)>,
    /// The last requests that were carried out, oldest first.
    pub requests: Vec<CarriedOut>,
    /// The last drills, oldest first.
    pub drills: Vec<DrillRun>,
}

impl Ledger {
    /// The ledger that a snapshot holds. The parts must come from a committed snapshot.
    pub fn from_parts(site: Arc<Site>, parts: Parts) -> Self {
        Self {
            site,
            now: parts.now,
            founding: parts.founding,
            last: parts.last,
            recent: parts.recent.into(),
            transfers: parts.transfers.into_iter().map(|transfer| (transfer.grant.rack, transfer)).collect(),
            charges: parts.charges.into_iter().collect(),
            closings: parts.closings,
            caps: parts.caps.into_iter().collect(),
            generators: parts.generators.into_iter().collect(),
            modes: parts.modes.into_iter().collect(),
            held: parts.held.into_iter().collect(),
            manual: parts.manual,
            loads: parts.loads.into_iter().map(|load| (load.rack, load)).collect(),
            orders: parts.orders.into_iter().map(|order| (order.device, Committed(order))).collect(),
            models: parts.models,
            sheds: parts.sheds.into_iter().collect(),
            alarms: Alarms::from_rows(parts.alarms),
            locks: Locks::from_rows(parts.locks),
            requests: Requests::of(parts.requests),
            drills: Drills::of(parts.drills),
        }
    }

    /// The dynamic part, for a snapshot.
    pub fn parts(&self) -> Parts {
        Parts {
            now: self.now,
            founding: self.founding,
            last: self.last,
            recent: self.recent.iter().copied().collect(),
            transfers: self.transfers.values().cloned().collect(),
            charges: pairs(&self.charges),
            closings: self.closings.clone(),
            caps: pairs(&self.caps),
            generators: pairs(&self.generators),
            modes: pairs(&self.modes),
            held: self.held.iter().copied().collect(),
            manual: self.manual,
            loads: self.loads.values().copied().collect(),
            orders: self.orders.values().map(|order| *order.get()).collect(),
            models: self.models,
            sheds: pairs(&self.sheds),
            alarms: self.alarms.rows().map(|(key, alarm)| (key, alarm.clone())).collect(),
            locks: self.locks.rows().map(|(device, person)| (device, person.to_owned())).collect(),
            requests: self.requests.items().to_vec(),
            drills: self.drills.items().to_vec(),
        }
    }
}

fn pairs<K: Copy, V: Copy>(map: &BTreeMap<K, V>) -> Vec<(K, V)> {
    map.iter().map(|(&key, &value)| (key, value)).collect()
}
