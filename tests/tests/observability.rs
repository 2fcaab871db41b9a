//! What `controller/observability` ships, with Debian's Prometheus and Alertmanager against three replicas that really run: rules
//! hold by their own tests, every metric that is named is told, and a replica that is killed becomes an alert.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::cluster::{Cluster, REPLICAS};
use ridethrough_tests::stage::{DEADLINE, Play, Stage};
use ridethrough_tests::{
    Ended, Running, alone, copy, debian, edit, folder, free, read, root, run_command, wait_until, write,
};
use serde_json::Value;

/// How long a client may take that is expected to answer and end.
const CLIENT_DEADLINE: Duration = Duration::from_secs(20);

fn shipped() -> PathBuf {
    root().join("controller/observability")
}

fn tool(name: &str) -> Command {
    let package = if name == "promtool" { "prometheus" } else { "prometheus-alertmanager" };
    Command::new(debian::program(package, name))
}

fn ask(name: &str, words: &[&str]) -> Ended {
    run_command(CLIENT_DEADLINE, tool(name).args(words).current_dir(shipped()))
}

/// What comes after a key in the rules, line by line.
fn told(rules: &str, key: &str) -> Vec<String> {
    let start = format!("{key}: ");
    let lines = rules.lines().filter_map(|line| line.trim_start().trim_start_matches("- ").strip_prefix(&start));
    lines.map(str::to_owned).collect()
}

/// Every expression of the dashboard.
fn panels() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read(&shipped().join("dashboard.json"))).expect("JSON");
    let marks = dashboard["annotations"]["list"].as_array().expect("marks");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets")).chain(marks);
    targets.map(|target| target["expr"].as_str().expect("an expression").to_owned()).collect()
}

/// Names that begin so in a text.
fn names<'t>(text: &'t str, start: &str) -> BTreeSet<&'t str> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
    let found = text.match_indices(start).map(|(at, _)| {
        let end = text[at..].find(|letter| !is_name(letter));
        end.map_or(&text[at..], |end| &text[at..at + end])
    });
    found.collect()
}

#[test]
fn rules_hold_by_their_own_tests_and_every_alert_leads_somewhere() {
    for words in [
        &["check", "rules", "rules.yml"][..],
        &["test", "rules", "rules_test.yml"],
        &["check", "config", "prometheus.yml"],
    ] {
        let ended = ask("promtool", words);
        assert!(ended.code() == 0 && ended.stdout.contains("SUCCESS"), "{words:?}: {ended:?}");
    }
    assert_eq!(ask("amtool", &["check-config", "alertmanager.yml"]).code(), 0);
    let (rules, tests) = (read(&shipped().join("rules.yml")), read(&shipped().join("rules_test.yml")));
    let alerts = told(&rules, "alert");
    let [severities, summaries, runbooks] = ["labels", "summary", "runbook"].map(|key| told(&rules, key));
    assert!(alerts.len() > 20, "{alerts:?}");
    assert_eq!([severities.len(), summaries.len(), runbooks.len()], [alerts.len(); 3]);
    for severity in severities {
        let known = ["critical", "warning", "info"].iter().any(|one| severity == format!("{{severity: {one}}}"));
        assert!(known, "{severity}");
    }
    for page in runbooks {
        assert!(root().join(&page).exists(), "{page}");
    }
    for alert in &alerts {
        let quiet = tests.contains(&format!("alertname: {alert}, exp_alerts: []"));
        assert!(quiet && tests.contains(&format!("alertname: {alert}\n")), "{alert} is not tested both ways");
    }
}

/// The addresses of a run.
struct Desk {
    home: PathBuf,
    prometheus: SocketAddr,
    alertmanager: SocketAddr,
}

impl Desk {
    fn new(home: &Path) -> (Self, SocketAddr) {
        // All held at once, so that no two are the same.
        let [(prometheus, _one), (alertmanager, _two), (intake, _three)] = [(); 3].map(|()| free::tcp());
        let home = home.join("observability");
        copy(&shipped(), &home);
        (Self { home, prometheus, alertmanager }, intake)
    }

    /// What is shipped, with this run's addresses, and a scrape every second.
    fn configure(&self, cluster: &Cluster) {
        let file = self.home.join("prometheus.yml");
        let web = |id: u16| cluster.web(id).trim_start_matches("http://").trim_end_matches('/').to_owned();
        let [one, two, three] = [1, 2, 3].map(web);
        edit(&file, r#""n1:9200", "n2:9200", "n3:9200""#, &format!(r#""{one}", "{two}", "{three}""#));
        edit(&file, "127.0.0.1:9093", &self.alertmanager.to_string());
        edit(&file, "scrape_interval: 5s", "scrape_interval: 1s");
        edit(&file, "scrape_timeout: 2s", "scrape_timeout: 1s");
        edit(&file, "evaluation_interval: 5s", "evaluation_interval: 1s");
    }

    fn start(&self, name: &str, words: &[String]) -> Running {
        let log = File::create(self.home.join(format!("{name}.log"))).expect("a file in a new folder");
        let mut command = debian::at_home(name, name);
        command.args(words).current_dir(&self.home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Running(command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}")))
    }

    fn start_all(&self) -> [Running; 2] {
        let alertmanager = [
            "--config.file=alertmanager.yml".into(),
            "--storage.path=kept".into(),
            "--cluster.listen-address=".into(),
            format!("--web.listen-address={}", self.alertmanager),
        ];
        let prometheus = [
            "--config.file=prometheus.yml".into(),
            "--storage.tsdb.path=tsdb".into(),
            format!("--web.listen-address={}", self.prometheus),
        ];
        [self.start("prometheus-alertmanager", &alertmanager), self.start("prometheus", &prometheus)]
    }

    /// What Prometheus finds.
    fn query(&self, expression: &str) -> Ended {
        ask("promtool", &["query", "instant", &format!("http://{}", self.prometheus), expression])
    }

    /// What Alertmanager has been told of and is not over.
    fn alerts(&self) -> Vec<Value> {
        let at = format!("--alertmanager.url=http://{}", self.alertmanager);
        let ended = ask("amtool", &["alert", "query", "--output=json", &at]);
        serde_json::from_str(&ended.stdout).unwrap_or_default()
    }
}

/// Every door for n3, so that what only replicas with one tell is told.
fn with_every_door(home: &Path, cluster: &Cluster, listen: SocketAddr) {
    let mapping =
        "[[signal]]\nsignal = \"workload\"\nmetric = \"node_load1\"\nkind = \"gauge\"\nserver_pattern = \"{}\"\n";
    write(&home.join("signals.toml"), mapping);
    let config = &cluster.node(3).expect("there").config;
    let ((modbus, _modbus), (redfish, _redfish)) = (free::tcp(), free::tcp());
    let (snmp, _snmp) = free::udp(Ipv4Addr::LOCALHOST);
    let folder = home.join("redfish");
    crate::redfish::hall::authority(&folder);
    let sections = [
        format!("[intake]\nlisten = \"{listen}\"\nmapping = \"signals.toml\"\n"),
        format!("[modbus]\nlisten = \"{modbus}\"\n"),
        crate::redfish::hall::section(&folder, redfish),
        crate::snmp::hall::section(config, 3, snmp, false),
    ];
    write(config, format!("{}\n{}", read(config), sections.join("\n")));
}

#[test]
fn a_killed_replica_becomes_an_alert_and_all_that_is_named_is_told() {
    let _alone = alone();
    let home = folder();
    let (desk, intake) = Desk::new(home.path());
    let mut stage =
        Stage::start_with(home.path(), &Play::default(), |cluster| with_every_door(home.path(), cluster, intake));
    stage.play();
    desk.configure(&stage.cluster);
    let _running = desk.start_all();
    let answers = |expression: &str| {
        let ended = desk.query(expression);
        ended.code() == 0 && !ended.stdout.trim().is_empty()
    };
    wait_until("Prometheus sees three replicas and one leader", DEADLINE, || {
        answers("ridethrough:replicas_up == 3") && answers("ridethrough:leaders == 1")
    });
    metrics_are_as_they_should_be(&desk.home, &stage.cluster);
    for expression in panels() {
        let ended = desk.query(&expression);
        assert_eq!(ended.code(), 0, "{expression}: {ended:?}");
    }
    assert!(answers("ridethrough:load_watts > 0") && answers("ridethrough:stored_ratio > 0"));
    let leader = stage.leader();
    let killed = stage.cluster.web(leader);
    let began = Instant::now();
    stage.cluster.kill(leader).expect("it runs");
    let down = |alert: &Value| {
        alert["labels"]["alertname"] == "RidethroughReplicaDown"
            && alert["labels"]["instance"].as_str().is_some_and(|instance| killed.contains(instance))
    };
    let mut alert = Value::Null;
    wait_until("Alertmanager is told of it", DEADLINE, || {
        alert = desk.alerts().into_iter().find(down).unwrap_or_default();
        !alert.is_null()
    });
    println!("SIGKILL to alert in {:?}, ten seconds of it by the rule", began.elapsed());
    assert_eq!(alert["annotations"]["runbook"], "runbooks/replica-unreachable.md", "{alert}");
    assert_eq!(alert["labels"]["severity"], "warning", "{alert}");
    assert!(!answers(r#"ALERTS{alertname="RidethroughNoLeader",alertstate="firing"}"#), "another leads");
    stage.cluster.start(leader).expect("it starts");
    wait_until("it is over", DEADLINE, || !desk.alerts().iter().any(down));
}

/// By promtool, and every name that rules and panels use.
fn metrics_are_as_they_should_be(home: &Path, cluster: &Cluster) {
    let text: Vec<String> = (1..=REPLICAS).filter_map(|id| cluster.metrics(id)).collect();
    assert_eq!(text.len(), usize::from(REPLICAS));
    // The replica with an intake tells all that any tells.
    let file = home.join("metrics");
    write(&file, &text[2]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$0\" check metrics < \"$1\""])
        .arg(debian::program("prometheus", "promtool"))
        .arg(&file);
    let ended = run_command(CLIENT_DEADLINE, &mut command);
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""), "{ended:?}");
    let all = text.concat();
    let told: BTreeSet<&str> = all.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let rules = read(&shipped().join("rules.yml"));
    let recorded: BTreeSet<String> = self::told(&rules, "record").into_iter().collect();
    let used = panels().join("\n") + "\n" + &self::told(&rules, "expr").join("\n");
    for name in names(&used, "ridethrough_") {
        assert!(told.contains(name), "no replica tells `{name}`: {told:?}");
    }
    for name in names(&used, "ridethrough:") {
        assert!(recorded.contains(name), "`{name}` is recorded nowhere");
    }
}
