//! How long a minimum-cost flow takes, from the cleared solver to the paths, for networks from a row of racks up.
//!
//! `cargo bench -p ridethrough-core --bench flow [-- --quick]`. Every run of a size takes the next of 32 random
//! networks, of 4 in a quick run; arcs go between nodes that are near each other, in three segments of rising cost.
//! The ratio compares the solve with a plain pass over all arcs for each of its rounds.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock; the core does not")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ridethrough_core::flow::{NodeId, Segment, Solver};

#[derive(Clone, Copy)]
struct Size {
    nodes: usize,
    arcs: usize,
    sources: usize,
    demands: usize,
}

const SIZES: [Size; 5] = [
    Size { nodes: 10, arcs: 24, sources: 4, demands: 3 },
    Size { nodes: 60, arcs: 180, sources: 15, demands: 8 },
    Size { nodes: 250, arcs: 750, sources: 50, demands: 20 },
    Size { nodes: 1_000, arcs: 3_000, sources: 200, demands: 50 },
    Size { nodes: 2_000, arcs: 5_000, sources: 400, demands: 100 },
];

struct Network {
    nodes: usize,
    arcs: Vec<(usize, usize, [Segment; 3])>,
    sources: Vec<(usize, [Segment; 3])>,
    demands: Vec<(usize, i64)>,
}

#[derive(Default)]
struct Times {
    fill: Vec<Duration>,
    solve: Vec<Duration>,
    paths: Vec<Duration>,
    floor: Vec<Duration>,
    rounds: u64,
    wanted: i64,
    covered: i64,
}

fn main() {
    // `cargo test --benches` does not pass `--bench`; there the bench only shows that it still works.
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let quick = has("--quick") || !has("--bench");
    let (networks, budget_ms) = if quick { (4, 50) } else { (32, 4_000) };
    println!("{:>6}{:>6}{:>8}  {:<7}{:>10}{:>10}{:>10}", "nodes", "arcs", "demands", "µs", "p50", "p99", "max");
    for size in SIZES {
        report(size, &mut measure(size, networks, Duration::from_millis(budget_ms)));
    }
}

fn measure(size: Size, networks: usize, budget: Duration) -> Times {
    let mut dice = Dice(0x5eed);
    let networks: Vec<Network> = (0..networks).map(|_| Network::random(size, &mut dice)).collect();
    let (mut solver, mut times, began) = (Solver::new(), Times::default(), Instant::now());
    // The first pass makes the memory that all later ones use.
    for network in &networks {
        run(network, &mut solver, &mut Times::default());
    }
    for network in networks.iter().cycle() {
        run(network, &mut solver, &mut times);
        if times.solve.len() % networks.len() == 0 && began.elapsed() >= budget {
            break;
        }
    }
    times
}

fn run(network: &Network, solver: &mut Solver, times: &mut Times) {
    let start = Instant::now();
    solver.clear();
    let demands = network.fill(solver);
    times.fill.push(start.elapsed());

    let start = Instant::now();
    let mut solution = black_box(solver.solve());
    times.solve.push(start.elapsed());

    let rounds = solution.rounds();
    times.rounds += u64::from(rounds);
    times.wanted += network.demands.iter().map(|(_, amount)| amount).sum::<i64>();
    times.covered += demands.iter().map(|demand| solution.covered(*demand)).sum::<i64>();

    let start = Instant::now();
    let sum: i64 = black_box(solution.decompose().map(|path| path.amount).sum());
    times.paths.push(start.elapsed());
    assert!(sum >= 0);

    let start = Instant::now();
    for _ in 0..rounds {
        black_box(black_box(&network.arcs).iter().map(|(_, _, [cheapest, ..])| cheapest.cost).min());
    }
    times.floor.push(start.elapsed());
}

fn report(size: Size, times: &mut Times) {
    let Size { nodes, arcs, demands, .. } = size;
    let runs = times.solve.len();
    let rows = [("fill", &mut times.fill), ("solve", &mut times.solve), ("paths", &mut times.paths)];
    let rows = rows.into_iter().chain([("floor", &mut times.floor)]);
    let spreads: Vec<[f64; 3]> = rows
        .map(|(name, row)| {
            row.sort_unstable();
            let at = |permille: usize| row[(row.len() - 1) * permille / 1_000].as_nanos() as f64 / 1_000.0;
            let spread = [at(500), at(990), at(1_000)];
            let [p50, p99, max] = spread;
            println!("{nodes:>6}{arcs:>6}{demands:>8}  {name:<7}{p50:>10.1}{p99:>10.1}{max:>10.1}");
            spread
        })
        .collect();
    let ratio = |at: usize| spreads[1][at] / spreads[3][at].max(0.001);
    println!("{:>20}  {:<7}{:>9.1}x{:>9.1}x{:>9.1}x", "", "ratio", ratio(0), ratio(1), ratio(2));
    let rounds = times.rounds as f64 / runs as f64;
    let covered = 100.0 * times.covered as f64 / times.wanted as f64;
    println!("{:>20}  {rounds:.1} rounds a solve, {covered:.0} % covered, {runs} runs", "");
}

impl Network {
    fn random(size: Size, dice: &mut Dice) -> Self {
        let arcs = (0..size.arcs).map(|_| {
            let from = dice.below(size.nodes);
            let to = (from + 1 + dice.below(8)) % size.nodes;
            let segments = dice.segments(30_000, 40);
            if dice.below(2) == 0 { (from, to, segments) } else { (to, from, segments) }
        });
        let arcs = arcs.collect();
        let sources = (0..size.sources).map(|_| (dice.below(size.nodes), dice.segments(20_000, 100))).collect();
        let demands = (0..size.demands).map(|_| (dice.below(size.nodes), dice.amount(40_000))).collect();
        Self { nodes: size.nodes, arcs, sources, demands }
    }

    fn fill(&self, solver: &mut Solver) -> Vec<ridethrough_core::flow::DemandId> {
        let nodes: Vec<NodeId> = (0..self.nodes).map(|_| solver.add_node().expect("within the limits")).collect();
        for (from, to, segments) in &self.arcs {
            solver.add_arc(nodes[*from], nodes[*to], segments).expect("within the limits");
        }
        for (node, segments) in &self.sources {
            solver.add_source(nodes[*node], segments).expect("within the limits");
        }
        let add = |(node, amount): &(usize, i64)| solver.add_demand(nodes[*node], *amount, 1_000_000_000);
        self.demands.iter().map(add).collect::<Result<_, _>>().expect("within the limits")
    }
}

/// The same numbers in every run: a linear congruential generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn amount(&mut self, end: usize) -> i64 {
        i64::try_from(self.below(end)).expect("31 bits")
    }

    /// A loss that grows with the square of the flow, in three pieces.
    fn segments(&mut self, capacity: usize, cost: usize) -> [Segment; 3] {
        let (capacity, cost) = (1 + self.amount(capacity) / 3, 1 + self.amount(cost));
        [1, 3, 5].map(|slope| Segment { capacity, cost: cost * slope })
    }
}
