//! What packages are made of: each program tells it in a section that scanners read, and each package has a bill of materials, which
//! says the same and holds by the official schema. `auditable-info` (of the Rust secure code working group) is the reader here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use ridethrough_tests::packages::{package, unpacked, version};
use ridethrough_tests::{END_DEADLINE, Ended, alone, folder, read, root, run_command, write};
use serde_json::Value;

/// Packages, the crates that their programs are, and the programs.
const PACKAGES: [(&str, &[(&str, &str)]); 2] = [
    ("ridethrough", &[("ridethrough-node", "ridethroughd"), ("ridethrough-cli", "ridectl")]),
    ("ridethrough-drill", &[("ridethrough-fault-injection", "drill")]),
];

/// Name and version.
type Named = (String, String);

fn word(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}")).to_owned()
}

fn named(value: &Value) -> Named {
    (word(value, "name"), word(value, "version"))
}

/// What a program tells of itself, as a scanner reads it.
fn told(program: &Path) -> Vec<Value> {
    let told = auditable_info::json_from_file(program, auditable_info::Limits::default());
    let told = told.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let told: Value = serde_json::from_str(&told).expect("JSON");
    told["packages"].as_array().expect("a list of packages").clone()
}

/// Every package of the lock file with its checksum, which ours have none of.
fn locked() -> BTreeMap<Named, Option<String>> {
    let lock: toml::Table = read(&root().join("Cargo.lock")).parse().expect("TOML");
    let packages = lock["package"].as_array().expect("a list of packages");
    let text = |one: &toml::Value, key: &str| one.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let both = |one: &toml::Value| (text(one, "name").expect("named"), text(one, "version").expect("numbered"));
    packages.iter().map(|one| (both(one), text(one, "checksum"))).collect()
}

/// What cargo would build a crate's program of, on this machine.
fn built_of(name: &str) -> BTreeSet<Named> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["tree", "--locked", "--offline", "--package", name, "--edges", "normal,build"]);
    cargo.args(["--prefix", "none", "--no-dedupe", "--format", "{p}"]).current_dir(root());
    let ended = run_command(END_DEADLINE, &mut cargo);
    assert_eq!(ended.code(), 0, "{ended:?}");
    let both = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
    };
    ended.stdout.lines().filter_map(both).collect()
}

#[test]
fn every_packaged_program_tells_what_it_is_made_of() {
    let _alone = alone();
    let (home, locked) = (folder(), locked());
    for (name, programs) in PACKAGES {
        let installed = unpacked(name, home.path());
        for (crate_name, program) in programs {
            let told = told(&installed.join("usr/bin").join(program));
            let roots: Vec<String> =
                told.iter().filter(|one| one["root"] == true).map(|one| word(one, "name")).collect();
            assert_eq!(roots, [*crate_name]);
            let all: BTreeSet<Named> = told.iter().map(named).collect();
            let strange: Vec<_> = all.iter().filter(|one| !locked.contains_key(*one)).collect();
            assert!(strange.is_empty(), "{program} tells of what is not in Cargo.lock: {strange:?}");
            let untold: Vec<_> = built_of(crate_name).into_iter().filter(|one| !all.contains(one)).collect();
            assert!(untold.is_empty(), "{program} does not tell of {untold:?}");
            println!("{program}: {} packages, all of them in Cargo.lock, none missing", all.len());
        }
    }
}

#[test]
fn every_package_has_a_bill_that_says_the_same() {
    let _alone = alone();
    let (home, locked) = (folder(), locked());
    for (name, programs) in PACKAGES {
        let installed = unpacked(name, home.path());
        let file = installed.join(format!("usr/share/doc/{name}/sbom.cdx.json"));
        let bill: Value = serde_json::from_str(&read(&file)).expect("JSON");
        let subject = &bill["metadata"]["component"];
        assert_eq!(named(subject), (name.to_owned(), version(&package(name))));
        assert!(
            bill.get("serialNumber").is_none() && bill["metadata"].get("timestamp").is_none(),
            "the same every time"
        );
        let components = bill["components"].as_array().expect("components");
        let hash = |one: &Value| one["hashes"][0]["content"].as_str().map(str::to_owned);
        for component in components {
            assert!(component["licenses"][0]["expression"].is_string(), "{component}");
            if component["purl"].as_str().is_some_and(|purl| purl.starts_with("pkg:cargo/")) {
                assert_eq!(hash(component), locked[&named(component)], "{component}");
            }
        }
        let listed: BTreeSet<Named> = libraries(components);
        let mut told_by_all = BTreeSet::new();
        for (_, program) in programs {
            let path = installed.join("usr/bin").join(program);
            told_by_all.extend(told(&path).iter().filter(|one| one["root"] != true).map(named));
            let entry = components.iter().find(|one| one["type"] == "application" && one["name"] == *program);
            assert_eq!(hash(entry.expect("it is listed")), Some(sha256(&path)), "{program}");
        }
        assert_eq!(listed, told_by_all, "of {name}");
        println!("{name}: {} components", components.len());
    }
}

/// Crates, and not what no program tells of.
fn libraries(components: &[Value]) -> BTreeSet<Named> {
    let others = ["rust-std", "onnxruntime"];
    let crates = components.iter().filter(|one| one["type"] == "library");
    crates.map(named).filter(|(name, _)| !others.contains(&name.as_str())).collect()
}

#[test]
fn the_bills_hold_by_the_official_schema() {
    let _alone = alone();
    let home = folder();
    for (name, _) in PACKAGES {
        let file = unpacked(name, home.path()).join(format!("usr/share/doc/{name}/sbom.cdx.json"));
        let ended = validate(&file);
        assert_eq!(ended.code(), 0, "{ended:?}");
        // What finds nothing wrong in anything proves nothing.
        for (from, to) in [("\"SHA-256\"", "\"SHA-257\""), ("\"bomFormat\"", "\"boomFormat\"")] {
            let spoiled = home.path().join("spoiled.json");
            write(&spoiled, read(&file).replacen(from, to, 1));
            assert_eq!(validate(&spoiled).code(), 1, "{to}");
        }
    }
}

fn validate(file: &Path) -> Ended {
    let python = root().join(".runtime/cyclonedx/bin/python");
    assert!(python.exists(), "no {}: `cargo xtask test` fetches it first", python.display());
    run_command(END_DEADLINE, Command::new(python).arg(root().join("tests/sbom/validate.py")).arg(file))
}

fn sha256(file: &Path) -> String {
    let ended = run_command(END_DEADLINE, Command::new("sha256sum").arg(file));
    ended.stdout.split_whitespace().next().expect("a sum").to_owned()
}
