//! What racks would take if nobody interfered: what an oracle knows, and what false alarms are judged by.

use super::Scenario;

impl Scenario {
    /// For every rack, what its servers take together in W at 0, `every_ms`, … up to the end of the scenario.
    pub fn demand(&self, every_ms: u64) -> Vec<Vec<f64>> {
        let moments_ms = || (0..=self.span_ms / every_ms.max(1)).map(|nth| nth * every_ms.max(1));
        let mut demand_watts = vec![moments_ms().map(|_| 0.0).collect::<Vec<f64>>(); self.site.racks.len()];
        for (server, playback) in self.site.servers.iter().zip(&self.playbacks) {
            let rack_watts = &mut demand_watts[server.rack.index()];
            for (watts, now_ms) in rack_watts.iter_mut().zip(moments_ms()) {
                *watts += playback.watts_at(now_ms);
            }
        }
        demand_watts
    }

    /// For every rack, what its servers would have taken in W in the `span_ms` before the scenario begins, at every
    /// `every_ms` of it: the recordings go round in loops, so what comes before the beginning is their end.
    pub fn demand_before(&self, span_ms: u64, every_ms: u64) -> Vec<Vec<f64>> {
        let moments = span_ms / every_ms.max(1);
        let mut demand_watts = vec![vec![0.0; usize::try_from(moments).unwrap_or(0)]; self.site.racks.len()];
        for (server, playback) in self.site.servers.iter().zip(&self.playbacks) {
            let rounds = span_ms.div_ceil(playback.cycle_ms().max(1));
            let begin_ms = rounds * playback.cycle_ms() - span_ms;
            for (watts, nth) in demand_watts[server.rack.index()].iter_mut().zip(0..) {
                *watts += playback.watts_at(begin_ms + nth * every_ms);
            }
        }
        demand_watts
    }
}
