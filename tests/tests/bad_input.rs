//! Bad input is answered with an error that names the file and the field, with exit status 2, and nothing is left
//! half-started: no folder is made, no file is changed, no port stays bound, no process lives on.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ridethrough_fault_injection::demo::certificates;
use ridethrough_fault_injection::demo::cluster::DEMO_MODEL_KEY;
use ridethrough_tests::{
    Ended, Running, alone, contents, copy, demo_scenario, edit, first_segment, flip, folder, free, model_files,
    program, read, root, run, wait_until, write, write_private,
};
use tempfile::TempDir;

/// How long a replica alone may take to found its cluster; only one that never does meets it.
const FOUNDED_DEADLINE: Duration = Duration::from_secs(30);
/// The secret of these tests; none of its digits may ever be printed.
const SECRET: &str = "c0ffee5ec2e7c0ffee5ec2e7c0ffee5ec2e7c0ffee5ec2e7c0ffee5ec2e70123";
/// A part of it that no error has another reason to hold.
const SECRET_PART: &str = "5ec2e7";

/// A folder with a configuration that is good until a test makes it bad.
struct Desk {
    home: TempDir,
    ports: Ports,
}

#[derive(Clone, Copy)]
struct Ports {
    raft: SocketAddr,
    dpcn: SocketAddr,
    http: SocketAddr,
}

/// All three ports, taken by the test.
struct Held {
    _raft: TcpListener,
    _dpcn: UdpSocket,
    _http: TcpListener,
}

impl Held {
    fn on(raft: SocketAddr, dpcn: SocketAddr, http: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { _raft: TcpListener::bind(raft)?, _dpcn: UdpSocket::bind(dpcn)?, _http: TcpListener::bind(http)? })
    }
}

impl Ports {
    fn free() -> Self {
        let ((raft, _raft), (dpcn, _dpcn), (http, _http)) = (free::tcp(), free::udp(Ipv4Addr::LOCALHOST), free::tcp());
        Self { raft, dpcn, http }
    }

    fn hold(self) -> std::io::Result<Held> {
        Held::on(self.raft, self.dpcn, self.http)
    }
}

impl Desk {
    fn new() -> Self {
        let desk = Self { home: folder(), ports: Ports::free() };
        let Ports { raft, dpcn, http } = desk.ports;
        write_private(&desk.file("dpcn.key"), format!("{SECRET}\n"));
        write(&desk.file("site.toml"), read(&demo_scenario().join("site.toml")));
        certificates::write(desk.home.path(), "bad input", 1).expect("certificates can be made");
        let peer_tls = certificates::section(1);
        let config = format!(
            "replica = 1\ncluster = \"bad input\"\nsite = \"site.toml\"\ndata_dir = \"n1\"\n\n\
             [raft]\nheartbeat_ms = 20\nelection_ms = [150, 190]\n\n[[peer]]\nreplica = 1\naddress = \"{raft}\"\n\n\
             {peer_tls}[dpcn]\nlisten = \"{dpcn}\"\nsecret = \"dpcn.key\"\n\n[http]\nlisten = \"{http}\"\n"
        );
        write(&desk.file("n1.toml"), config);
        desk
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        edit(&self.file(name), from, to);
    }

    /// Moves into another cluster, with certificates that fit.
    fn join_cluster(&self, name: &str) {
        self.edit("n1.toml", "cluster = \"bad input\"", &format!("cluster = \"{name}\""));
        remove(&self.file("n1-peer.key"));
        certificates::write(self.home.path(), name, 1).expect("certificates can be made");
    }

    fn forecast_from(&self, files: [&Path; 3]) {
        let [model, manifest, runtime] = files.map(Path::display);
        let trusted = DEMO_MODEL_KEY.trim();
        let section = format!(
            "\n[forecast]\nmodel = \"{model}\"\nmanifest = \"{manifest}\"\nruntime = \"{runtime}\"\n\
             trusted = [\"{trusted}\"]\n"
        );
        write(&self.file("n1.toml"), read(&self.file("n1.toml")) + &section);
    }

    fn check_config(&self) -> Ended {
        run("ridethroughd", &["check-config", &self.path("n1.toml")])
    }

    fn run(&self) -> Ended {
        run("ridethroughd", &["run", "--config", &self.path("n1.toml")])
    }

    /// Starts a replica that is expected to run; its words go to `n1.log`.
    fn start(&self) -> Running {
        let mut command = Command::new(program("ridethroughd"));
        command.args(["run", "--config", &self.path("n1.toml")]);
        let words = std::fs::File::create(self.file("n1.log")).expect("room");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(words);
        let mut running = Running(command.spawn().expect("ridethroughd starts"));
        wait_until("a replica alone founds its cluster", FOUNDED_DEADLINE, || {
            assert!(running.runs(), "a replica with good input goes on running");
            run("ridectl", &["audit", "log", "--dir", &self.path("n1")]).stdout.contains("founded cluster")
        });
        running
    }
}

/// The error is the expected one, and nothing of the secret is in it.
fn assert_refused(what: &str, ended: &Ended, expected: &[&str]) {
    assert_eq!(ended.code(), 2, "{what}: {ended:?}");
    for part in expected {
        assert!(ended.stderr.contains(part), "{what}: expected `{part}` in: {}", ended.stderr);
    }
    let printed = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!printed.contains(SECRET_PART), "{what}: the secret was printed: {printed}");
}

/// Runs a replica that is refused; what lies in its folder stays as it is and its ports are free.
fn assert_run_refused(what: &str, desk: &Desk, expected: &[&str]) {
    let before = contents(desk.home.path());
    assert_refused(what, &desk.run(), expected);
    assert!(before == contents(desk.home.path()), "{what}: the refused replica changed something on the disk");
    drop(desk.ports.hold().unwrap_or_else(|error| panic!("{what}: a port stayed bound: {error}")));
}

/// Input that is bad before anything starts: `check-config` and `run` say the same.
fn check(what: &str, spoil: impl FnOnce(&Desk), expected: &[&str]) {
    let desk = Desk::new();
    spoil(&desk);
    assert_refused(what, &desk.check_config(), expected);
    // While all ports are in use: an error that speaks of the input shows that no port was tried before.
    let held = desk.ports.hold().expect("the ports were free a moment ago");
    assert_refused(what, &desk.run(), expected);
    drop(held);
    assert_run_refused(what, &desk, expected);
}

#[test]
fn a_good_configuration_is_accepted_and_checking_it_starts_nothing() {
    let _alone = alone();
    let desk = Desk::new();
    let [model, manifest, runtime] = model_files();
    desk.forecast_from([&model, &manifest, &runtime]);
    let before = contents(desk.home.path());
    let held = desk.ports.hold().expect("the ports were free a moment ago");
    let ended = desk.check_config();
    drop(held);
    assert_eq!(ended.code(), 0, "{ended:?}");
    assert!(ended.stdout.contains("24 racks") && ended.stdout.contains("forecast.onnx"), "{ended:?}");
    assert!(before == contents(desk.home.path()), "checking a configuration changed something on the disk");
}

#[test]
fn bad_configurations_are_refused_before_anything_starts() {
    let _alone = alone();
    check(
        "unknown key",
        |desk| desk.edit("n1.toml", "[http]\n", "[http]\nhaste = 1\n"),
        &["n1.toml:24: ", "unknown field `haste`"],
    );
    check(
        "unknown key at the top",
        |desk| desk.edit("n1.toml", "replica = 1", "repilca = 1"),
        &["n1.toml:1: ", "unknown field `repilca`"],
    );
    check("malformed", |desk| desk.edit("n1.toml", "replica = 1", "replica = ["), &["n1.toml:"]);
    check("no configuration", |desk| remove(&desk.file("n1.toml")), &["n1.toml: file: cannot be read"]);
    check(
        "no such peer",
        |desk| desk.edit("n1.toml", "replica = 1", "replica = 7"),
        &["n1.toml:1: replica: ", "there is no [[peer]] with replica = 7"],
    );
    check(
        "an election shorter than two heartbeats",
        |desk| desk.edit("n1.toml", "[150, 190]", "[15, 19]"),
        &["n1.toml:8: raft.election_ms: [15, 19]"],
    );
}

#[test]
fn bad_sites_are_refused_before_anything_starts() {
    let _alone = alone();
    check("no site", |desk| remove(&desk.file("site.toml")), &["site.toml: site: cannot be read"]);
    check("malformed site", |desk| desk.edit("site.toml", "tick_ms = 100", "tick_ms = "), &["site.toml:8: tick_ms"]);
    check(
        "unknown key of a site",
        |desk| desk.edit("site.toml", "tick_ms", "tock_ms"),
        &["site.toml:8: ", "unknown field `tock_ms`"],
    );
    check(
        "two racks with one id",
        |desk| desk.edit("site.toml", "id = \"A2\"\n", "id = \"A1\"\n"),
        &["site.toml:66: rack.id: ", "`A1`"],
    );
    check(
        "a tie to a rack that is not there",
        |desk| desk.edit("site.toml", "[\"A1\", \"A2\"]", "[\"A1\", \"Z9\"]"),
        &["site.toml:758: tie.between: ", "`Z9`"],
    );
}

#[test]
fn bad_secrets_are_refused_and_never_shown() {
    let _alone = alone();
    check("no secret", |desk| remove(&desk.file("dpcn.key")), &["dpcn.key: dpcn.secret: cannot be read"]);
    let open = |name: &str| std::fs::set_permissions(name, PermissionsExt::from_mode(0o644)).expect("ours");
    for (name, said) in [("dpcn.key", "dpcn.key: dpcn.secret: "), ("n1-peer.key", "n1-peer.key: peer_tls.key: ")] {
        let expected = &[said, "everybody on this host may use it (mode 0644): chmod o= it"];
        check("a secret that everybody may read", |desk| open(&desk.path(name)), expected);
    }
    let expected = &["dpcn.key: dpcn.secret: line 1: expected 64 hexadecimal digits"][..];
    check("a short secret", |desk| write(&desk.file("dpcn.key"), &SECRET[..63]), expected);
    check("a long secret", |desk| write(&desk.file("dpcn.key"), format!("{SECRET}{SECRET}")), expected);
    check("no digits", |desk| write(&desk.file("dpcn.key"), format!("{}zz", &SECRET[..62])), expected);
    check("signs among the digits", |desk| write(&desk.file("dpcn.key"), format!("{}+f", &SECRET[..62])), expected);
    // The missing digit keeps the byte count right.
    check("letters of two bytes", |desk| write(&desk.file("dpcn.key"), format!("{}ü", &SECRET[..62])), expected);
    let nothing = &["dpcn.key: dpcn.secret: expected 64 hexadecimal digits, found nothing"];
    check("an empty secret", |desk| write(&desk.file("dpcn.key"), ""), nothing);
    let twice = &["dpcn.key: dpcn.secret: two secrets of key epoch 1"];
    check("two of one epoch", |desk| write(&desk.file("dpcn.key"), format!("1 {SECRET}\n{SECRET}")), twice);
    let epoch = &["dpcn.key: dpcn.secret: line 2: expected a key epoch"];
    check("no epoch", |desk| write(&desk.file("dpcn.key"), format!("2 {SECRET}\n0 {SECRET}")), epoch);
}

#[test]
fn bad_identities_are_refused_before_anything_starts() {
    let _alone = alone();
    let another = |cluster: &str| {
        let folder = folder();
        certificates::write(folder.path(), cluster, 2).expect("certificates can be made");
        folder
    };
    let (same, other) = (another("bad input"), another("good output"));
    let take = |desk: &Desk, from: &TempDir, name: &str, to: &str| copy_file(&from.path().join(name), &desk.file(to));
    check("no section", |desk| desk.edit("n1.toml", &certificates::section(1), ""), &["n1.toml: peer_tls: is missing"]);
    check("no key", |desk| remove(&desk.file("n1-peer.key")), &["n1-peer.key: peer_tls.key: cannot be read"]);
    check(
        "another key",
        |desk| take(desk, &same, "n1-peer.key", "n1-peer.key"),
        &["n1-peer.key: peer_tls.key: is not the key of the certificate"],
    );
    check(
        "another authority",
        |desk| take(desk, &same, "ca.pem", "ca.pem"),
        &["n1-peer.pem: peer_tls.certificate: was not signed by the authority"],
    );
    check(
        "another replica's certificate",
        |desk| take(desk, &same, "n2-peer.pem", "n1-peer.pem"),
        &["n1-peer.pem: peer_tls.certificate: names replica-2.cluster-", "this replica is replica-1.cluster-"],
    );
    check(
        "another cluster's certificate",
        |desk| take(desk, &other, "n1-peer.pem", "n1-peer.pem"),
        &["n1-peer.pem: peer_tls.certificate: names replica-1.cluster-", "this replica is replica-1.cluster-"],
    );
    check(
        "a list that is none",
        |desk| {
            desk.edit("n1.toml", "[peer_tls]\n", "[peer_tls]\nrevoked = \"site.toml\"\n");
        },
        &["site.toml: peer_tls.revoked: holds 0 lists"],
    );
}

/// A model that is refused: `check-config` says so and starts nothing; a replica runs, on the rule, and says the same.
fn check_model(what: &str, spoil: impl FnOnce(&Desk), expected: &[&str]) {
    check_forecast(what, &["MODEL REFUSED", "reason="], spoil, expected);
}

/// A runtime that is refused: the same, but the replica runs the model itself.
fn check_runtime(what: &str, spoil: impl FnOnce(&Desk), expected: &[&str]) {
    check_forecast(what, &["NO RUNTIME: the model is run by the replica's own step"], spoil, expected);
}

fn check_forecast(what: &str, said: &[&str], spoil: impl FnOnce(&Desk), expected: &[&str]) {
    let desk = Desk::new();
    spoil(&desk);
    assert_refused(what, &desk.check_config(), expected);
    let mut running = desk.start();
    assert!(running.runs(), "{what}: the replica runs all the same");
    let words = read(&desk.file("n1.log"));
    // The configuration's field is named by `check-config` alone; a replica names the file.
    for part in said.iter().chain(&expected[1..]) {
        assert!(words.contains(part), "{what}: expected `{part}` in: {words}");
    }
}

#[test]
fn bad_models_are_refused_and_the_replica_runs_on_the_rule() {
    let _alone = alone();
    let [model, manifest, runtime] = &model_files();
    let whole = std::fs::read(model).expect("the model can be read");
    let declared = hash_in(manifest);
    check_model(
        "a truncated model",
        |desk| {
            write(&desk.file("cut.onnx"), &whole[..whole.len() / 2]);
            desk.forecast_from([&desk.file("cut.onnx"), manifest, runtime]);
        },
        &["forecast", "cut.onnx", "SHA-256 is ", &declared],
    );
    let wrong = |desk: &Desk| {
        for ending in ["onnx", "json"] {
            copy_file(&root().join(format!("model/testdata/wrong_shape.{ending}")), &desk.file(&format!("w.{ending}")));
        }
        desk.forecast_from([&desk.file("w.onnx"), &desk.file("w.json"), runtime]);
    };
    check_model("an unsigned model", wrong, &["forecast", "w.json.sig: is missing", "ridectl model sign"]);
    let key = root().join("model/demo-signing.key").display().to_string();
    check_model(
        "a signed model of another shape",
        |desk| {
            wrong(desk);
            let words = ["model", "sign", "--key", &key, "--version", "9", &desk.path("w.json")];
            assert_eq!(run("ridectl", &words).code(), 0, "signed");
        },
        &["forecast", "w.onnx: input `state_in` has shape [-1, 8], expected [-1, 195]"],
    );
    check_model(
        "a manifest with a changed bit",
        |desk| {
            copy_file(manifest, &desk.file("m.json"));
            copy_file(&manifest.with_file_name("forecast.json.sig"), &desk.file("m.json.sig"));
            flip(&desk.file("m.json"), |length| length / 2);
            desk.forecast_from([model, &desk.file("m.json"), runtime]);
        },
        &["forecast", "m.json.sig", "manifest or signature was changed"],
    );
    check_model(
        "a model below the minimum",
        |desk| {
            desk.forecast_from([model, manifest, runtime]);
            desk.edit("n1.toml", "trusted = ", "minimum_version = 1000000\ntrusted = ");
        },
        &["forecast", "forecast.json.sig", "older than the minimum of 1000000"],
    );
    check_model(
        "no model",
        |desk| desk.forecast_from([&desk.file("gone.onnx"), manifest, runtime]),
        &["forecast", "gone.onnx: cannot be read"],
    );
    check_model(
        "no manifest",
        |desk| desk.forecast_from([model, &desk.file("gone.json"), runtime]),
        &["forecast", "gone.json: cannot be read"],
    );
    check_runtime(
        "no runtime",
        |desk| desk.forecast_from([model, manifest, &desk.file("gone.so")]),
        &["forecast", "gone.so", "cargo xtask setup"],
    );
    check_runtime(
        "a truncated runtime",
        |desk| {
            write(&desk.file("cut.so"), &std::fs::read(runtime).expect("the runtime can be read")[..100_000]);
            desk.forecast_from([model, manifest, &desk.file("cut.so")]);
        },
        &["forecast", "cut.so", "SHA-256 is "],
    );
}

#[test]
fn a_port_in_use_leaves_nothing_half_started() {
    let _alone = alone();
    let desk = Desk::new();
    let Ports { raft, dpcn, http } = desk.ports;
    let before = contents(desk.home.path());
    let expect = |what: &str, address: SocketAddr, field: &str| {
        let expected = [field, &address.to_string(), "Address already in use"];
        assert_refused(what, &desk.run(), &expected);
        assert!(before == contents(desk.home.path()), "{what}: the refused replica made something");
    };
    let held = TcpListener::bind(raft).expect("free");
    expect("the raft port is in use", raft, "peer.address");
    drop(held);
    let held = UdpSocket::bind(dpcn).expect("free");
    expect("the DPCN port is in use", dpcn, "dpcn.listen");
    drop(held);
    let held = TcpListener::bind(http).expect("free");
    expect("the web port is in use", http, "http.listen");
    drop(held);
    drop(desk.ports.hold().expect("no port stayed bound"));
}

#[test]
fn a_data_folder_that_is_not_this_replicas_is_refused_as_it_is() {
    let _alone = alone();
    let desk = Desk::new();
    let segment = first_segment(Path::new("n1")).display().to_string();

    let mut running = desk.start();
    let second = Desk::new();
    second.edit("n1.toml", "data_dir = \"n1\"", &format!("data_dir = {:?}", desk.file("n1")));
    assert_run_refused("locked by a running replica", &second, &["n1/log", "another process has this log open"]);
    assert!(running.runs(), "the replica that was there first goes on");
    drop(running);

    let check = |what: &str, spoil: &dyn Fn(&Desk), expected: &[&str]| {
        let other = Desk::new();
        copy(&desk.file("n1"), &other.file("n1"));
        spoil(&other);
        assert_run_refused(what, &other, expected);
    };
    check(
        "the log of another cluster",
        &|other| other.join_cluster("another"),
        &[&segment, "this segment belongs to cluster"],
    );
    check(
        "a log of another site",
        &|other| other.edit("site.toml", "limit_watts = 24000", "limit_watts = 24001"),
        &["n1/site.toml", "another site"],
    );
    check(
        "the folder of another replica",
        &|other| write(&other.file("n1/replica"), "2\n"),
        &["n1/replica", "the folder of replica n2, not of n1"],
    );
    check(
        "a damaged record in the middle",
        &|other| flip(&first_segment(&other.file("n1")), |_| 60),
        &[&segment, "at offset 40: ", "nothing was modified"],
    );
    check(
        "a damaged header",
        &|other| flip(&first_segment(&other.file("n1")), |_| 30),
        &[&segment, "at offset 0: the segment header is damaged"],
    );
    check(
        "a missing first segment",
        &|other| {
            let first = first_segment(&other.file("n1"));
            std::fs::rename(&first, first.with_file_name("log-00000000000000000099.seg")).expect("renamed");
        },
        &[&segment, "is missing"],
    );
    check(
        "a file in place of the data folder",
        &|other| {
            std::fs::remove_dir_all(other.file("n1")).expect("removed");
            write(&other.file("n1"), "a file");
        },
        &["n1"],
    );
}

#[test]
fn the_auditor_is_told_what_cannot_be_read() {
    let _alone = alone();
    let desk = Desk::new();
    let other = Desk::new();
    other.join_cluster("another");
    drop(desk.start());
    drop(other.start());
    let (own, foreign) = (desk.path("n1"), other.path("n1"));
    let (spoilt, blank) = (desk.path("spoilt"), desk.path("blank"));
    copy(&desk.file("n1"), &desk.file("spoilt"));
    flip(&first_segment(&desk.file("spoilt")), |_| 60);
    copy(&desk.file("n1"), &desk.file("siteless"));
    remove(&desk.file("siteless/site.toml"));
    std::fs::create_dir(desk.file("blank")).expect("a folder");
    let siteless = desk.path("siteless");
    let segment = first_segment(Path::new("spoilt")).display().to_string();

    assert_eq!(run("ridectl", &["audit", "verify", "--dir", &own]).code(), 0, "what is spoilt below was good");
    let check = |what: &str, words: &[&str], expected: &[&str]| {
        assert_refused(what, &run("ridectl", words), &[&["ridectl: "], expected].concat());
    };
    check("no folder", &["audit", "log", "--dir", "/nowhere"], &["--dir /nowhere", "cannot list the directory"]);
    check("an empty folder", &["audit", "log", "--dir", &blank], &[&blank, "no log segment here"]);
    check("no site", &["audit", "log", "--dir", &siteless], &["siteless/site.toml: cannot be read", "--site"]);
    check("no such site", &["audit", "log", "--dir", &own, "--site", "/gone.toml"], &["/gone.toml: cannot be read"]);
    check("unknown entry", &["audit", "explain", "9999", "--dir", &own], &["no entry 9999"]);
    check("unknown transfer", &["audit", "explain", "2.0", "--dir", &own], &["entry 2 grants no transfer"]);
    check("unknown rack", &["audit", "log", "--rack", "Z9", "--dir", &own], &["--rack", "`Z9`"]);
    let transfer = ["check", "transfer", "--dir", &own, "--watts"];
    let wish = |words: &[&'static str]| [&transfer[..], words].concat();
    check("a transfer to an unknown rack", &wish(&["9000", "--rack", "Z9"]), &["--rack", "`Z9`"]);
    check("a transfer from nowhere", &wish(&["9000", "--rack", "A1", "--from", "Z9"]), &["--from", "`Z9`"]);
    let refused = run("ridectl", &wish(&["9000", "--rack", "A1"]));
    assert_eq!(refused.code(), 1, "the log tells of no module that could give anything: {refused:?}");
    assert!(refused.stdout.contains("WOULD BE REFUSED"), "{refused:?}");
    check("a damaged segment", &["audit", "verify", "--dir", &spoilt], &[&segment, "at offset 40: "]);
    check("one of two damaged", &["audit", "verify", "--dir", &own, "--dir", &spoilt], &[&segment, "at offset 40: "]);
    check("two clusters", &["audit", "verify", "--dir", &own, "--dir", &foreign], &[&own, &foreign, "two clusters"]);
    check("no records", &["audit", "verify", "--dir", &own, "--records", &blank], &["--records", &blank, "*.jsonl"]);
    write(&desk.file("blank/kesm-K1.jsonl"), "{\"device\": 1}\n");
    let words = ["audit", "verify", "--dir", &own, "--records", &blank];
    check("a malformed record", &words, &["kesm-K1.jsonl:1"]);
}

#[test]
fn bad_scenarios_are_refused_before_anything_starts() {
    let _alone = alone();
    let check = |what: &str, spoil: &dyn Fn(&Desk), expected: &[&str]| {
        let desk = Desk::new();
        write(&desk.file("scenario.toml"), read(&demo_scenario().join("scenario.toml")));
        desk.edit("scenario.toml", "\"../../../data\"", &format!("{:?}", root().join("data")));
        spoil(&desk);
        let (home, records, kept) = (desk.home.path().display().to_string(), desk.path("records"), desk.path("kept"));
        let before = contents(desk.home.path());
        let replicas = desk.ports.dpcn.to_string();
        let (secret, scenario) = (desk.path("dpcn.key"), ["--scenario", &home]);
        let plant = ["--replicas", &replicas, "--secret", &secret, "--records", &records];
        for words in [
            [&["simulate", "--seconds", "1"][..], &scenario].concat(),
            [&["plant"][..], &scenario, &plant].concat(),
            [&["demo", "--seconds", "10", "--keep", &kept][..], &scenario].concat(),
        ] {
            assert_refused(&format!("{what}: drill {}", words[0]), &run("drill", &words), expected);
        }
        assert!(before == contents(desk.home.path()), "{what}: something was made or changed");
    };
    check("no scenario", &|desk| remove(&desk.file("scenario.toml")), &["cannot read ", "scenario.toml"]);
    check("no site", &|desk| remove(&desk.file("site.toml")), &["cannot read ", "site.toml"]);
    check(
        "unknown key",
        &|desk| desk.edit("scenario.toml", "seed = ", "haste = 1\nseed = "),
        &["scenario.toml:", "haste", "unknown field `haste`"],
    );
    let trace = "power/mlperf-inference-v1.1/DGX-A100_A100-SXM-80GBx8_TRT_MaxQ__bert-99__Server__run.spl.txt.gz";
    check(
        "no such recording",
        &|desk| desk.edit("scenario.toml", trace, "power/gone.csv.gz"),
        &["scenario.toml:", "trace", "power/gone.csv.gz"],
    );
    check(
        "unknown server",
        &|desk| desk.edit("scenario.toml", "id = \"A1-s1\"", "id = \"Z9-s1\""),
        &["scenario.toml:", "`Z9-s1`"],
    );
}

#[test]
fn a_plant_without_a_good_secret_is_refused() {
    let _alone = alone();
    let desk = Desk::new();
    write(&desk.file("short.key"), &SECRET[..63]);
    let before = contents(desk.home.path());
    for (file, expected) in [("gone.key", "cannot read the secret"), ("short.key", "64 hexadecimal digits")] {
        let (scenario, replicas) = (demo_scenario().display().to_string(), desk.ports.dpcn.to_string());
        let (secret, records) = (desk.path(file), desk.path("records"));
        let words = ["plant", "--scenario", &scenario, "--replicas", &replicas, "--secret", &secret];
        let ended = run("drill", &[&words[..], &["--records", &records]].concat());
        assert_refused(file, &ended, &[file, expected]);
        assert!(before == contents(desk.home.path()), "{file}: something was made or changed");
    }
}

fn copy_file(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}

fn remove(file: &Path) {
    std::fs::remove_file(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

fn hash_in(manifest: &Path) -> String {
    let manifest: serde_json::Value = serde_json::from_str(&read(manifest)).expect("the manifest is JSON");
    manifest["sha256"].as_str().expect("it names the model's hash").to_owned()
}
