//! Programs that neither cargo nor pip can bring: Debian packages, installed only where that needs no password.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::shell::{root, step};

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// How it is called.
    name: &'static str,
    /// The package that it comes in.
    package: &'static str,
    /// What it is for.
    purpose: &'static str,
}

/// Dissects captures.
pub const TSHARK: Program = Program { name: "tshark", package: "tshark", purpose: "to run io/wireshark/dpcn.lua" };
/// Captures; it comes with tshark.
pub const DUMPCAP: Program = Program { name: "dumpcap", package: "tshark", purpose: "to capture the demo's frames" };
/// Tells which system calls the field network's thread makes.
pub const STRACE: Program = Program { name: "strace", package: "strace", purpose: "to count system calls" };
/// Comes with `ip`, which sets up the network namespace of two tests, and, unlike it, tells its version as others do.
pub const IPROUTE: Program = Program { name: "ss", package: "iproute2", purpose: "with `ip`, to count what leaves" };
/// Asks replicas for what they publish, as runbooks do.
pub const CURL: Program = Program { name: "curl", package: "curl", purpose: "to type what runbooks want typed" };
/// Tells how threads run, as runbooks do.
pub const PS: Program = Program { name: "ps", package: "procps", purpose: "to type what runbooks want typed" };
/// Drives Chromium, which comes with it, through the operators' page.
pub const CHROMEDRIVER: Program = Program {
    name: "chromedriver",
    package: "chromium-driver",
    purpose: "to look at the operators' page as people do",
};
/// Judges the service and, in the appliances of a test, is their first process; nothing of it is started here.
pub const SYSTEMD: Program =
    Program { name: "systemd-analyze", package: "systemd", purpose: "to run the service as a host does" };
/// Builds libFuzzer.
pub const CXX: Program = Program { name: "c++", package: "g++", purpose: "to build libFuzzer" };

/// Scrapes and pushes.
pub const PROMETHEUS: Program =
    Program { name: "prometheus", package: "prometheus", purpose: "to push to the intake as senders do" };
/// What it scrapes.
pub const NODE_EXPORTER: Program = Program {
    name: "prometheus-node-exporter",
    package: "prometheus-node-exporter",
    purpose: "to be scraped as servers are",
};

/// Takes the alerts of it.
pub const ALERTMANAGER: Program = Program {
    name: "prometheus-alertmanager",
    package: "prometheus-alertmanager",
    purpose: "to receive an alert as operators' does",
};

/// Shuts hosts down when a UPS says so, as every server runs it.
pub const UPSMON: Program =
    Program { name: "upsmon", package: "nut-client", purpose: "to be told to shut down as servers are" };
/// What it is linked with.
pub const UPSCLIENT: Program = Program { name: "libupsclient.so.6", package: "libupsclient6", purpose: "by upsmon" };
/// What that is linked with.
pub const NSS: Program = Program { name: "libnss3.so", package: "libnss3", purpose: "by libupsclient" };
/// What that is linked with.
pub const NSPR: Program = Program { name: "libnspr4.so", package: "libnspr4", purpose: "by libnss3" };

/// Reads registers, as a building's supervision does.
pub const MBPOLL: Program =
    Program { name: "mbpoll", package: "mbpoll", purpose: "to read registers as supervision does" };
/// What it is linked with.
pub const MODBUS: Program = Program { name: "libmodbus.so.5", package: "libmodbus5", purpose: "by mbpoll" };

/// Asks agents, as a network's management does.
pub const SNMPGET: Program = Program { name: "snmpget", package: "snmp", purpose: "to ask agents as management does" };
/// What it is linked with.
pub const NETSNMP: Program = Program { name: "libnetsnmp.so.40", package: "libsnmp40", purpose: "by snmpget" };
/// Reads an agent as a UPS, which `upsd` tells `upsc`.
pub const SNMPUPS: Program =
    Program { name: "snmp-ups", package: "nut-snmp", purpose: "to read a UPS by SNMP as NUT does" };
/// Tells `upsc` what that reads.
pub const UPSD: Program = Program { name: "upsd", package: "nut-server", purpose: "to tell what snmp-ups reads" };
/// What it is linked with.
pub const WRAP: Program = Program { name: "libwrap.so.0", package: "libwrap0", purpose: "by upsd" };

/// Commits beside ours.
pub const ETCD: Program = Program { name: "etcd", package: "etcd-server", purpose: "to be measured beside our log" };

/// Makes sure that the program is there, or lies unpacked below `.runtime/debian`: its package would start a service if it
/// were installed. Needs no rights, and apt checks what it fetches.
pub fn ensure_unpacked(program: Program) -> Result<()> {
    let Program { name, package, purpose } = program;
    let folder = root().join(".runtime/debian");
    let unpacked = folder.join(package);
    if is_there(name) || holds(&unpacked, name) {
        return Ok(());
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "{name} is needed {purpose}: put it into a folder of $PATH; on Debian and Ubuntu this fetches it by itself"
        );
    }
    let download = folder.join("download").join(package);
    fs::create_dir_all(&download)?;
    if fetch(package, &download).is_err() {
        bail!("{name} is needed {purpose}, and apt-get could not fetch it: try again after `sudo apt-get update`");
    }
    for file in fs::read_dir(&download)? {
        step(&format!("unpacking {package}"), Command::new("dpkg-deb").arg("-x").arg(file?.path()).arg(&unpacked))?;
    }
    fs::remove_dir_all(&download)?;
    Ok(())
}

/// Whether a file of this name lies anywhere in an unpacked package.
fn holds(folder: &Path, name: &str) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder { holds(&entry.path(), name) } else { entry.file_name() == name }
    })
}

fn fetch(package: &str, download: &Path) -> Result<()> {
    let what = format!("fetching the Debian package {package} (once)");
    let once = || step(&what, apt_get(&["download", "--quiet", package]).current_dir(download).stdout(Stdio::null()));
    if once().is_ok() {
        return Ok(());
    }
    // Lists of packages may be old or missing; only root may fetch new ones.
    step("asking for the newest list of packages", apt_get(&["update", "--quiet"]).stdout(Stdio::null()))?;
    once()
}

/// Makes sure that the program is there; an error says what to install.
pub fn ensure(program: Program) -> Result<()> {
    let Program { name, package, purpose } = program;
    if is_there(name) {
        return Ok(());
    }
    if !Path::new("/usr/bin/apt-get").exists() || !is_root() {
        bail!("{name} is needed {purpose}: install it, on Debian and Ubuntu with `sudo apt-get install {package}`");
    }
    if install(package).is_err() {
        // Lists of packages may be old or missing.
        step("asking for the newest list of packages", apt_get(&["update", "--quiet"]).stdout(Stdio::null()))?;
        install(package)?;
    }
    if is_there(name) {
        Ok(())
    } else {
        bail!("the Debian package {package} brought no {name}, which is needed {purpose}")
    }
}

fn install(package: &str) -> Result<()> {
    let words = ["install", "--yes", "--quiet", "--no-install-recommends", package];
    step(&format!("installing the Debian package {package} (once)"), apt_get(&words).stdout(Stdio::null()))
}

fn apt_get(words: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_there(name: &str) -> bool {
    let mut command = Command::new(name);
    let asked = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    let asked = Command::new("id").arg("-u").output();
    asked.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
