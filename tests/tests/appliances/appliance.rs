//! One appliance.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ridethrough_tests::{Ended, Running, read, root, run_command, wait_until};
use serde_json::Value;

use super::hall::NETWORKS;

/// What the unit is called.
pub const SERVICE: &str = "ridethroughd";
/// The service manager, where Debian has it.
const SYSTEMD: &str = "/lib/systemd/systemd";
/// How long anything may take that is waited for: only what never comes meets it.
const DEADLINE: Duration = Duration::from_mins(2);
/// Where version 2 of control groups is: alone, or beside version 1.
const CGROUPS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// A system of its own.
pub struct Appliance {
    /// Counted from 1.
    pub id: u16,
    /// Its host's name.
    pub name: String,
    /// Its first process, as it is numbered here.
    init: u32,
    groups: PathBuf,
    // Ends the system with all that runs in it.
    holder: Option<Running>,
}

/// Why this machine has no appliances; none where it has.
pub fn refused(home: &Path) -> Option<String> {
    if fs::metadata("/proc/self").map_or(true, |own| own.uid() != 0) {
        return Some("only root may make them".into());
    }
    if !Path::new(SYSTEMD).exists() {
        return Some(format!("there is no {SYSTEMD}"));
    }
    let Some(groups) = groups("probe") else { return Some("no control groups of version 2".into()) };
    sweep();
    let mut probe = script(home, "probe", &groups);
    let ended = run_command(DEADLINE, probe.arg("true"));
    // One that could not be made is not there.
    let _ = fs::remove_dir(&groups);
    (!ended.status.success()).then_some(ended.stderr)
}

/// Where version 2 of control groups is.
fn all_groups() -> Option<&'static Path> {
    CGROUPS.iter().map(Path::new).find(|folder| folder.join("cgroup.controllers").exists())
}

fn groups(name: &str) -> Option<PathBuf> {
    Some(all_groups()?.join(format!("ridethrough-{name}-{}", std::process::id())))
}

/// What tests left behind that were killed.
fn sweep() {
    for entry in all_groups().into_iter().flat_map(fs::read_dir).flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let of = name.strip_prefix("ridethrough-").and_then(|rest| rest.rsplit_once('-')).map(|(_, process)| process);
        if of.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            remove_groups(&entry.path());
        }
    }
}

fn script(folder: &Path, name: &str, groups: &Path) -> Command {
    let folder = folder.join(name);
    fs::create_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut command = Command::new("sh");
    command.arg(root().join("tests/appliance.sh")).arg(folder).arg(name).arg(groups);
    command
}

impl Appliance {
    /// Starts the system, and returns once it has come up.
    pub fn boot(home: &Path, id: u16) -> Self {
        let name = format!("n{id}");
        let groups = groups(&name).expect("there was one");
        let mut command = script(home, &name, &groups);
        command.args([SYSTEMD, "--unit=basic.target", "--show-status=no"]);
        let words = fs::File::create(home.join(format!("{name}.console"))).expect("a file in a new folder");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(words);
        let mut holder = Running(command.spawn().expect("sh runs"));
        let children = format!("/proc/{0}/task/{0}/children", holder.0.id());
        let mut init = None;
        wait_until("the first process", DEADLINE, || {
            assert!(holder.runs(), "{}", read(&home.join(format!("{name}.console"))));
            // Until then it is what still builds the system.
            let child = fs::read_to_string(&children).ok().and_then(|text| text.trim().parse::<u32>().ok());
            init = child.filter(|child| {
                fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|comm| comm == "systemd\n")
            });
            init.is_some()
        });
        let appliance = Self { id, name, init: init.expect("just seen"), groups, holder: Some(holder) };
        let comes_up = ["", "initializing", "starting", "offline", "unknown"];
        let state = || appliance.try_say("systemctl is-system-running").stdout;
        wait_until("the system to be up", DEADLINE, || !comes_up.contains(&state().trim()));
        appliance
    }

    /// Connects it to the bridges of the hall.
    pub fn connect(&self) {
        for (at, network) in NETWORKS.iter().enumerate() {
            let (id, init, end) = (self.id, self.init, self.link(network));
            ip(&format!("link add {end} type veth peer name {network} netns {init}"));
            ip(&format!("link set {end} master {network} up"));
            self.says(&format!("ip addr add 10.0.{at}.{id}/24 dev {network} && ip link set {network} up"));
        }
    }

    /// Plugs all its cables in or out.
    pub fn links(&self, state: &str) {
        for network in NETWORKS {
            ip(&format!("link set {} {state}", self.link(network)));
        }
    }

    fn link(&self, network: &str) -> String {
        format!("{}-{network}", self.name)
    }

    /// What somebody types there as root.
    pub fn try_say(&self, words: &str) -> Ended {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init.to_string(), "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup"]);
        command.args(["--root", "--wd", "sh", "-c", words]).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
        command.env("DEBIAN_FRONTEND", "noninteractive").env("RIDETHROUGH_DATA_DIR", "/var/lib/ridethrough");
        run_command(DEADLINE, &mut command)
    }

    /// The same, which must do what is asked; what it said.
    pub fn says(&self, words: &str) -> String {
        let ended = self.try_say(words);
        if ended.status.success() {
            return ended.stdout.trim_end().to_owned();
        }
        let journal = self.try_say("journalctl --no-pager --lines 60").stdout;
        panic!("{}: `{words}`: {}\n{}{}\n{journal}", self.name, ended.status, ended.stdout, ended.stderr);
    }

    /// A file of it, as it is reached from here.
    pub fn file(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.init))
    }

    /// Installs a package file, or upgrades to it.
    pub fn install(&self, package: &Path) {
        fs::copy(package, self.file("/tmp/package.deb")).expect("room for a package");
        self.says("dpkg --install /tmp/package.deb && rm /tmp/package.deb");
    }

    /// What the service manager says of the service.
    pub fn property(&self, name: &str) -> String {
        self.says(&format!("systemctl show --value --property {name} {SERVICE}"))
    }

    /// The service's process, as it is numbered there.
    pub fn process(&self) -> String {
        self.property("MainPID")
    }

    /// The same as it is numbered here.
    pub fn process_outside(&self) -> u32 {
        let inside = self.process();
        let is_it = |process: &u32| {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default().to_owned();
            status.starts_with("Name:\tridethroughd\n") && numbers.split_whitespace().last() == Some(&inside)
        };
        let children = read(Path::new(&format!("/proc/{0}/task/{0}/children", self.init)));
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        children.into_iter().find(is_it).unwrap_or_else(|| panic!("{}: no process {inside}", self.name))
    }

    /// How often the service manager has started the service again by itself.
    pub fn restarts(&self) -> u32 {
        self.property("NRestarts").parse().expect("a number")
    }

    /// Waits until it has done so once more, and the service has said that it is ready.
    pub fn wait_for_restart(&self, before: u32, within: Duration) {
        wait_until("the service runs again", within, || {
            self.restarts() > before && self.property("ActiveState") == "active"
        });
    }

    /// What its replica says of the cluster; nothing while it does not answer.
    pub fn cluster(&self) -> Value {
        let ended = self.try_say("ridectl cluster status --output json");
        serde_json::from_str(&ended.stdout).unwrap_or(Value::Null)
    }

    /// Whom it takes for the leader.
    pub fn leads(&self) -> Option<u16> {
        self.cluster()["leader"].as_u64().and_then(|id| id.try_into().ok())
    }

    /// The last entry of the log that its replica has applied, once it answers.
    pub fn applied(&self) -> u64 {
        let mut applied = None;
        wait_until("its replica answers", DEADLINE, || {
            applied = self.cluster()["applied_index"].as_u64();
            applied.is_some()
        });
        applied.expect("just seen")
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        drop(self.holder.take());
        // What its services were grouped by stays until nothing runs in it.
        for _ in 0..100 {
            remove_groups(&self.groups);
            if !self.groups.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The innermost first; files there are the kernel's own.
fn remove_groups(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_groups(&entry.path());
        }
    }
    // One in which something still runs stays.
    let _ = fs::remove_dir(folder);
}

/// `ip`, at the hall's side.
pub fn ip(words: &str) {
    let mut command = Command::new("ip");
    command.args(words.split_whitespace()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let ended = run_command(DEADLINE, &mut command);
    assert_eq!(ended.code(), 0, "ip {words}: {ended:?}");
}
