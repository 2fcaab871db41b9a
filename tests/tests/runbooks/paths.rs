//! What an installation's paths and addresses are in the hall of the test: the one place that says so.

use std::net::SocketAddr;
use std::path::Path;

use ridethrough_fault_injection::demo::cluster::{Cluster, REPLICAS};
use ridethrough_tests::read;
use ridethrough_tests::runbooks::Where;

/// Places of the machine itself, which no command may touch.
const OUTSIDE: [&str; 6] = ["/var/", "/etc/", "/usr/", "/opt/", "/root/", "/backup/"];

/// What pages say, and what it is here; what is more special comes first.
pub struct Paths(Vec<Pair>);

struct Pair {
    /// On which host only.
    host: Option<u16>,
    /// Whether it is only typed, and never said.
    typed_only: bool,
    page: String,
    here: String,
}

impl Paths {
    /// Of the replicas of a cluster that lives in this folder.
    pub fn of(home: &Path, cluster: &Cluster, intake: SocketAddr) -> Self {
        let home = home.display();
        let mut pairs = Vec::new();
        for id in 1..=REPLICAS {
            let own = |page: &str, here: String| Pair { host: Some(id), typed_only: false, page: page.into(), here };
            pairs.push(own("/var/log/ridethrough.log", format!("{home}/n{id}.log")));
            pairs.push(own("/var/lib/ridethrough", format!("{home}/n{id}")));
            let afar =
                |page: &str, here: String| Pair { host: None, typed_only: true, page: format!("n{id}:{page}"), here };
            pairs.push(afar("/var/lib/ridethrough", format!("{home}/n{id}")));
            pairs.push(afar("/etc/ridethrough", home.to_string()));
            let web = cluster.web(id);
            pairs.push(Pair { host: None, typed_only: false, page: format!("http://n{id}:9200/"), here: web });
            let raft = raft_address(home.to_string().as_ref(), id);
            pairs.push(Pair { host: None, typed_only: false, page: format!("10.0.0.{id}:7301"), here: raft });
        }
        pairs.push(Pair {
            host: None,
            typed_only: false,
            page: "http://n3:9201/".into(),
            here: format!("http://{intake}/"),
        });
        pairs.push(Pair { host: None, typed_only: false, page: "/backup/".into(), here: format!("{home}/saved/") });
        pairs.push(Pair { host: None, typed_only: false, page: "/etc/ridethrough".into(), here: home.to_string() });
        Self(pairs)
    }

    /// A command of a page, as it is typed here; an error when it would reach out of the hall.
    pub fn here(&self, at: Where, text: &str) -> Result<String, String> {
        let typed = self.on(at).fold(text.to_owned(), |text, pair| text.replace(&pair.page, &pair.here));
        match OUTSIDE.iter().find(|place| typed.contains(**place)) {
            Some(place) => Err(format!("the hall has nothing for `{place}` here; see paths.rs")),
            None => Ok(typed),
        }
    }

    /// What was said here, as a page says it.
    pub fn page(&self, at: Where, text: &str) -> String {
        let said = self.on(at).filter(|pair| !pair.typed_only);
        said.fold(text.to_owned(), |text, pair| replace(&text, &pair.here, &pair.page))
    }

    fn on(&self, at: Where) -> impl Iterator<Item = &Pair> {
        self.0.iter().filter(move |pair| pair.host.is_none_or(|host| at == Where::Host(host)))
    }
}

/// Where a replica listens for its peers, by its configuration.
fn raft_address(home: &Path, id: u16) -> String {
    let text = read(&home.join(format!("n{id}.toml")));
    let config: toml::Table = text.parse().unwrap_or_else(|error| panic!("n{id}.toml: {error}"));
    let peers = config["peer"].as_array().into_iter().flatten();
    let mut own = peers.filter(|peer| peer["replica"].as_integer() == Some(i64::from(id)));
    own.find_map(|peer| peer["address"].as_str()).expect("it is among the peers").to_owned()
}

/// Replaces whole names only: `…/n1` is no part of `…/n1.toml`.
fn replace(text: &str, from: &str, to: &str) -> String {
    let (mut made, mut left) = (String::new(), text);
    while let Some(at) = left.find(from) {
        let (before, after) = (&left[..at], &left[at + from.len()..]);
        let goes_on = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        let whole = from.ends_with('/') || !after.starts_with(goes_on);
        made = made + before + if whole { to } else { from };
        left = after;
    }
    made + left
}
