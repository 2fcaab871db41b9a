//! The hall: three appliances, the networks between them, and devices in the field.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::Orders;
use ridethrough_fault_injection::demo::cluster::DEMO_MODEL_KEY;
use ridethrough_fault_injection::demo::plant::{Plant, PlantSetup};
use ridethrough_tests::packages::unpacked;
use ridethrough_tests::{edit, model_files, read, root, run, write};

use super::appliance::{Appliance, SERVICE, ip};

/// How many appliances.
pub const REPLICAS: u16 = 3;
/// The bridges: between replicas, and twice to the field. The packaged example of a configuration numbers them so: 10.0.0, 10.0.1
/// and 10.0.2.
pub const NETWORKS: [&str; 3] = ["lan", "field-a", "field-b"];
/// How long anything may take that is waited for: only what never comes meets it.
const DEADLINE: Duration = Duration::from_mins(1);
/// Windows of elections, as the packaged example tells them.
const WINDOWS: [&str; 3] = ["[150, 190]", "[200, 240]", "[250, 290]"];

/// Who has a role at the appliances.
const OPERATOR: &str = "mira";
/// Where an operator changes what the unit says.
const DROP_IN: &str = "/etc/systemd/system/ridethroughd.service.d";

/// The hall.
pub struct Hall {
    /// By id.
    pub appliances: Vec<Appliance>,
    home: PathBuf,
    plant: Option<Plant>,
    witnesses: Vec<String>,
}

impl Hall {
    /// Networks, and appliances on them.
    pub fn build(home: &Path) -> Self {
        ip("link set lo up");
        for (at, network) in NETWORKS.iter().enumerate() {
            ip(&format!("link add {network} type bridge"));
            ip(&format!("addr add 10.0.{at}.254/24 dev {network}"));
            ip(&format!("link set {network} up"));
        }
        let appliances: Vec<_> = (1..=REPLICAS).map(|id| Appliance::boot(home, id)).collect();
        appliances.iter().for_each(Appliance::connect);
        Self { appliances, home: home.to_owned(), plant: None, witnesses: Vec::new() }
    }

    /// Secrets and certificates are made here and carried to the appliances; each has its configuration edited, as the comments of
    /// the packaged one say.
    pub fn commission(&mut self) {
        let desk = |name: &str| self.home.join(name).display().to_string();
        let (site, authority) = (desk("site.key"), desk("authority"));
        made(&["keys", "make", &site]);
        made(&["pki", "ca", "--cluster-name", "hall-1", "--out", &authority]);
        for appliance in &self.appliances {
            let (id, own) = (appliance.id.to_string(), desk(&format!("for-n{}", appliance.id)));
            fs::create_dir(&own).expect("a new folder");
            made(&["keys", "replica", "--site", &site, "--replica", &id, &format!("{own}/dpcn.key")]);
            made(&["pki", "issue", "--ca", &authority, "--replica", &id, "--out", &own]);
            let name = format!("ridethrough/hall-1/n{id}");
            let witness = made(&["audit", "keygen", "--name", &name, &format!("{own}/n{id}.audit")]);
            self.witnesses
                .push(witness.split_whitespace().find(|word| word.starts_with(&name)).expect(&witness).into());
            fs::copy(self.home.join("authority/ca.pem"), Path::new(&own).join("ca.pem")).expect("made just now");
            carry(appliance, Path::new(&own));
        }
    }

    /// Every service, and the field.
    pub fn start(&mut self) {
        for appliance in &self.appliances {
            let began = Instant::now();
            // Returns once the replica has said that it is ready.
            appliance.says(&format!("systemctl start {SERVICE}"));
            assert_eq!(appliance.property("ActiveState"), "active");
            assert_eq!(appliance.property("StatusText"), "the control loop ticks");
            println!("{}: ready after {} ms", appliance.name, began.elapsed().as_millis());
        }
        let on = |network: u8| (1..=3).map(|id| SocketAddr::from(([10, 0, network, id], 7302))).collect();
        let drill = unpacked("ridethrough-drill", &self.home);
        let plant = Plant::start(&PlantSetup {
            drill: drill.join("usr/bin/drill"),
            scenario: &scenario(&self.home, &self.appliances[0], &drill.join("usr/share/ridethrough/data")),
            replicas: on(1),
            replicas_b: on(2),
            orders: Orders::TwoOfThree,
            secret: &self.home.join("site.key"),
            records: &self.home.join("records"),
            nvm: &self.home.join("nvm"),
        });
        let mut plant = plant.expect("the plant starts");
        plant.begin().expect("the plant begins");
        self.plant = Some(plant);
    }

    /// Waits until so many replicas are well, and agree on who leads.
    pub fn all_well(&mut self, when: &str) {
        self.wait_for(&format!("all to be well {when}"), |appliances| {
            let told: Vec<_> = appliances.iter().map(Appliance::cluster).collect();
            let agreed = told.iter().all(|one| one["leader"].is_u64() && one["leader"] == told[0]["leader"]);
            let leads = told.iter().find(|one| one["role"] == "leader" && one["acting"] == true);
            let near = |one: &serde_json::Value| one["lag_entries"].as_u64().is_some_and(|behind| behind < 20);
            let members = leads
                .and_then(|one| one["members"].as_array())
                .map_or(0, |all| all.iter().filter(|one| near(one)).count());
            agreed && members == 3 && appliances.iter().all(|one| one.try_say("ridectl health").status.success())
        });
    }

    /// Who leads, by its place.
    pub fn leader(&mut self) -> usize {
        let leader = self.wait_for_value("a leader", |appliances| {
            let told = appliances.iter().map(Appliance::cluster);
            told.into_iter().find(|one| one["role"] == "leader" && one["acting"] == true)?["replica"].as_u64()
        });
        usize::try_from(leader).expect("small") - 1
    }

    /// An operator, who is neither root nor the service's user, does what his role allows, and is named in the log.
    pub fn operate(&mut self) {
        let leader = self.leader();
        let asks = format!("setpriv --reuid {OPERATOR} --regid {OPERATOR} --init-groups ridectl");
        self.appliances[leader].says(&format!("{asks} hold K1 --yes --reason 'bearing noise'"));
        let beyond = self.appliances[leader].try_say(&format!("{asks} cluster transfer --to 2 --reason 'a try'"));
        assert_ne!(beyond.code(), 0, "{beyond:?}");
    }

    /// The log of one holds what was done before, replays, and is what its witness signed.
    pub fn log_is_whole(&self, at: usize) {
        let (appliance, witness) = (&self.appliances[at], &self.witnesses[at]);
        let told = appliance.says(&format!("ridectl audit verify --dir /var/lib/ridethrough --witness '{witness}'"));
        assert!(told.contains("VERIFIED"), "{told}");
        let told = appliance.says("ridectl audit log --dir /var/lib/ridethrough --device K1");
        assert!(told.contains("bearing noise") && told.contains(OPERATOR), "{told}");
    }

    /// Waits until it is so.
    pub fn wait_for(&mut self, what: &str, mut so: impl FnMut(&[Appliance]) -> bool) {
        self.wait_for_value(what, |appliances| so(appliances).then_some(()));
    }

    /// Waits until something is found, while the plant runs.
    pub fn wait_for_value<T>(&mut self, what: &str, mut found: impl FnMut(&[Appliance]) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(plant) = &mut self.plant {
                plant.listen().expect("the plant runs");
            }
            if let Some(found) = found(&self.appliances) {
                println!("{what}: after {} ms", begun.elapsed().as_millis());
                return found;
            }
            assert!(begun.elapsed() < DEADLINE, "{DEADLINE:?} went by without {what}: {}", self.state());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn state(&self) -> String {
        let asked = "ridectl cluster status; ridectl health; systemctl status --no-pager --lines 20 ridethroughd";
        self.appliances.iter().map(|one| format!("\n{}\n{:?}", one.name, one.try_say(asked))).collect()
    }

    /// Ends what still runs in good order.
    pub fn end(mut self) {
        if let Some(plant) = self.plant.take() {
            plant.end().expect("the plant ends");
        }
        for appliance in &self.appliances {
            if appliance.try_say("test -e /usr/bin/ridethroughd").status.success() {
                appliance.says(&format!("systemctl stop {SERVICE}"));
                assert_eq!(appliance.property("Result"), "success");
            }
        }
    }
}

fn made(words: &[&str]) -> String {
    let ended = run("ridectl", words);
    assert_eq!(ended.code(), 0, "{words:?}: {ended:?}");
    ended.stdout
}

/// What an operator does at an appliance with the files that were made for it.
fn carry(appliance: &Appliance, files: &Path) {
    let etc = appliance.file("/etc/ridethrough");
    let model = model_files();
    let own = fs::read_dir(files).expect("made just now").flatten().map(|entry| entry.path());
    for file in own.chain(model.clone()).chain([root().join("model/forecast.json.sig")]) {
        fs::copy(&file, etc.join(file.file_name().expect("a file"))).expect("room for a file");
    }
    let (id, config) = (appliance.id, etc.join("replica.toml"));
    edit(&config, "replica = 1\n", &format!("replica = {id}\n"));
    edit(&config, WINDOWS[0], WINDOWS[usize::from(id) - 1]);
    for file in ["replica-1.pem", "replica-1.key"] {
        edit(&config, &format!("\"{file}\""), &format!("\"{}\"", file.replace('1', &id.to_string())));
    }
    for network in 1..=2 {
        edit(&config, &format!("\"10.0.{network}.1:7302\""), &format!("\"10.0.{network}.{id}:7302\""));
    }
    let [model, manifest, runtime] = model.map(|file| file.file_name().expect("a file").display().to_string());
    let more = format!(
        "\n[audit]\nkey = \"n{id}.audit\"\n\n[forecast]\nmodel = \"{model}\"\nmanifest = \"{manifest}\"\nruntime = \"{runtime}\"\n\
         trusted = [\"{}\"]\n\n[roles]\noperator = [\"{OPERATOR}\"]\n",
        DEMO_MODEL_KEY.trim()
    );
    write(&config, read(&config) + &more);
    // Somebody with a role reaches the replica's socket through its group.
    appliance.says(&format!("useradd --groups ridethrough {OPERATOR} && mkdir --parents {DROP_IN}"));
    write(&appliance.file(DROP_IN).join("group.conf"), "[Service]\nStateDirectoryMode=0750\n");
    appliance.says("systemctl daemon-reload");
    appliance.says("cd /etc/ridethrough && chown ridethrough: *.key *.audit && chmod 600 *.key *.audit");
    appliance.says("setpriv --reuid ridethrough --regid ridethrough --clear-groups ridethroughd check-config /etc/ridethrough/replica.toml");
}

/// The packaged example of a site, with two servers that replay recorded power.
fn scenario(home: &Path, appliance: &Appliance, data: &Path) -> PathBuf {
    let folder = home.join("scenario");
    fs::create_dir(&folder).expect("a new folder");
    fs::copy(appliance.file("/etc/ridethrough/site.toml"), folder.join("site.toml")).expect("it is packaged");
    let trace = "power/mlperf-inference-v1.1/DGX-A100_A100-SXM-80GBx8_TRT_MaxQ__bert-99__Server__run.spl.txt.gz";
    let servers: String = ["A1-s1", "A2-s1"]
        .map(|server| {
            format!("\n[[server]]\nid = \"{server}\"\nplay = [{{ trace = \"{trace}\", from_s = 0, to_s = 300 }}]\n")
        })
        .concat();
    let data = data.display();
    let text = format!("name = \"hall-1\"\nseed = 1\nsite = \"site.toml\"\ndata = \"{data}\"\n{servers}");
    write(&folder.join("scenario.toml"), text);
    folder
}
