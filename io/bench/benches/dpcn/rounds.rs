//! Cases that take turns.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ridethrough_dpcn_bench::latencies::Latencies;

use crate::options::Effort;

/// One order in so long: a device authenticates at most 8 frames in a millisecond.
pub const PACE: Duration = Duration::from_micros(200);
/// Round trips at the start of a round that are not noted: threads start and caches fill.
const WARM_UP: usize = 20;

/// Something whose round trips are timed.
pub trait Case {
    /// Its name on the command line and in the output.
    fn name(&self) -> &'static str;

    /// Times so many of them.
    fn round(&mut self, samples: usize) -> Result<Latencies>;
}

/// How many rounds of how many round trips each case has.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    pub rounds: usize,
    pub samples: usize,
}

impl Turns {
    pub const fn of(effort: Effort) -> Self {
        match effort {
            Effort::Quick => Self { rounds: 3, samples: 100 },
            Effort::Whole => Self { rounds: 40, samples: 250 },
        }
    }

    /// Lets the cases take turns, another first each time.
    pub fn take(self, cases: &mut [Box<dyn Case>]) -> Result<Vec<(&'static str, Latencies)>> {
        let mut taken: Vec<_> = cases.iter().map(|case| (case.name(), Latencies::default())).collect();
        for round in 0..self.rounds {
            for nth in 0..cases.len() {
                let turn = (round + nth) % cases.len();
                let latencies = cases[turn].round(self.samples).with_context(|| taken[turn].0)?;
                taken[turn].1.extend(&latencies);
            }
        }
        Ok(taken)
    }
}

/// What a thread does between two orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Keeps its core; one order in [`PACE`].
    Spinning,
    /// Leaves its core to others for so long.
    Sleeping(Duration),
}

/// Times round trips at a steady pace.
pub fn timed(samples: usize, rest: Rest, mut once: impl FnMut() -> Result<()>) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    for nth in 0..samples + WARM_UP {
        let began = Instant::now();
        once()?;
        note(&mut latencies, nth, began.elapsed());
        rest.after(began);
    }
    Ok(latencies)
}

/// The same where the round trip is a future.
#[cfg(feature = "peers")]
pub async fn timed_async(samples: usize, mut once: impl AsyncFnMut() -> Result<()>) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    for nth in 0..samples + WARM_UP {
        let began = Instant::now();
        once().await?;
        note(&mut latencies, nth, began.elapsed());
        Rest::Spinning.after(began);
    }
    Ok(latencies)
}

fn note(latencies: &mut Latencies, nth: usize, took: Duration) {
    if nth >= WARM_UP {
        latencies.push(took);
    }
}

impl Rest {
    fn after(self, began: Instant) {
        match self {
            Self::Spinning => {
                while began.elapsed() < PACE {
                    std::hint::spin_loop();
                }
            }
            Self::Sleeping(span) => std::thread::sleep(span),
        }
    }
}

/// How many orders a round of so many round trips needs.
pub const fn orders_in_round(samples: usize) -> usize {
    samples + WARM_UP
}
