//! What is refused, by file, line and field.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use ridethrough_witness::SigningKey;

use super::record::RECORD_MIB;
use super::*;
use crate::operator::roles::{Holder, Role};

const GOOD: &str = r#"
replica = 2
cluster = "demo"
site = "site.toml"
data_dir = "n2"
[raft]
heartbeat_ms = 20
election_ms = [100, 140]
[[peer]]
replica = 1
address = "127.0.0.1:7101"
[[peer]]
replica = 2
address = "127.0.0.1:7102"
[peer_tls]
ca = "ca.pem"
certificate = "n2.pem"
key = "n2.key"
[dpcn]
listen = "127.0.0.1:7202"
secret = "dpcn.key"
[http]
listen = "127.0.0.1:7302"
"#;

fn load(text: &str) -> Result<Config, String> {
    let dir = tempfile::tempdir().expect("a folder for the test");
    let file = dir.path().join("n2.toml");
    fs::write(&file, text).expect("a file for the test");
    Config::load(&file).map_err(|error| error.to_string())
}

fn open_to(file: &Path, mode: u32) {
    fs::set_permissions(file, Permissions::from_mode(mode)).expect("ours");
}

fn write_private(file: &Path, text: &str) {
    fs::write(file, text).expect("a file");
    open_to(file, 0o600);
}

fn check(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "the test edits what is there");
    let error = load(&GOOD.replacen(from, to, 1)).expect_err(expected);
    assert!(error.contains(expected), "expected `{expected}` in `{error}`");
}

#[test]
fn a_good_file_is_read_whole() {
    let config = load(GOOD).expect("good");
    assert_eq!(config.replica, ReplicaId(2));
    assert_eq!(config.peers.len(), 2);
    assert_eq!((config.dpcn_listen_b, config.dpcn_orders), (None, Orders::One));
    let whole = GOOD.replacen("secret", "listen_b = \"127.0.0.2:7202\"\ntwo_of_three = true\nsecret", 1);
    let config = load(&whole).expect("good");
    let second = "127.0.0.2:7202".parse().expect("an address");
    assert_eq!((config.dpcn_listen_b, config.dpcn_orders), (Some(second), Orders::TwoOfThree));
    assert!(config.site.ends_with("site.toml") && config.site.is_absolute(), "taken from the file's folder");
}

#[test]
fn errors_name_file_line_and_field() {
    check("replica = 2", "replica = 3", "n2.toml:2: replica: there is no [[peer]] with replica = 3");
    check("[100, 140]", "[30, 40]", "n2.toml:8: raft.election_ms: [30, 40], expected a rising pair from 40");
    check("heartbeat_ms", "heartbeet_ms", "unknown field `heartbeet_ms`");
    check("replica = 1", "replica = 2", "peer.replica: replica 2 is listed twice");
    check("127.0.0.1:7302", "nowhere", "invalid socket address");
}

#[test]
fn whose_pages_are_watched_is_said_and_checked() {
    let with = |line: &str| load(&GOOD.replacen("7302\"", &format!("7302\"\n{line}"), 1));
    assert!(load(GOOD).expect("good").http.peers.is_empty());
    let peers = with("peers = [\"http://127.0.0.1:7301\", \"https://n2.example\"]").expect("good").http.peers;
    assert_eq!(peers, ["http://127.0.0.1:7301", "https://n2.example"]);
    let refused = |line: &str| with(line).expect_err("refused");
    let path = refused("peers = [\"http://127.0.0.1:7301/\"]");
    assert!(path.contains("n2.toml:24: http.peers: `http://127.0.0.1:7301/`: expected an origin"), "{path}");
    assert!(refused("peers = [\"http://a\", \"http://a\"]").contains("`http://a` is listed twice"));
    let many: Vec<String> = (0..9).map(|nth| format!("\"http://n{nth}\"")).collect();
    assert!(refused(&format!("peers = [{}]", many.join(", "))).contains("more than 8 addresses"));
}

#[test]
fn an_intake_is_open_to_others_only_when_that_was_said() {
    let with = |section: &str| load(&format!("{GOOD}[intake]\nmapping = \"signals.toml\"\n{section}\n"));
    assert!(load(GOOD).expect("good").intake.is_none());
    let intake = with("listen = \"127.0.0.1:9201\"").expect("good").intake.expect("there");
    assert!(intake.token.is_none() && intake.mapping.is_absolute());
    let error = with("listen = \"10.0.0.1:9201\"").expect_err("open");
    assert!(error.contains("n2.toml:26: intake.listen: 10.0.0.1:9201 is not loopback"), "{error}");
    assert!(with("listen = \"10.0.0.1:9201\"\nanyone = true").is_ok());
    assert!(with("listen = \"10.0.0.1:9201\"\ntoken = \"intake.token\"").is_ok());
    let error = with("listen = \"127.0.0.1:9201\"\nlimits = { labels_max = 0 }").expect_err("no labels");
    assert!(error.contains("intake.limits.labels_max: 0, expected 1 to 1000"), "{error}");
}

#[test]
fn hosts_beyond_loopback_need_users() {
    let with = |section: &str| load(&format!("{GOOD}[nut]\n{section}\n"));
    assert!(load(GOOD).expect("good").nut.is_none(), "off unless configured");
    assert!(with("listen = \"127.0.0.1:3493\"").expect("good").nut.is_some_and(|nut| nut.users.is_none()));
    let error = with("listen = \"10.0.0.1:3493\"").expect_err("open");
    assert!(error.contains("n2.toml:25: nut.listen: 10.0.0.1:3493 is not loopback"), "{error}");
    let config = with("listen = \"10.0.0.1:3493\"\nusers = \"nut.users\"").expect("good");
    let error = config.read_users().expect_err("absent").to_string();
    assert!(error.contains("nut.users: nut.users: cannot be read"), "{error}");
}

#[test]
fn registers_are_read_from_elsewhere_only_when_that_was_said() {
    let with = |section: &str| load(&format!("{GOOD}[modbus]\n{section}\n"));
    assert!(load(GOOD).expect("good").modbus.is_none(), "off unless configured");
    for good in ["listen = \"127.0.0.1:5020\"", "listen = \"10.0.0.1:502\"\nanyone = true"] {
        assert!(with(good).expect("good").modbus.is_some(), "{good}");
    }
    let error = with("listen = \"10.0.0.1:502\"").expect_err("open");
    assert!(error.contains("n2.toml:25: modbus.listen: 10.0.0.1:502 is not loopback"), "{error}");
    assert!(with("listen = \"0.0.0.0:502\"\nanyone = false").is_err());
}

#[test]
fn redfish_needs_a_certificate_and_users_that_nobody_else_reads() {
    let section = "[redfish]\nlisten = \"10.0.0.1:8443\"\ncertificate = \"redfish.pem\"\nkey = \"redfish.key\"\n";
    assert!(load(GOOD).expect("good").redfish.is_none(), "off unless configured");
    let error = load(&format!("{GOOD}{section}")).expect_err("nobody could read there");
    assert!(error.contains("missing field `users`"), "{error}");
    let settings = load(&format!("{GOOD}{section}users = \"redfish.users\"\n")).expect("good").redfish.expect("there");
    assert!(settings.users.is_absolute() && settings.key.is_absolute() && settings.certificate.is_absolute());
    let folder = tempfile::tempdir().expect("a folder for the test");
    let made = |name: &str, text: &str, mode| {
        let file = folder.path().join(name);
        fs::write(&file, text).expect("room");
        fs::set_permissions(&file, PermissionsExt::from_mode(mode)).expect("ours");
        file
    };
    let [certificate, users] = [made("c.pem", "", 0o644), made("u", "", 0o640)];
    let refused = |key, users| {
        let settings = RedfishConfig { certificate: certificate.clone(), key, users, ..settings.clone() };
        settings.read().map(|_| ()).expect_err("refused").to_string()
    };
    let error = refused(made("k", "", 0o644), users.clone());
    assert!(error.contains("k: redfish.key: everybody on this host may use it (mode 0644)"), "{error}");
    let error = refused(made("k", "", 0o600), users);
    assert!(error.contains("c.pem: redfish.certificate: holds 0 certificates"), "{error}");
}

#[test]
fn management_asks_only_where_that_was_said_and_by_a_file_of_secrets() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    let (file, users) = (dir.path().join("n2.toml"), dir.path().join("snmp.users"));
    let section = "[snmp]\nlisten = \"127.0.0.1:1161\"\nusers = \"snmp.users\"\n";
    let read = |more: &str, text: &str, mode: u32| {
        fs::write(&file, format!("{GOOD}{section}{more}")).expect("a file");
        fs::write(&users, text).expect("a file");
        fs::set_permissions(&users, Permissions::from_mode(mode)).expect("its owner");
        let config = Config::load(&file).map_err(anyhow::Error::from)?;
        config.read_snmp().map(|secrets| secrets.expect("configured").users())
    };
    let user = "[[user]]\nname = \"a\"\nauth_password = \"correct-horse\"\nprivacy_password = \"battery-staple\"\n";
    let both = format!("community = \"not-public\"\n{user}");
    assert!(load(GOOD).expect("good").snmp.is_none(), "off unless configured");
    assert_eq!(read("", user, 0o640).expect("good"), 1);
    assert_eq!(read("v2c = true\n", &both, 0o600).expect("good"), 1);
    assert_eq!(read("v2c = true\n", "community = \"not-public\"\n", 0o600).expect("good"), 0);
    let refused = |more: &str, text: &str, mode: u32, expected: &str| {
        let error = read(more, text, mode).expect_err(expected).to_string();
        assert!(error.contains(expected) && !error.contains("horse"), "`{expected}` in `{error}`");
    };
    refused("", user, 0o644, "snmp.users: snmp.users: everybody on this host may use it (mode 0644)");
    refused("", &both, 0o600, "a community and snmp.v2c = true belong together");
    refused("v2c = true\n", user, 0o600, "a community and snmp.v2c = true belong together");
    refused("", "", 0o600, "snmp.users: names nobody");
    refused("contact = \"Z\u{fc}rich\"\n", user, 0o600, "snmp.contact: expected at most 255 ASCII characters");
    refused("community = \"public\"\n", user, 0o600, "unknown field `community`");
}

#[test]
fn whose_models_may_be_used_is_said_and_checked() {
    let with =
        |lines: &str| load(&format!("{GOOD}[forecast]\nmodel = \"m\"\nmanifest = \"j\"\nruntime = \"r\"\n{lines}\n"));
    let key = "66be7e332c7a453332bd9d0a7f7db055f5c5ef1a06ada66d98b39fb6810c473a";
    let good = with(&format!("trusted = [\"{key}\"]\nminimum_version = 4\nmodels = \"more\"")).expect("good");
    let files = good.forecast.expect("there");
    assert_eq!((files.trust.minimum_version, files.trust.keys.len()), (4, 1));
    assert!(files.models.is_some_and(|folder| folder.is_absolute() && folder.ends_with("more")));
    let refused = |lines: &str| with(lines).expect_err("refused");
    assert!(refused("").contains("missing field `trusted`"), "{}", refused(""));
    assert!(refused("trusted = []").contains("forecast.trusted: 0 keys, expected 1 to 8; `ridectl model keygen`"));
    assert!(refused("trusted = [\"beef\"]").contains("n2.toml:28: forecast.trusted: `beef`: no key: expected 64"));
}

#[test]
fn roles_are_given_to_users_and_groups_and_wrong_ones_are_named() {
    let with = |lines: &str| load(&format!("{GOOD}[roles]\n{lines}\n")).map(|config| config.roles.0);
    assert!(load(GOOD).expect("good").roles.0.is_empty());
    let given = with("viewer = [\"@ops\"]\nengineer = [\"mira\", \"1000\"]").expect("good");
    let holders = [Holder::Group("ops".into()), Holder::User("mira".into()), Holder::Uid(1_000)];
    let roles = [Role::Viewer, Role::Engineer, Role::Engineer];
    assert_eq!(given, roles.into_iter().zip(holders).collect::<Vec<_>>());
    let error = with("operator = [\"a b\"]").expect_err("no name");
    assert!(
        error.contains("n2.toml:25: roles.operator: `a b`: expected a user, a user's number, @group or tls:PERSON"),
        "{error}"
    );
    assert!(with("owner = [\"mira\"]").expect_err("no role").contains("unknown field `owner`"));
}

#[test]
fn telemetry_is_recorded_beside_the_log_unless_the_file_says_otherwise() {
    let recorded = |more: &str| load(&format!("{GOOD}{more}")).map(|config| config.record);
    let usual = recorded("").expect("good").expect("on");
    assert!(usual.directory.ends_with("n2/record") && usual.disk_mib_max == RECORD_MIB);
    let told = recorded("[record]\ndirectory = \"kept\"\ndisk_mib_max = 16\n").expect("good").expect("on");
    assert!(told.directory.ends_with("kept") && told.disk_mib_max == 16);
    assert_eq!(recorded("[record]\ndisk_mib_max = 0\n").expect("good"), None);
    let refused = recorded("[record]\ndisk_mib_max = 15\n").expect_err("too little");
    assert!(refused.contains("n2.toml:25: record.disk_mib_max: 15, expected 16 to 16777216, or 0"), "{refused}");
    assert!(recorded("[record]\ndisk = 15\n").expect_err("unknown").contains("disk"));
}

#[test]
fn a_log_is_kept_in_the_portions_that_are_told() {
    let kept = |section: &str| load(&format!("{GOOD}{section}")).map(|config| config.log);
    assert_eq!(kept("").expect("good"), LogSize::default());
    let told = kept("[log]\nsegment_kib = 4\nsnapshot_entries = 100\n").expect("good");
    assert_eq!(told, LogSize { segment_bytes: 4_096, snapshot_entries: 100 });
    let refused = kept("[log]\nsegment_kib = 3\n").expect_err("too small");
    assert!(refused.contains("log.segment_kib: 3, expected 4 to 65536"), "{refused}");
    let refused = kept("[log]\nsnapshot_entries = 99\n").expect_err("too often");
    assert!(refused.contains("log.snapshot_entries: 99, expected 100 to 1000000"), "{refused}");
}

#[test]
fn replicas_speak_nothing_but_tls() {
    let whole = load(GOOD).expect("good").peer_tls;
    assert!(whole.ca.ends_with("ca.pem") && whole.ca.is_absolute() && whole.revoked.is_none());
    let start = GOOD.find("[peer_tls]").expect("there");
    let end = GOOD.find("[dpcn]").expect("there");
    let error = load(&[&GOOD[..start], &GOOD[end..]].concat()).expect_err("plain text");
    let command = "`ridectl pki ca --cluster 2a97516c354b68848cdbd8f54a226a0a`";
    assert!(error.contains("n2.toml: peer_tls: is missing") && error.contains(command), "{error}");
    check("certificate =", "certificat =", "unknown field `certificat`");
}

#[test]
fn an_identity_is_refused_by_file_and_field() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    fs::write(dir.path().join("n2.toml"), GOOD).expect("a file");
    let config = Config::load(&dir.path().join("n2.toml")).expect("good");
    let refused = || config.read_peer_tls().expect_err("refused").to_string();
    assert!(refused().contains("ca.pem: peer_tls.ca: cannot be read"), "{}", refused());
    for file in ["ca.pem", "n2.pem", "n2.key"] {
        write_private(&dir.path().join(file), "beef");
    }
    open_to(&dir.path().join("n2.key"), 0o604);
    assert!(refused().contains("n2.key: peer_tls.key: everybody on this host may use it (mode 0604)"), "{}", refused());
    open_to(&dir.path().join("n2.key"), 0o640);
    assert!(refused().contains("ca.pem: peer_tls.ca: holds no PEM block `CERTIFICATE`"), "{}", refused());
    fs::write(dir.path().join("n2.pem"), vec![b'x'; 2 << 20]).expect("a file");
    assert!(refused().contains("n2.pem: peer_tls.certificate: is larger than 1048576 bytes"), "{}", refused());
}

#[test]
fn a_key_for_the_audit_is_read_or_refused_and_never_shown() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    let (file, key) = (dir.path().join("n2.toml"), dir.path().join("n2.audit"));
    fs::write(&file, format!("{GOOD}[audit]\nkey = \"n2.audit\"\n")).expect("a file");
    assert!(load(GOOD).expect("good").audit_key.is_none());
    let read = || Config::load(&file).expect("good").read_audit_key().map_err(|error| error.to_string());
    assert!(read().expect_err("absent").contains("audit.key: cannot be read"));
    let made = SigningKey::new("n2", [5; 32]).expect("a good name");
    write_private(&key, &made.export());
    assert_eq!(read().expect("good").expect("named").public(), made.public());
    open_to(&key, 0o644);
    assert!(
        read().expect_err("open").contains("audit.key: everybody on this host may use it (mode 0644): chmod o= it")
    );
    write_private(&key, "PRIVATE+KEY+n2+beef");
    let text = read().expect_err("cut short");
    assert!(text.contains("audit.key: no key") && text.contains("keygen") && !text.contains("beef"), "{text}");
}

#[test]
fn a_bad_secret_is_refused_and_never_shown() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    fs::write(dir.path().join("n2.toml"), GOOD).expect("a file");
    let secret = dir.path().join("dpcn.key");
    write_private(&secret, "beef");
    let config = Config::load(&dir.path().join("n2.toml")).expect("good");
    let refused = || config.read_keys().err().expect("no secret").to_string();
    open_to(&secret, 0o644);
    assert!(refused().contains("dpcn.secret: everybody on this host may use it (mode 0644)"), "{}", refused());
    open_to(&secret, 0o600);
    let text = refused();
    assert!(text.contains("dpcn.secret") && text.contains("64") && !text.contains("beef"), "{text}");
}

#[test]
fn a_file_without_an_end_is_refused() {
    let endless = Config::load(Path::new("/dev/zero")).expect_err("it has no end").to_string();
    assert!(endless.contains("/dev/zero: file: is larger than 1048576 bytes"), "{endless}");
}
