//! Somebody who runs the site: holds devices and lets them go, takes the site over for a while, asks for less, sees to alarms.

use ridethrough_core::alarm::AlarmKey;
use ridethrough_core::capping;
use ridethrough_core::command::{Action, Operation, Shed};
use ridethrough_core::device::DeviceId;
use ridethrough_core::ledger::Ledger;
use ridethrough_core::operate;
use ridethrough_core::request::RequestId;
use ridethrough_core::site::{RackId, TIER_MAX};
use ridethrough_core::units::{Millis, Watts};

use crate::dice::Dice;

/// In so many of a thousand ticks he wishes for something.
const WISHES_PERMILLE: u64 = 10;
/// What is held or taken over he gives back first, so often in a thousand wishes.
const GIVES_BACK_PERMILLE: u64 = 600;
/// Numbers are drawn from so many, so that some come twice.
const REQUESTS: u64 = 1_000;
/// Who works at the site.
const PEOPLE: [&str; 2] = ["anna", "olu"];

/// What he wishes for in this tick, if anything; most of it is allowed.
pub fn wish(ledger: &Ledger, dice: &mut Dice) -> Option<Operation> {
    if !dice.chance(WISHES_PERMILLE) {
        return None;
    }
    let action = give_back(ledger, dice).or_else(|| ask_for(ledger, dice))?;
    // Some ask twice under one number: once at the most it may be done.
    let request = Some(RequestId(dice.below(REQUESTS).into()));
    let actor = dice.pick(&PEOPLE).unwrap_or("operator").to_owned();
    let operation = Operation { request, actor, reason: "by hand".into(), action };
    // One in twenty is sent although it will be refused: the log must bear that, too.
    (dice.chance(50) || operate::check(ledger, &operation).is_ok()).then_some(operation)
}

fn give_back(ledger: &Ledger, dice: &mut Dice) -> Option<Action> {
    if !dice.chance(GIVES_BACK_PERMILLE) {
        return None;
    }
    if ledger.is_manual() {
        return Some(Action::ManualOff);
    }
    let held: Vec<DeviceId> = ledger.held().collect();
    let locks: Vec<(DeviceId, String)> = ledger.locks().rows().map(|(device, of)| (device, of.to_owned())).collect();
    if let Some((device, of)) = dice.pick(&locks) {
        return Some(Action::Unlock { device, of });
    }
    let asked: Vec<RackId> = ledger.sheds().map(|(rack, _)| rack).collect();
    dice.pick(&held).map(Action::Resume).or_else(|| dice.pick(&asked).map(Action::Restore))
}

fn ask_for(ledger: &Ledger, dice: &mut Dice) -> Option<Action> {
    let site = ledger.site();
    let devices: Vec<DeviceId> = site.devices().collect();
    let racks: Vec<RackId> = site.rack_ids().collect();
    let alarms: Vec<AlarmKey> = ledger.alarms().shown().map(|(key, _)| key).collect();
    match dice.below(8) {
        0 => dice.pick(&devices).map(Action::Hold),
        1 => dice.pick(&devices).map(Action::Lock),
        2 => Some(Action::ManualOn),
        3 | 4 => dice.pick(&racks).map(|rack| Action::Shed(less_for(ledger, rack, dice))),
        5 => dice.pick(&alarms).map(|alarm| Action::Shelve(alarm, Millis::seconds(10))),
        _ => dice.pick(&alarms).map(Action::Acknowledge),
    }
}

fn less_for(ledger: &Ledger, rack: RackId, dice: &mut Dice) -> Shed {
    let (least, most) = (capping::rack_floor(ledger.site(), rack, TIER_MAX), ledger.site().rack(rack).nameplate);
    let more = dice.below(most.saturating_sub(least).get().unsigned_abs() + 1);
    let cap = least.saturating_add(Watts::new(i64::try_from(more).unwrap_or(0)));
    Shed { rack, cap, hold: Millis::seconds(i64::try_from(dice.between(1, 30)).unwrap_or(1)) }
}
