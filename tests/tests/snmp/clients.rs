//! Debian's clients: `snmpget` and the others of net-snmp, and NUT's `snmp-ups` with the `upsd` and `upsc` that read it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ridethrough_fault_injection::demo::ports;
use ridethrough_tests::{Ended, Running, debian, run_command, write};

/// How long a client may take, which waits twice for a second at the most.
const CLIENT_DEADLINE: Duration = Duration::from_secs(20);

/// Whoever asks, as net-snmp's options say it.
#[derive(Clone, Debug)]
pub struct Manager {
    /// Version, user and passwords, or a community.
    pub options: Vec<String>,
}

impl Manager {
    /// A user of version 3 at this level, by SHA-256 and AES.
    pub fn v3(level: &str, user: &str, [auth, privacy]: [&str; 2]) -> Self {
        let words = ["-v3", "-l", level, "-u", user, "-a", "SHA-256", "-A", auth, "-x", "AES", "-X", privacy];
        Self { options: words.map(String::from).to_vec() }
    }

    /// Whoever says this community, by version `1` or `2c`.
    pub fn community(version: &str, community: &str) -> Self {
        Self { options: ["-v", version, "-c", community].map(String::from).to_vec() }
    }

    /// The same, about this rack.
    pub fn of_rack(&self, rack: &str) -> Self {
        let mut options = self.options.clone();
        options.extend(["-n", rack].map(String::from));
        Self { options }
    }

    /// What a client of net-snmp says: values alone, names as numbers.
    pub fn run(&self, client: &str, at: SocketAddr, words: &[&str]) -> Ended {
        let home = tempfile::tempdir().expect("a folder for what it keeps");
        let mut command = Command::new(debian::program("snmp", client));
        command.env("LD_LIBRARY_PATH", debian::libraries(&["libsnmp40"])).env("MIBS", "");
        command.env("SNMPCONFPATH", home.path()).env("SNMP_PERSISTENT_DIR", home.path());
        command.args(["-t", "1", "-r", "1", "-Onqet"]).args(&self.options).arg(at.to_string()).args(words);
        run_command(CLIENT_DEADLINE, &mut command)
    }

    /// What one object under `1.3.6.1.2.1` is worth.
    pub fn get(&self, at: SocketAddr, object: &str) -> Result<String, String> {
        let ended = self.run("snmpget", at, &["-Ov", &format!("1.3.6.1.2.1.{object}")]);
        match ended.code() {
            0 => Ok(ended.stdout.trim().trim_matches('"').to_owned()),
            _ => Err(ended.stderr.trim().to_owned()),
        }
    }

    /// The same, of what must be a number.
    pub fn number(&self, at: SocketAddr, object: &str) -> Option<i64> {
        self.get(at, object).ok()?.parse().ok()
    }

    /// Everything under `1.3.6.1.2.1`, by `snmpwalk` or `snmpbulkwalk`: names and values.
    pub fn walk(&self, client: &str, at: SocketAddr) -> Vec<(String, String)> {
        let ended = self.run(client, at, &["1.3.6.1.2.1"]);
        assert_eq!(ended.code(), 0, "{ended:?}");
        let line = |line: &str| line.split_once(' ').map(|(name, value)| (name.to_owned(), value.to_owned()));
        ended.stdout.lines().filter_map(line).collect()
    }
}

/// NUT's driver that reads an agent, and the server that `upsc` asks.
pub struct Nut {
    driver: Running,
    upsd: Running,
    at: SocketAddr,
    home: PathBuf,
}

fn nut(package: &str, name: &str, home: &Path) -> Command {
    let mut command = Command::new(debian::program(package, name));
    let libraries = ["libsnmp40", "libwrap0", "libupsclient6", "libnss3", "libnspr4"];
    command.env("LD_LIBRARY_PATH", debian::libraries(&libraries)).env("MIBS", "");
    command.env("NUT_CONFPATH", home).env("NUT_STATEPATH", home).env("NUT_ALTPIDPATH", home).env("NUT_PIDPATH", home);
    command.env("SNMPCONFPATH", home).env("SNMP_PERSISTENT_DIR", home).current_dir(home);
    command
}

impl Nut {
    /// Starts both, in a folder of this name; `section` is what `ups.conf` says beside the address.
    pub fn start(home: &Path, name: &str, agent: SocketAddr, section: &str) -> Self {
        let home = home.join(name);
        fs::create_dir(&home).expect("a new folder");
        let (port, held) = ports::tcp().expect("loopback has free ports");
        write(
            &home.join("ups.conf"),
            format!("[site]\ndriver = snmp-ups\nmibs = ietf\nport = {agent}\npollfreq = 2\n{section}"),
        );
        write(&home.join("upsd.conf"), format!("LISTEN 127.0.0.1 {port}\nMAXAGE 10\n"));
        write(&home.join("upsd.users"), "");
        drop(held);
        let start = |package: &str, name: &str, words: &[&str]| {
            let log = File::create(home.join(name)).expect("a file in a new folder");
            let mut command = nut(package, name, &home);
            command.args(words).stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log);
            Running(command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}")))
        };
        let driver = start("nut-snmp", "snmp-ups", &["-F", "-a", "site", "-u", "root"]);
        let upsd = start("nut-server", "upsd", &["-F", "-u", "root"]);
        Self { driver, upsd, at: ([127, 0, 0, 1], port).into(), home }
    }

    /// What `upsc` reads of a variable; both go on.
    pub fn read(&mut self, variable: &str) -> Result<String, String> {
        for (one, name) in [(&mut self.driver, "snmp-ups"), (&mut self.upsd, "upsd")] {
            assert!(one.runs(), "{name} ended: {:?}", fs::read_to_string(self.home.join(name)));
        }
        let mut upsc = nut("nut-client", "upsc", &self.home);
        let ended = run_command(CLIENT_DEADLINE, upsc.args([&format!("site@{}", self.at), variable]));
        match ended.code() {
            0 => Ok(ended.stdout.trim().to_owned()),
            _ => Err(ended.stderr.trim().to_owned()),
        }
    }

    /// Everything that `upsc` reads.
    pub fn all(&self) -> String {
        run_command(CLIENT_DEADLINE, nut("nut-client", "upsc", &self.home).arg(format!("site@{}", self.at))).stdout
    }
}
