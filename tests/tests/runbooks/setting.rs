//! What stands in the hall before anything runs: the scenario of the plant, and what operators have at their desk.

use std::fs;
use std::path::{Path, PathBuf};

use ridethrough_fault_injection::demo::certificates;
use ridethrough_fault_injection::demo::cluster::{Cluster, REPLICAS};
use ridethrough_tests::{copy, demo_scenario, edit, root, run};

/// The demo's racks on three feeds. The utility of the rows B and C fails, and the generator of C refuses; a module of row A
/// is locked.
pub fn scenario(home: &Path) -> PathBuf {
    let folder = home.join("scenario");
    copy(&demo_scenario(), &folder);
    let (site, file) = (folder.join("site.toml"), folder.join("scenario.toml"));
    let feed = |name: &str| format!("[[feed]]\nid = \"{name}\"\nlimit_watts = 190000\ngenerator_watts = 250000\n");
    let feeds = ["utility", "east", "west"].map(feed).join("\n");
    edit(&site, "[[feed]]\nid = \"utility\"\nlimit_watts = 570000\n", &feeds);
    for (row, name) in [("B", "east"), ("C", "west")] {
        edit(&site, &format!("id = \"{row}\"\nfeed = \"utility\""), &format!("id = \"{row}\"\nfeed = \"{name}\""));
    }
    edit(&file, "\"../../../data\"", &format!("\"{}\"", root().join("data").display()));
    edit(&file, "[flywheel]", &format!("{TROUBLE}\n[flywheel]"));
    folder
}

/// The utility of two feeds fails for a while, one generator with it; a module is locked for good.
const TROUBLE: &str = r#"
[supply]
retransfer_seconds = 2.0

[supply.generator]
rated_watts = 250000
start_after_seconds = 1.0
start_seconds = 8.0

[[event]]
at_s = 4
for_s = 12
feed = "east"
what = "utility_a"
share = 0.0

[[event]]
at_s = 4
for_s = 22
feed = "west"
what = "utility_a"
share = 0.0

[[event]]
at_s = 1
for_s = 60
feed = "west"
what = "generator_refuses"

[[event]]
at_s = 1
kesm = "K2"
what = "locked_out"
"#;

/// An authority of the cluster whose key the operator has, the site's secret, and what replicas sign their logs with.
pub fn desk(home: &Path, cluster: &Cluster) {
    let desk = home.join("desk");
    fs::create_dir(home.join("saved")).expect("a new folder");
    fs::create_dir(&desk).expect("a new folder");
    fs::copy(&cluster.secret, desk.join("site.key")).expect("it was drawn");
    let name = home.file_name().and_then(|name| name.to_str()).expect("a name");
    let path = |name: &str| desk.join(name).display().to_string();
    let made = |words: &[&str]| {
        let ended = run("ridectl", words);
        assert_eq!(ended.code(), 0, "{words:?}: {ended:?}");
    };
    made(&["pki", "ca", "--cluster-name", name, "--out", &path("authority")]);
    fs::copy(desk.join("authority/ca.pem"), home.join("ca.pem")).expect("it was made");
    for id in 1..=REPLICAS {
        let (number, out) = (id.to_string(), path(&format!("issued-{id}")));
        made(&["pki", "issue", "--ca", &path("authority"), "--replica", &number, "--out", &out]);
        let issued = |ending: &str| Path::new(&out).join(format!("replica-{id}.{ending}"));
        fs::copy(issued("pem"), certificates::certificate(home, id)).expect("it was issued");
        fs::copy(issued("key"), home.join(format!("n{id}-peer.key"))).expect("it was issued");
    }
}
