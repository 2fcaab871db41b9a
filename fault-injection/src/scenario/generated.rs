//! Scenarios of any size, for load tests and benches: the site is made up, the recordings are real.

use std::collections::BTreeSet;
use std::path::Path;

use super::parse::{self, Source};
use super::{Scenario, ScenarioError};

/// Racks of one row.
const ROW_RACKS: usize = 20;
/// Every so many-th rack trains; the others answer requests.
const TRAINING_EVERY: usize = 5;
/// Rated power of a training server (8 H100) and of an inference server (8 A100), in W.
const TRAINING_SERVER_WATTS: usize = 7_600;
const INFERENCE_SERVER_WATTS: usize = 3_700;
/// What a rack may draw for each of its servers in W. Recorded training reaches 7.3 kW on all nodes at once, so the
/// racks that train need help; the recorded inference fits.
const TRAINING_SHARE_WATTS: usize = 7_100;
const INFERENCE_SHARE_WATTS: usize = 3_500;
/// No rack has a smaller breaker than this, in W.
const RACK_WATTS_MIN: usize = 24_000;
/// A module's rack is tied to the racks that so many places away.
const REACH: [usize; 2] = [2, 4];
/// Length of a tie for each place between its racks, in mm, and its resistance: 25 mm² copper at 0.7 mΩ/m.
const PLACE_MM: usize = 1_500;
const MICROOHMS_PER_METRE: usize = 700;

/// Nodes of one training run, recorded together: their power swings together.
const TRAINING_TRACE: &str =
    "power/mlperf-training-v4.0-smc/64xSMC-H100-SXM-80GB__gpt3__5848-240517221859825376616_2_AC.csv.gz";
const TRAINING_NODES: [u8; 12] = [1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 14, 15];
/// Inference servers at the wall.
const INFERENCE_TRACES: [&str; 6] = [
    "power/mlperf-inference-v1.1/DGX-A100_A100-SXM-80GBx8_TRT_MaxQ__bert-99__Server__run.spl.txt.gz",
    "power/mlperf-inference-v1.1/DGX-A100_A100-SXM-80GBx8_TRT_MaxQ__dlrm-99.9__Server__run.spl.txt.gz",
    "power/mlperf-inference-v1.1/DGX-A100_A100-SXM-80GBx8_TRT_MaxQ__rnnt__Server__run.spl.txt.gz",
    "power/mlperf-inference-v1.1/DGX-A100_A100-SXM-80GBx8_TRT_MaxQ__resnet50__Server__run.spl.txt.gz",
    "power/mlperf-inference-v1.1/XE8545_A100-SXM-80GBx4_TRT__bert-99__Server__run.spl.txt.gz",
    "power/mlperf-inference-v1.1/XE8545_A100-SXM-80GBx4_TRT__dlrm-99.9__Server__run.spl.txt.gz",
];

const POLICY: &str = "name = \"large\"\n[policy]\ntick_ms = 100\nmargin_permille = 50\ntransfer_hold_ms = 8000\n\
    lease_ms = 1500\nstale_after_ms = 500\nbranch_drop_permille = 30\npath_drop_permille = 50\n";

/// A site of so many racks in rows of 20, with so many servers in every rack and so many modules spread evenly over
/// it, whose servers play recordings of the data directory `data` by the seed.
pub fn large(
    racks: usize,
    servers_per_rack: usize,
    kesms: usize,
    seed: u64,
    data: &Path,
) -> Result<Scenario, ScenarioError> {
    large_with_site(racks, servers_per_rack, kesms, seed, data).map(|(scenario, _)| scenario)
}

/// The same with the text of its site file, for replicas that control it.
pub fn large_with_site(
    racks: usize,
    servers_per_rack: usize,
    kesms: usize,
    seed: u64,
    data: &Path,
) -> Result<(Scenario, String), ScenarioError> {
    let plan = Plan::new(racks, servers_per_rack, kesms);
    let (text, site) = (plan.scenario_text(), plan.site_text());
    let seed = Some(seed);
    let scenario = parse::scenario(&Source { file: "large.toml", text: &text, folder: data, site: Some(&site), seed })?;
    Ok((scenario, site))
}

struct Plan {
    racks: usize,
    servers_per_rack: usize,
    /// The rack of every module.
    kesms: Vec<usize>,
    trains: Vec<bool>,
}

impl Plan {
    fn new(racks: usize, servers_per_rack: usize, kesms: usize) -> Self {
        let kesms: Vec<usize> = (0..kesms).map(|nth| nth * racks / kesms).collect();
        let with_module: BTreeSet<usize> = kesms.iter().copied().collect();
        // A module stands in a rack that seldom needs it, so that it can recharge.
        let trains = |rack: usize| rack % TRAINING_EVERY == TRAINING_EVERY / 2 && !with_module.contains(&rack);
        Self { racks, servers_per_rack, trains: (0..racks).map(trains).collect(), kesms }
    }

    fn limit_watts(&self, rack: usize) -> usize {
        let share_watts = if self.trains[rack] { TRAINING_SHARE_WATTS } else { INFERENCE_SHARE_WATTS };
        RACK_WATTS_MIN.max(share_watts * self.servers_per_rack)
    }

    fn site_text(&self) -> String {
        let limits: Vec<usize> = (0..self.racks).map(|rack| self.limit_watts(rack)).collect();
        let mut text = POLICY.to_owned();
        text += &format!("[[feed]]\nid = \"utility\"\nlimit_watts = {}\n", limits.iter().sum::<usize>());
        for (row, of_row) in limits.chunks(ROW_RACKS).enumerate() {
            let limit_watts: usize = of_row.iter().sum();
            text += &format!(
                "[[row]]\nid = \"{}\"\nfeed = \"utility\"\nlimit_watts = {limit_watts}\nbus_volts = 800\n",
                row_name(row)
            );
        }
        (0..self.racks).for_each(|rack| text += &self.rack_text(rack));
        for (nth, &rack) in self.kesms.iter().enumerate() {
            text += &format!(
                "[[kesm]]\nid = \"K{nth}\"\nrack = \"{}\"\nrated_watts = 50000\ncharge_rated_watts = 15000\n\
                 capacity_joules = 2133000\nreserve_joules = 630000\n",
                rack_name(rack)
            );
        }
        self.ties().into_iter().for_each(|(first, second)| text += &tie_text(first, second));
        text
    }

    fn rack_text(&self, rack: usize) -> String {
        let name = rack_name(rack);
        let mut text = format!(
            "[[rack]]\nid = \"{name}\"\nrow = \"{}\"\nlimit_watts = {}\n",
            row_name(rack / ROW_RACKS),
            self.limit_watts(rack)
        );
        let rated_watts = if self.trains[rack] { TRAINING_SERVER_WATTS } else { INFERENCE_SERVER_WATTS };
        for server in 0..self.servers_per_rack {
            text += &format!("[[server]]\nid = \"{name}-s{server}\"\nrack = \"{name}\"\nrated_watts = {rated_watts}\n");
        }
        text
    }

    /// Neighbours of a row, and each module's rack with those around it.
    fn ties(&self) -> BTreeSet<(usize, usize)> {
        let neighbours = (1..self.racks).map(|rack| (rack - 1, rack));
        let reach = self.kesms.iter().flat_map(|&rack| {
            REACH.into_iter().flat_map(move |places| [(rack, rack + places), (rack.saturating_sub(places), rack)])
        });
        let fits = |&(first, second): &(usize, usize)| {
            first < second && second < self.racks && first / ROW_RACKS == second / ROW_RACKS
        };
        neighbours.chain(reach).filter(fits).collect()
    }

    fn scenario_text(&self) -> String {
        let training =
            TRAINING_NODES.map(|node| format!("{{ trace = \"{TRAINING_TRACE}\", series = \"node_{node}\" }}"));
        let inference = INFERENCE_TRACES.map(|trace| format!("{{ trace = \"{trace}\" }}"));
        let mut text = "name = \"large\"\nseed = 0\nsite = \"large-site.toml\"\ndata = \".\"\n".to_owned();
        for (id, synchronous, traces) in [("train", true, training.join(", ")), ("serve", false, inference.join(", "))]
        {
            text += &format!("[[mix]]\nid = \"{id}\"\nsynchronous = {synchronous}\ntraces = [{traces}]\n");
        }
        let trains = (0..self.racks).filter(|&rack| self.trains[rack]);
        let trains: Vec<String> = trains.map(|rack| format!("\"{}\"", rack_name(rack))).collect();
        if !trains.is_empty() {
            text += &format!("[[compose]]\nracks = [{}]\nmix = \"train\"\n", trains.join(", "));
        }
        text + "[[compose]]\nracks = [\"*\"]\nmix = \"serve\"\n"
    }
}

fn row_name(row: usize) -> String {
    format!("R{row}")
}

fn rack_name(rack: usize) -> String {
    format!("R{}-{}", rack / ROW_RACKS, rack % ROW_RACKS + 1)
}

fn tie_text(first: usize, second: usize) -> String {
    let length_mm = (second - first) * PLACE_MM;
    let (first, second) = (rack_name(first), rack_name(second));
    format!(
        "[[tie]]\nid = \"{first}:{second}\"\nbetween = [\"{first}\", \"{second}\"]\nlength_mm = {length_mm}\n\
         resistance_microohm = {}\nrated_watts = 28000\n",
        length_mm * MICROOHMS_PER_METRE / 1_000
    )
}
