//! Servers of whole racks are drawn from mixes by the seed: what is drawn, that it is shared, and that it is real.

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use ridethrough_core::site::ServerId;
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::scenario::workload::Workload;
use ridethrough_fault_injection::scenario::{Scenario, generated};
use support::{write_files, write_gzipped};

const HEAD: &str = "name = \"composed\"\nseed = 7\nseconds = 200\nsite = \"site.toml\"\ndata = \".\"\n";
/// The series `k` takes `k` kW and 1 W more every second, so that its power tells which one it is and where it is.
const SERIES: [u32; 4] = [1, 2, 3, 30];

/// The chain with three servers on each rack and these mixes.
fn parse(tables: &str) -> Result<Scenario, String> {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write(folder.path(), tables);
    Scenario::load(folder.path()).map_err(|error| error.to_string())
}

fn write(folder: &Path, tables: &str) {
    write_files(folder, [(12_000, 12_000); 3]);
    let rows = SERIES.iter().flat_map(|series| {
        (0..=100).map(move |second| format!("{series},{},{}\n", second * 1_000, series * 1_000 + second))
    });
    write_gzipped(&folder.join("r.csv.gz"), &format!("series,time_ms,watts\n{}", rows.collect::<String>()));
    let requests = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,44\n\
                    2023-11-16 18:15:47.00,10,1\n2023-11-16 18:15:47.99,20,2\n";
    write_gzipped(&folder.join("w.csv.gz"), requests);
    std::fs::write(folder.join("scenario.toml"), format!("{HEAD}{tables}")).expect("the folder can be written");
}

fn mix(id: &str, series: &[u32], more: &str) -> String {
    let traces: Vec<String> =
        series.iter().map(|series| format!("{{ trace = \"r.csv.gz\", series = \"{series}\" }}")).collect();
    format!("[[mix]]\nid = \"{id}\"\n{more}traces = [{}]\n", traces.join(", "))
}

fn compose(racks: &str, mix: &str) -> String {
    format!("[[compose]]\nracks = [{racks}]\nmix = \"{mix}\"\n")
}

/// For each rack, the series and the second at which its servers begin.
fn begun(scenario: &Scenario) -> Vec<Vec<(u64, u64)>> {
    let begins = |nth: usize| {
        let watts: u64 = format!("{:.0}", scenario.playbacks[nth].watts_at(0)).parse().expect("whole watts");
        (watts / 1_000, watts % 1_000)
    };
    (0..3).map(|rack| (rack * 3..rack * 3 + 3).map(begins).collect()).collect()
}

fn series(begun: &[(u64, u64)]) -> BTreeSet<u64> {
    begun.iter().map(|&(series, _)| series).collect()
}

#[test]
fn servers_of_a_rack_get_distinct_recordings_before_any_repeats() {
    let scenario = parse(&(mix("m", &[1, 2, 3], "") + &compose("\"*\"", "m"))).expect("good");
    for rack in begun(&scenario) {
        assert_eq!(series(&rack), BTreeSet::from([1, 2, 3]));
    }
    let scenario = parse(&(mix("m", &[1, 2], "") + &compose("\"*\"", "m"))).expect("good");
    for rack in begun(&scenario) {
        assert_eq!(series(&rack), BTreeSet::from([1, 2]), "three servers and two recordings");
    }
}

#[test]
fn a_synchronous_rack_begins_at_one_moment_and_others_at_many() {
    let moments = |rack: &[(u64, u64)]| rack.iter().map(|&(_, second)| second).collect::<BTreeSet<_>>().len();
    let job = parse(&(mix("m", &[1, 2, 3], "synchronous = true\n") + &compose("\"*\"", "m"))).expect("good");
    let job = begun(&job);
    assert_eq!(job.iter().map(|rack| moments(rack)).collect::<Vec<_>>(), [1, 1, 1], "one moment a rack: {job:?}");
    assert!(moments(&job.concat()) > 1, "each rack has its own moment: {job:?}");
    let many = parse(&(mix("m", &[1, 2, 3], "") + &compose("\"*\"", "m"))).expect("good");
    assert!(moments(&begun(&many).concat()) > 3, "{:?}", begun(&many));
}

#[test]
fn the_seed_decides_and_a_given_one_goes_before_that_of_the_file() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write(folder.path(), &(mix("m", &[1, 2, 3], "") + &compose("\"*\"", "m")));
    let seeded = |seed| Scenario::load_seeded(folder.path(), seed).expect("good");
    assert_eq!(seeded(None), seeded(Some(7)), "7 is the seed of the file");
    assert_eq!(seeded(Some(8)).seed, 8);
    assert_ne!(seeded(None).playbacks, seeded(Some(8)).playbacks);
}

#[test]
fn a_rack_goes_by_its_closest_entry_and_a_server_by_its_own() {
    let mixes = mix("one", &[1], "") + &mix("two", &[2], "") + &mix("three", &[3], "");
    let entries = compose("\"*\"", "one") + &compose("\"last\"", "three") + &compose("\"l*\", \"m*\"", "two");
    let own = "[[server]]\nid = \"s3-2\"\nplay = [{ trace = \"r.csv.gz\", series = \"1\", from_s = 0, to_s = 9 }]\n";
    let scenario = parse(&(mixes + &entries + own)).expect("good");
    let begun: Vec<Vec<u64>> =
        begun(&scenario).into_iter().map(|rack| rack.into_iter().map(|(series, _)| series).collect()).collect();
    assert_eq!(begun, [[1, 1, 1], [2, 2, 2], [3, 1, 3]]);
}

#[test]
fn a_recording_above_the_rating_is_not_drawn_and_never_scaled() {
    let scenario = parse(&(mix("m", &[30, 2], "") + &compose("\"*\"", "m"))).expect("good");
    assert_eq!(series(&begun(&scenario).concat()), BTreeSet::from([2]));
    let error = parse(&(mix("m", &[30], "") + &compose("\"*\"", "m"))).expect_err("30 kW in a server of 24 kW");
    let expected =
        "scenario.toml:11: compose.mix: every recording of `m` is above the rated_watts (24000) of server `s1-1`";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn faults_of_mixes_name_file_line_and_field() {
    let check = |tables: String, expected: &str| {
        let error = parse(&tables).expect_err(expected);
        assert!(error.contains(expected), "expected `{expected}` in:\n{error}");
    };
    let good = mix("m", &[1], "");
    let all = compose("\"*\"", "m");
    check(good.clone() + &compose("\"*\"", "n"), "scenario.toml:11: compose.mix: there is no mix `n`; there is `m`");
    check(good.clone() + &good + &all, "scenario.toml:10: mix.id: `m` is there twice");
    check(mix("m", &[], "") + &all, "scenario.toml:8: mix.traces: expected at least one recording");
    check(
        mix("m", &[4], "") + &all,
        "scenario.toml:8: mix.traces.series: no series `4` in r.csv.gz; there is `1`, `2`",
    );
    check(good.replace("r.csv", "q.csv") + &all, "scenario.toml:8: mix.traces.trace: cannot read the trace");
    check(good.replace("\"1\"", "\"1\", from_s = 100") + &all, "scenario.toml:8: mix.traces.to_s: 100 s to 100 s");
    check(
        good.replace("\"1\"", "\"1\", to_s = 101") + &all,
        "mix.traces.to_s: 0 s to 101 s, expected a span within 0 to 100",
    );
    check(
        good.clone() + &compose("\"B*\"", "m"),
        "scenario.toml:10: compose.racks: no rack of the site is `B*`; there is `first`",
    );
    check(
        good.clone() + &compose("\"*t\"", "m"),
        "scenario.toml:10: compose.racks: `*t`, expected the id of a rack, a prefix",
    );
    check(
        good.clone() + &compose("\"*\", \"l*\", \"l*\"", "m"),
        "scenario.toml:10: compose.racks: rack `last` is composed twice",
    );
    check(good.clone() + &compose("", "m"), "scenario.toml:10: compose.racks: expected at least one");
    check(
        good.clone() + &compose("\"m*\"", "m"),
        "scenario.toml:4: server.id: server `s1-1` of the site has no [[server]] here",
    );
    let asks = |workload: &str| mix("m", &[1], &format!("workload = {{ {workload} }}\n")) + &all;
    check(asks("trace = \"x.csv.gz\""), "scenario.toml:8: mix.workload.trace: cannot read the trace");
    check(asks("trace = \"r.csv.gz\""), "r.csv.gz:1: found `series,time_ms,watts`, expected `TIMESTAMP");
    check(
        asks("trace = \"w.csv.gz\", from_s = 2"),
        "scenario.toml:8: mix.workload.from_s: 2 s, expected less than the 2 s",
    );
}

#[test]
fn workloads_go_with_servers() {
    let asked = mix("m", &[1], "workload = { trace = \"w.csv.gz\", from_s = 1 }\n") + &compose("\"*\"", "m");
    let own = "[[server]]\nid = \"s3-2\"\nplay = [{ trace = \"r.csv.gz\", series = \"1\", from_s = 0, to_s = 9 }]\n";
    let scenario = parse(&(asked + own + "workload = { trace = \"w.csv.gz\" }\n")).expect("good");
    let requests = |server: ServerId, now_ms| {
        let at = scenario.workloads[server.index()].as_ref().map(|workload| workload.at(now_ms));
        at.map(|at| (at.requests, at.context_tokens, at.generated_tokens))
    };
    assert_eq!(
        [0, 1_000, 2_000].map(|now_ms| requests(ServerId(0), now_ms)),
        [Some((2, 30, 3)), Some((1, 374, 44)), Some((2, 30, 3))]
    );
    assert_eq!(requests(ServerId(7), 0), Some((1, 374, 44)), "it has its own");
    let without = parse(&(mix("m", &[1], "") + &compose("\"*\"", "m"))).expect("good");
    assert_eq!(without.workloads, vec![None; 9]);
}

#[test]
fn the_recorded_requests_are_read_whole() {
    let check = |name: &str, seconds: usize, requests: u32, context: u32, generated: u32| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/power/azure-llm-inference-2023");
        let workload = Workload::read(&folder.join(name)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(workload.seconds(), seconds, "{name}");
        let sums = [&workload.requests, &workload.context_tokens, &workload.generated_tokens];
        assert_eq!(sums.map(|counts| counts.iter().sum::<u32>()), [requests, context, generated], "{name}");
    };
    // Counted with awk over the unpacked files; seconds from the first and the last line.
    check("AzureLLMInferenceTrace_conv.csv.gz", 3_503, 19_366, 22_361_870, 4_088_665);
    check("AzureLLMInferenceTrace_code.csv.gz", 3_437, 8_819, 18_059_974, 245_896);
}

#[test]
fn demand_is_what_the_plant_then_takes() {
    let scenario = parse(&(mix("m", &[1, 2, 3], "") + &compose("\"*\"", "m"))).expect("good");
    let demand_watts = scenario.demand(500);
    assert_eq!((demand_watts.len(), demand_watts[0].len()), (3, 401), "200 s at every 0.5 s, both ends");
    let mut world = World::new(&scenario);
    for now_ms in 0..20_000_u64 {
        world.step();
        for rack in scenario.site.rack_ids().filter(|_| now_ms.is_multiple_of(500)) {
            let expected_watts = demand_watts[rack.index()][usize::try_from(now_ms / 500).expect("small")];
            assert!((world.load_watts(rack) - expected_watts).abs() < 1e-9, "at {now_ms} ms");
        }
    }
}

#[test]
fn a_large_site_is_built_of_real_recordings() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    let large = |seed| generated::large(45, 8, 5, seed, &data).unwrap_or_else(|error| panic!("{error}"));
    let scenario = large(3);
    let site = &scenario.site;
    assert_eq!((site.rows.len(), site.racks.len(), site.servers.len(), site.kesms.len()), (3, 45, 360, 5));
    assert!(site.ties.len() > 44, "neighbours and more: {}", site.ties.len());
    assert_eq!(scenario, large(3));
    assert_ne!(scenario.playbacks, large(4).playbacks);
    // Oversubscribed: together, servers of some rack take more than its limit, and no module stands there.
    let demand_watts = scenario.demand(1_000);
    let is_over = |rack: usize| {
        let limit_watts = f64::from(u32::try_from(site.racks[rack].limit.get()).expect("a few kW"));
        demand_watts[rack].iter().any(|&watts| watts > limit_watts)
    };
    let over: BTreeSet<usize> = (0..45).filter(|&rack| is_over(rack)).collect();
    assert!(!over.is_empty() && over.len() < 15, "{over:?}");
    assert!(site.kesms.iter().all(|kesm| !over.contains(&kesm.rack.index())), "{over:?}");
}
