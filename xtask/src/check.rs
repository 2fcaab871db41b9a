//! `cargo xtask test`: everything that must hold before a change lands.

use anyhow::Result;

use crate::shell::{cargo, step, target};
use crate::tool::Tool;
use crate::{auditable, debian, drill, firmware, fuzz, package, python, raft_sim, runtime};

/// The version of cargo-deny that `deny.toml` was written for.
const DENY: Tool = Tool { name: "deny", version: "0.20.2", options: &["--no-default-features"], takes: "minutes" };
/// Benches that run short here so that they never rot, as the tests are built: in release mode all would be built once more. The
/// nightly command has those of commits and inference.
const BENCHES: &[&str] = &["flow", "plan", "append", "dpcn", "step", "realtime"];

/// Where tests find the programs that they start.
const PROGRAMS: &str = "RIDETHROUGH_PROGRAMS";

/// Formatting, lints, firmware, docs, tests, benches, fuzzing. The tests start the real programs, so those are built with
/// them, as the tests are: in release mode everything would be built once more, which takes minutes. The nightly command
/// starts them as they are released.
pub fn all() -> Result<()> {
    step("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    step("formatting of fuzz targets", &mut cargo(&["fmt", "--check", "--manifest-path", fuzz::MANIFEST]))?;
    runtime::ensure()?;
    debian::ensure(debian::TSHARK)?;
    debian::ensure(debian::DUMPCAP)?;
    debian::ensure(debian::STRACE)?;
    debian::ensure(debian::IPROUTE)?;
    debian::ensure(debian::CURL)?;
    debian::ensure(debian::PS)?;
    debian::ensure(debian::CHROMEDRIVER)?;
    debian::ensure(debian::SYSTEMD)?;
    debian::ensure_unpacked(debian::PROMETHEUS)?;
    debian::ensure_unpacked(debian::NODE_EXPORTER)?;
    debian::ensure_unpacked(debian::ALERTMANAGER)?;
    for part in [debian::UPSMON, debian::UPSCLIENT, debian::NSS, debian::NSPR, debian::MBPOLL, debian::MODBUS] {
        debian::ensure_unpacked(part)?;
    }
    python::ensure(python::REDFISH)?;
    python::ensure(python::CYCLONEDX)?;
    for part in [debian::SNMPGET, debian::NETSNMP, debian::SNMPUPS, debian::UPSD, debian::WRAP] {
        debian::ensure_unpacked(part)?;
    }
    let programs = target().join("debug");
    auditable::TOOL.ensure()?;
    step("building", &mut auditable::cargo(&["build", "--workspace", "--bins", "--tests", "--locked", "--quiet"]))?;
    package::of("dev", "debug")?;
    let lints = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"];
    step("lints", &mut cargo(&lints))?;
    firmware::build()?;
    let mut docs = cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
    step("docs", docs.env("RUSTDOCFLAGS", "-D warnings"))?;
    let mut tests = auditable::cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    step("tests", tests.env(PROGRAMS, &programs))?;
    let mut benches = auditable::cargo(&["test", "--workspace", "--locked"]);
    for bench in BENCHES {
        benches.args(["--bench", bench]);
    }
    step("short benches", &mut benches)?;
    // Windows that suit a machine which does other things, too.
    drill::short_failover(&programs)?;
    raft_sim::slice()?;
    fuzz::slice()
}

/// Licences, bans and sources. The advisory database is not reachable offline; SECURITY.md says so.
pub fn deny() -> Result<()> {
    DENY.ensure()?;
    step("licences, bans, sources", &mut cargo(&["deny", "check", "licenses", "bans", "sources"]))?;
    let mut of_fuzz =
        cargo(&["deny", "--manifest-path", fuzz::MANIFEST, "--config", "deny.toml", "--log-level", "error"]);
    step("the same of the fuzz targets", of_fuzz.args(["check", "licenses", "bans", "sources"]))
}
