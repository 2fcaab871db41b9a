//! What devices say by themselves, and when: their readings once in a period, what their outlets feed, and before scenario
//! time runs the readings of a moment soon after its start.

use super::error::record_failed;
use super::{Plant, RealtimeError};
use crate::field::Record;
use crate::plant::World;

/// Before scenario time runs, meters show what lies between these two moments of it, in ms, again and again: late enough
/// for orders to have been followed, and long enough for a meter's noise not to stand still.
const SHOWN_MS: std::ops::Range<u64> = 200..600;

impl Plant {
    /// Lets lapse what is due at a device, and sends what it is time for it to say.
    pub(super) fn attend(&mut self, slot: usize, now_ms: u64) -> Result<(), RealtimeError> {
        self.let_lapse(slot, now_ms)?;
        self.tell_outlets(slot, now_ms);
        if self.stations[slot].telemetry_due_ms <= now_ms {
            self.schedule_next(slot, now_ms);
            self.tell_readings(slot, now_ms);
        }
        Ok(())
    }

    fn let_lapse(&mut self, slot: usize, now_ms: u64) -> Result<(), RealtimeError> {
        let mut written = Ok(());
        let station = &mut self.stations[slot];
        let mut keep = |record: &Record| {
            self.tally.count(&record.act);
            if let Err(error) = station.records.append(record) {
                written = Err(error);
            }
        };
        station.device.poll(now_ms, &mut self.world, &mut keep);
        written.map_err(record_failed)
    }

    /// Late telemetry is sent once and not made up for.
    fn schedule_next(&mut self, slot: usize, now_ms: u64) {
        let station = &mut self.stations[slot];
        let times = u64::from(self.world.voice(station.device.device()).telemetry_times);
        let period_ms = (self.telemetry_period_ms / times).max(1);
        let periods = (now_ms - station.telemetry_due_ms) / period_ms + 1;
        station.telemetry_due_ms += periods * period_ms;
    }

    /// Tells every replica what the device measures.
    fn tell_readings(&mut self, slot: usize, now_ms: u64) {
        for index in 0..self.replicas.len() {
            let replica = self.replicas[index].id;
            let world = self.shown.as_ref().map_or(&self.world, |(world, _)| world);
            let station = &mut self.stations[slot];
            let device = station.device.device();
            let Some(measured) = world.read(device) else { return };
            if let Some(surges) = &mut self.surges {
                surges.look(device, &measured);
            }
            let told = self.misled.map_or(measured, |misled| misled.hears(replica, device, measured));
            let reply = station.device.tell(replica, &told, now_ms, world, &mut self.out);
            self.send(slot, reply);
        }
    }

    /// Tells every replica what the device's outlets feed, when their meters have found it.
    fn tell_outlets(&mut self, slot: usize, now_ms: u64) {
        let world = self.shown.as_ref().map_or(&self.world, |(world, _)| world);
        for page in self.stations[slot].device.outlet_pages(now_ms, world) {
            for index in 0..self.replicas.len() {
                let replica = self.replicas[index].id;
                let world = self.shown.as_ref().map_or(&self.world, |(world, _)| world);
                let reply = self.stations[slot].device.outlets(replica, &page, now_ms, world, &mut self.out);
                self.send(slot, reply);
            }
        }
    }

    /// Before scenario time runs: the world as it will soon be under its present orders. A meter that repeated the first
    /// moment would be taken for one that stands still.
    pub(super) fn show(&mut self, now_ms: u64) {
        let is_new = |(_, made_ms): &(World, u64)| now_ms < made_ms + self.telemetry_period_ms;
        if self.started_ms.is_some() || self.shown.as_ref().is_some_and(is_new) {
            return;
        }
        let mut world = self.world.clone();
        world.run_ms(SHOWN_MS.start + now_ms % (SHOWN_MS.end - SHOWN_MS.start));
        self.shown = Some((world, now_ms));
    }
}
