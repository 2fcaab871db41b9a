//! What each stage of an order costs the end that does it, without sockets: for one device, whose state stays in the nearest
//! cache, and for a thousand in turn, whose states do not.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ridethrough_dpcn_bench::latencies::Latencies;
use ridethrough_protocol::Lan;

use crate::options::Effort;
use crate::session::{Device, Replica, freshen, open, orders_to_each};

/// One stage.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    pub name: &'static str,
    pub one_ns: f64,
    pub many_ns: f64,
}

const NAMES: [&str; 4] =
    ["read the clock", "submit and seal an order", "check, judge, obey and seal an ack", "check an ack"];
const MANY: u16 = 1_000;
/// As fast as a device may be spoken to: it authenticates at most 8 frames in a millisecond.
const PACE: Duration = Duration::from_micros(200);

/// Measures all of them.
pub fn measure(effort: Effort) -> Result<Vec<Stage>> {
    let rounds = match effort {
        Effort::Quick => 200,
        Effort::Whole => 5_000,
    };
    let one = told(1, rounds)?;
    let many = told(MANY, rounds.div_ceil(usize::from(MANY)).max(3))?;
    let stages = NAMES.iter().zip(one.into_iter().zip(many));
    Ok(stages.map(|(name, (one_ns, many_ns))| Stage { name, one_ns, many_ns }).collect())
}

fn told(devices: u16, rounds: usize) -> Result<Vec<f64>> {
    let (mut replica, mut devices) = open(devices)?;
    let mut stages: [Latencies; 4] = Default::default();
    for index in 1..=rounds as u64 {
        let began = Instant::now();
        if index % 1_000 == 0 {
            freshen(&mut replica, &mut devices)?;
        }
        round(&mut replica, &mut devices, index, &mut stages)?;
        while began.elapsed() < PACE {
            std::hint::spin_loop();
        }
    }
    // Reading the clock is part of every other figure.
    stages.iter().map(|stage| Ok(stage.summary().context("no round")?.p50_us * 1e3)).collect()
}

fn round(replica: &mut Replica, devices: &mut [Device], index: u64, stages: &mut [Latencies; 4]) -> Result<()> {
    let [clock, submitting, obeying, hearing] = stages;
    let mut frame = Vec::with_capacity(512);
    for (order, device) in orders_to_each(u16::try_from(devices.len())?, index).iter().zip(devices) {
        let began = Instant::now();
        clock.push(began.elapsed());
        frame.clear();
        let began = Instant::now();
        replica.order(order, |bytes| frame.extend_from_slice(bytes))?;
        submitting.push(began.elapsed());
        let began = Instant::now();
        let ack = device.answer(&frame, Lan::A).context("an ack")?;
        obeying.push(began.elapsed());
        let began = Instant::now();
        let heard = replica.hears(ack, Lan::A);
        hearing.push(began.elapsed());
        ensure!(heard == 1, "the ack is good");
    }
    Ok(())
}
