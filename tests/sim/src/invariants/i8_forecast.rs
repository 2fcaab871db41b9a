//! I8, the forecast is never trusted: whatever it says, no rack is granted more than its servers can take.

use ridethrough_core::ledger::Ledger;
use ridethrough_core::site::RackId;

use super::Finding;

/// What stands in the ledger after a plan.
pub fn judge(ledger: &Ledger) -> Finding {
    let site = ledger.site();
    for transfer in ledger.transfers() {
        let rack: RackId = transfer.grant.rack;
        let granted: i64 = transfer.grant.legs.iter().map(|leg| leg.delivered.get()).sum();
        let most = site.rack(rack).nameplate.get();
        if granted > most {
            let (name, present) = (&site.rack(rack).name, transfer.grant.risk.present);
            return Err(format!("rack {name} draws {present} and is granted {granted} W; its servers take {most} W"));
        }
    }
    Ok(())
}
