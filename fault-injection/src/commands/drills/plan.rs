//! What a drill would do, without doing it.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use ridethrough_fault_injection::drill::Drill;
use ridethrough_fault_injection::scenario::Scenario;

use super::find::Folder;

/// Shows what a drill would do, to whom, and what it would check. Does nothing.
#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    folder: Folder,
    /// The drill, by name or file.
    #[arg(value_name = "NAME|FILE")]
    name: String,
}

impl Plan {
    /// Prints it.
    pub fn run(&self) -> Result<ExitCode> {
        let (file, drill) = self.folder.find(&self.name)?;
        let scenario = Scenario::load(&drill.plant)?;
        drill.check_site(&file.display().to_string(), &scenario.site)?;
        print!("{}", text(&drill, &scenario));
        Ok(ExitCode::SUCCESS)
    }
}

fn text(drill: &Drill, scenario: &Scenario) -> String {
    let site = &scenario.site;
    let mut text = format!("{}: {}\n\n", drill.name, drill.about);
    let mut line = |head: &str, rest: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{head:9} {rest}");
    };
    line(
        "stage",
        format!(
            "3 replicas and the plant of `{}`: {} racks, {} modules",
            scenario.name,
            site.racks.len(),
            site.kesms.len()
        ),
    );
    if drill.runs_two_programs() {
        line("programs", format!("two, of which one is named with `--with FILE`; all begin as {}", drill.begins_with));
    }
    line("touches", format!("at most {} of 3 replicas at once", drill.replicas_touched()));
    let steady = match drill.steady.transfers {
        0 => String::new(),
        transfers => format!(", {transfers} transfers in force"),
    };
    line(
        "steady",
        format!(
            "one leads, the others follow, every device is heard{steady}; within {} s, and again within {} s",
            drill.steady.within_s, drill.expect.recovered_within_s
        ),
    );
    line("log", "an entry says that it begins, another one how it ended".into());
    for fault in &drill.faults {
        let span = fault.for_s.map_or_else(|| "at once".into(), |seconds| format!("for {seconds} s"));
        line("fault", format!("after {} s, {span}: {}", fault.at_s, fault.kind.describe()));
    }
    line(
        "abort",
        format!(
            "once {} racks are dark, nobody has led for {} s, on Ctrl-C, on `drill abort`",
            drill.abort.trips, drill.abort.leaderless_s
        ),
    );
    for budget in drill.expect.budgets() {
        line("expects", budget);
    }
    line(
        "always",
        "nothing uncommitted executed, nothing twice, no fence falls, logs agree and verify, one acts in a term".into(),
    );
    text
}
