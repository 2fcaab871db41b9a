//! The import arrows of ARCHITECTURE.md, kept: which of the project's crates may depend on which.

use std::collections::{BTreeMap, BTreeSet};

use ridethrough_tests::root;
use toml::{Table, Value};

/// Crate, folder, and all it may import of the project.
const ARROWS: &[(&str, &str, &[&str])] = &[
    ("vocabulary", "controller/vocabulary", &[]),
    ("core", "controller/core", &["vocabulary"]),
    ("raft-log", "raft/log", &[]),
    ("pki", "raft/pki", &[]),
    ("witness", "raft/witness", &[]),
    ("raft", "raft/adapter", &["core", "pki", "raft-log", "witness"]),
    ("protocol", "io/protocol", &["core", "vocabulary"]),
    ("firmware", "io/firmware", &["protocol", "vocabulary"]),
    ("link", "io/link", &["core", "protocol"]),
    ("door", "io/door", &["core"]),
    ("intake", "io/intake", &["core", "door"]),
    ("nut", "io/nut", &["core", "door"]),
    ("modbus", "io/modbus", &["core", "door"]),
    ("redfish", "io/redfish", &["core", "door"]),
    ("snmp", "io/snmp", &["core", "door"]),
    ("record", "io/record", &[]),
    ("dpcn-bench", "io/bench", &[]),
    ("commit-bench", "raft/bench", &[]),
    ("raft-faults", "raft/faults", &["core", "pki", "raft", "raft-log"]),
    ("model-signature", "model/signature", &[]),
    ("model", "model", &["core", "model-signature"]),
    ("dashboard", "controller/dashboard", &[]),
    ("cli", "controller/cli", &["core", "model-signature", "pki", "raft", "protocol", "record", "witness"]),
    (
        "node",
        "controller/node",
        &[
            "core",
            "pki",
            "raft",
            "link",
            "intake",
            "nut",
            "modbus",
            "redfish",
            "snmp",
            "protocol",
            "record",
            "model",
            "dashboard",
            "witness",
        ],
    ),
    ("fault-injection", "fault-injection", &["core", "pki", "protocol", "dashboard", "model", "witness"]),
    ("tests", "tests", &["core", "fault-injection"]),
    ("models", "tests/models", &["core", "protocol"]),
    ("sim", "tests/sim", &["core", "fault-injection", "model", "protocol"]),
    ("xtask", "xtask", &[]),
];

fn manifest(folder: &str) -> Table {
    let file = root().join(folder).join("Cargo.toml");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn imports(manifest: &Table) -> BTreeSet<String> {
    let tables = ["dependencies", "build-dependencies"].iter().filter_map(|table| manifest.get(*table)?.as_table());
    let names = tables.flat_map(Table::keys);
    names.filter_map(|name| name.strip_prefix("ridethrough-")).map(str::to_owned).collect()
}

#[test]
fn every_crate_imports_only_what_the_architecture_allows() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().map(|(name, _, imports)| (*name, *imports)).collect();
    let mut wrong = Vec::new();
    for (name, folder, _) in ARROWS {
        for import in imports(&manifest(folder)) {
            if !allowed[name].contains(&import.as_str()) {
                wrong.push(format!("{folder} imports ridethrough-{import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "forbidden arrows: {wrong:#?}");
}

#[test]
fn every_member_of_the_workspace_is_in_the_table() {
    let workspace = manifest(".");
    let members = workspace["workspace"]["members"].as_array().expect("members are a list");
    let listed: BTreeSet<&str> = ARROWS.iter().map(|(_, folder, _)| *folder).collect();
    let found: BTreeSet<&str> = members.iter().filter_map(Value::as_str).collect();
    assert_eq!(found, listed);
}

#[test]
fn versions_stand_in_one_place() {
    for (_, folder, _) in ARROWS {
        let manifest = manifest(folder);
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in manifest.get(table).and_then(Value::as_table).into_iter().flatten() {
                let inherited = value.get("workspace").and_then(Value::as_bool) == Some(true);
                assert!(inherited, "{folder}: {name} has a version of its own; put it into the workspace's table");
            }
        }
    }
}

/// `Ledger::from_parts` makes committed orders, for snapshots. Outside the core and the snapshot codec nothing may
/// call it, or "committed" would no longer be a type (I1).
#[test]
fn only_snapshots_restore_a_ledger() {
    let mut callers = Vec::new();
    for (_, folder, _) in ARROWS {
        for file in sources(&root().join(folder).join("src")) {
            let text = std::fs::read_to_string(&file).expect("a source file can be read");
            let production = text.split("#[cfg(test)]").next().unwrap_or_default();
            if production.contains("from_parts(") && !file.components().any(|part| part.as_os_str() == "tests") {
                callers.push(file.strip_prefix(root()).expect("below the root").display().to_string());
            }
        }
    }
    callers.retain(|file| !file.starts_with("controller/core/") && !file.starts_with("raft/adapter/"));
    assert!(callers.is_empty(), "{callers:?} restore a ledger");
}

fn sources(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let listed = std::fs::read_dir(folder).expect("a source folder can be listed");
    let paths = listed.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}
