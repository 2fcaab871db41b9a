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
}
