//! Every capping controller of a site: one over each rack, one over each row.

use ridethrough_core::device::{DeviceId, Reading};
use ridethrough_core::site::{ServerId, Site};

use super::capping::{Action, CYCLE_MS, ThreeBand, high_bucket_first};
use crate::plant::{World, real};

/// The width of a power bucket, in W: Dynamo's 20 W is some 7 % of the servers of its time, and so is this of ours.
const BUCKET_WATTS: f64 = 500.0;
/// No server is capped below this share of its rating: what power capping reaches, and what its users accept.
const FLOOR_SHARE: f64 = 0.5;

/// All controllers and the caps in force.
#[derive(Clone, Debug)]
pub struct Capper {
    due_ms: u64,
    watches: Vec<Watch>,
    caps: Vec<Option<f64>>,
}

/// One controller: what it watches and whom it may cap.
#[derive(Clone, Debug)]
struct Watch {
    band: ThreeBand,
    limit_watts: f64,
    racks: Vec<usize>,
    servers: Vec<usize>,
}

impl Capper {
    /// Nothing is capped.
    pub fn new(site: &Site) -> Self {
        let racks = (0..site.racks.len())
            .map(|rack| Watch::new(site, real(site.racks[rack].limit.get()), &|other| other == rack));
        let rows = (0..site.rows.len())
            .map(|row| Watch::new(site, real(site.rows[row].limit.get()), &|rack| site.racks[rack].row.index() == row));
        Self { due_ms: CYCLE_MS, watches: racks.chain(rows).collect(), caps: vec![None; site.servers.len()] }
    }

    /// Decides, when it is time.
    pub fn tick(&mut self, world: &mut World) {
        if world.now_ms() < self.due_ms {
            return;
        }
        self.due_ms += CYCLE_MS;
        let drawn = drawn_watts(world);
        let mut caps = self.caps.clone();
        for watch in &mut self.watches {
            watch.decide(world, &drawn, &mut caps);
        }
        for (index, (new, old)) in caps.iter().zip(&self.caps).enumerate() {
            if new != old {
                world.set_cap(server_id(index), *new);
            }
        }
        self.caps = caps;
    }
}

impl Watch {
    fn new(site: &Site, limit_watts: f64, watches: &dyn Fn(usize) -> bool) -> Self {
        let servers = site.servers.iter().enumerate().filter(|(_, server)| watches(server.rack.index()));
        Self {
            band: ThreeBand::default(),
            limit_watts,
            racks: (0..site.racks.len()).filter(|&rack| watches(rack)).collect(),
            servers: servers.map(|(index, _)| index).collect(),
        }
    }

    fn decide(&mut self, world: &World, drawn: &[f64], caps: &mut [Option<f64>]) {
        let drawn_watts = self.racks.iter().map(|&rack| drawn[rack]).sum();
        match self.band.decide(drawn_watts, self.limit_watts) {
            Action::Hold => {}
            Action::Uncap => self.servers.iter().for_each(|&server| caps[server] = None),
            Action::Cap { cut_watts } => {
                let taken: Vec<f64> =
                    self.servers.iter().map(|&server| world.server(server_id(server)).watts()).collect();
                let rated = |server: usize| real(world.site().servers[server].rated.get());
                let floors: Vec<f64> = self.servers.iter().map(|&server| FLOOR_SHARE * rated(server)).collect();
                let cut = high_bucket_first(&taken, &floors, cut_watts, BUCKET_WATTS);
                for (&server, new) in self.servers.iter().zip(cut) {
                    caps[server] = new.or(caps[server]);
                }
            }
        }
    }
}

/// What every rack draws, as its PDU says.
fn drawn_watts(world: &World) -> Vec<f64> {
    let told = |rack| match world.read(DeviceId::Pdu(rack)) {
        Some(Reading::Pdu { draw, .. }) => real(draw.get()),
        _ => 0.0,
    };
    world.site().rack_ids().map(told).collect()
}

fn server_id(index: usize) -> ServerId {
    ServerId(u16::try_from(index).unwrap_or(u16::MAX))
}
