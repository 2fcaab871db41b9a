//! Three replicas that answer management, on a site whose utility goes.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use ridethrough_tests::stage::{Play, Stage, outage_without_generator};
use ridethrough_tests::{free, read, write, write_private};

/// The passwords of the one user, and the community.
pub const PASSWORDS: [&str; 2] = ["correct-horse", "battery-staple"];
pub const COMMUNITY: &str = "not-public";
/// The replicas that speak version 2c, too, and the one that does not.
pub const WITH_V2C: [u16; 2] = [2, 3];
pub const WITHOUT_V2C: u16 = 1;

/// Three replicas with an SNMP agent each.
pub struct Hall {
    pub stage: Stage,
    pub at: Vec<SocketAddr>,
}

impl Hall {
    pub fn open(home: &Path) -> Self {
        let mut at = Vec::new();
        let play = Play { scenario: outage_without_generator(home, 8), ..Play::default() };
        let stage = Stage::start_with(home, &play, |cluster| {
            let held: Vec<_> = cluster.nodes.iter().map(|_| free::udp(Ipv4Addr::LOCALHOST)).collect();
            for (id, (node, (listen, _))) in (1..).zip(cluster.nodes.iter().zip(&held)) {
                let section = section(&node.config, id, *listen, WITH_V2C.contains(&id));
                write(&node.config, format!("{}\n{section}location = \"hall 1\"\n", read(&node.config)));
                at.push(*listen);
            }
        });
        Self { stage, at }
    }

    pub fn address(&self, id: u16) -> SocketAddr {
        self.at[usize::from(id - 1)]
    }

    /// Leaves it no file to keep its engine in.
    pub fn spoil_engine(&self, id: u16) {
        let file = self.stage.home.join(format!("n{id}/snmp-engine"));
        fs::remove_file(&file).expect("it has begun");
        fs::create_dir(&file).expect("room");
    }

    /// A number of one of its metrics.
    pub fn counts(&self, id: u16, metric: &str) -> u64 {
        let metrics = self.stage.cluster.metrics(id).expect("it answers");
        let found = metrics.lines().find_map(|line| line.strip_prefix(&format!("ridethrough_snmp_{metric} ")));
        found.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no {metric} in {metrics}"))
    }
}

/// The section of a replica's configuration; the file of users lies beside it.
pub fn section(config: &Path, id: u16, listen: SocketAddr, v2c: bool) -> String {
    let users = format!("n{id}.users");
    write_private(&config.with_file_name(&users), users_file(v2c));
    format!("[snmp]\nlisten = \"{listen}\"\nusers = \"{users}\"\nv2c = {v2c}\n")
}

/// The file of users, with a community or without.
pub fn users_file(v2c: bool) -> String {
    let community = if v2c { format!("community = \"{COMMUNITY}\"\n") } else { String::new() };
    let [auth, privacy] = PASSWORDS;
    format!(
        "{community}[[user]]\nname = \"supervision\"\nauth_password = \"{auth}\"\nprivacy_password = \"{privacy}\"\n"
    )
}
