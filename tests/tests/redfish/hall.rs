//! Three replicas with a Redfish service each, and DMTF's library.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ridethrough_tests::stage::{Play, Stage};
use ridethrough_tests::{Ended, free, read, root, run, run_command, write, write_private};
use serde_json::Value;

/// How long a client may take. The validator reads many resources.
pub const CLIENT_DEADLINE: Duration = Duration::from_mins(3);
/// Who may read.
pub const USER: &str = "dcim";
/// And by which password.
pub const PASSWORD: &str = "correct-horse-battery";

/// Three replicas with a Redfish service each.
pub struct Hall {
    pub stage: Stage,
    pub at: Vec<SocketAddr>,
    pub ca: PathBuf,
}

impl Hall {
    pub fn open(home: &Path) -> Self {
        let folder = home.join("redfish");
        let ca = authority(&folder);
        let mut at = Vec::new();
        let stage = Stage::start_with(home, &Play::default(), |cluster| {
            let held: Vec<_> = cluster.nodes.iter().map(|_| free::tcp()).collect();
            for (node, (listen, _)) in cluster.nodes.iter().zip(&held) {
                write(&node.config, format!("{}\n{}", read(&node.config), section(&folder, *listen)));
                at.push(*listen);
            }
        });
        Self { stage, at, ca }
    }

    pub fn url(&self, id: u16) -> String {
        format!("https://{}", self.at[usize::from(id - 1)])
    }

    /// DMTF's library, with these words.
    pub fn client(&self, id: u16, words: &[&str]) -> Ended {
        client(&self.url(id), &self.ca, PASSWORD, words)
    }

    /// What it is answered by one replica.
    pub fn asked(&self, id: u16, words: &[&str]) -> Vec<Value> {
        let ended = self.client(id, &[&["--user", USER], words].concat());
        assert_eq!(ended.code(), 0, "{ended:?}");
        ended.json().as_array().expect("a list").clone()
    }

    pub fn get(&self, id: u16, address: &str) -> Value {
        self.asked(id, &["--auth", "basic", "GET", address])[0].clone()
    }
}

/// An authority with a certificate for this host, by the commands that an operator types.
pub fn authority(folder: &Path) -> PathBuf {
    let (ca, out) = (folder.join("ca").display().to_string(), folder.display().to_string());
    let founded = run("ridectl", &["pki", "ca", "--cluster-name", "demo", "--out", &ca]);
    assert_eq!(founded.code(), 0, "{founded:?}");
    let issued = run("ridectl", &["pki", "issue", "--ca", &ca, "--address", "127.0.0.1", "--out", &out]);
    assert!(issued.code() == 0 && issued.stdout.contains("service at 127.0.0.1"), "{issued:?}");
    let users = folder.join("users");
    write_private(&users, format!("[[user]]\nname = \"{USER}\"\npassword = \"{PASSWORD}\"\n"));
    folder.join("ca/ca.pem")
}

/// Says who may use a file.
pub fn private(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("ours");
}

/// The section of a configuration, with the files in that folder.
pub fn section(folder: &Path, listen: SocketAddr) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    format!(
        "[redfish]\nlisten = \"{listen}\"\ncertificate = \"{}\"\nkey = \"{}\"\nusers = \"{}\"\n",
        file("service-127.0.0.1.pem"),
        file("service-127.0.0.1.key"),
        file("users")
    )
}

/// Python with DMTF's packages, as `cargo xtask test` fetches them.
pub fn python() -> Command {
    let python = root().join(".runtime/redfish/bin/python");
    assert!(python.exists(), "{} is missing: `cargo xtask test` makes it first", python.display());
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// DMTF's library, at an address.
pub fn client(at: &str, ca: &Path, password: &str, words: &[&str]) -> Ended {
    let mut command = python();
    command.arg(root().join("tests/redfish/client.py")).args(["--at", at, "--ca"]).arg(ca).args(words);
    run_command(CLIENT_DEADLINE, command.env("REDFISH_PASSWORD", password))
}

/// Every resource that the library finds from the root on, by its address.
pub fn walk(hall: &Hall, id: u16) -> BTreeMap<String, Value> {
    let ended = hall.client(id, &["--user", USER, "--walk"]);
    assert_eq!(ended.code(), 0, "{ended:?}");
    let found: BTreeMap<String, Value> = serde_json::from_value(ended.json()).expect("by address");
    for (address, answer) in &found {
        assert_eq!(answer["status"], 200, "{address}: {answer}");
        assert_eq!(answer["headers"]["odata-version"], "4.0", "{address}");
        assert_eq!(answer["body"]["@odata.id"].as_str(), Some(address.split('?').next().unwrap_or(address)));
    }
    found
}

/// Requests that a replica counts by what became of them.
pub fn requests(hall: &Hall, id: u16, outcome: &str) -> u64 {
    let metrics = hall.stage.cluster.metrics(id).expect("it answers");
    let name = format!("ridethrough_redfish_requests_total{{outcome=\"{outcome}\"}} ");
    let count = metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok());
    count.unwrap_or_else(|| panic!("{name}: {metrics}"))
}
