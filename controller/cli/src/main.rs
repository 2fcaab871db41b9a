//! `ridectl`: what an operator or auditor types.
//!
//! Exit status: 0 ok; 1 a negative answer (an audit that does not hold, a transfer that would be refused); 2 usage or something that cannot be read;
//! and of commands to the site: 3 nobody leads, or no replica answers; 4 refused; 5 it is not known what became of it (the log says).

mod ask;
mod audit;
mod check;
mod cluster;
mod columns;
mod debug;
mod ended;
mod explain;
mod keys;
mod manual;
mod model;
mod output;
mod parquet_file;
mod pki;
mod site;
mod telemetry;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::ask::UnknownOutcome;
use crate::ended::Ended;
use crate::output::Output;

/// Ask a Ridethrough cluster, or its log.
#[derive(Debug, Parser)]
#[command(name = "ridectl", version)]
struct Arguments {
    /// How to print.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Review the log of a replica, offline, from its data folder or a copy of it.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Ask what would be done, without anything being done.
    #[command(subcommand)]
    Check(check::Command),
    /// Say who is in the cluster and who leads, and change either; take and restore backups.
    #[command(subcommand, visible_aliases = ["member", "leader"])]
    Cluster(cluster::Command),
    /// Gather what whoever helps wants to know.
    #[command(subcommand)]
    Debug(debug::Command),
    /// Make the field network's secrets and hand them out.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Say what drives the forecast of a rack or a row, of a running replica.
    Explain(explain::Asked),
    /// Sign and verify models of the forecast.
    #[command(subcommand)]
    Model(model::Command),
    /// Make the certificates that replicas know each other by, and look at them.
    #[command(subcommand)]
    Pki(pki::Command),
    /// Look at what replicas recorded of what they heard, or export it as Parquet.
    #[command(subcommand)]
    Telemetry(telemetry::Command),
    #[command(flatten)]
    See(site::Seen),
    #[command(flatten)]
    Ask(site::Asked),
    /// Write the manual pages, for packages.
    #[command(hide = true)]
    Man(manual::Pages),
    /// Print what a shell completes, for packages.
    #[command(hide = true)]
    Completions(manual::Completions),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (output, well) = (arguments.output, Ended::from);
    let answered = match &arguments.command {
        Command::Audit(command) => audit::run(command, output).map(well),
        Command::Check(command) => check::run(command, output).map(well),
        Command::Cluster(command) => cluster::run(command, output),
        Command::Debug(command) => debug::run(command, output).map(well),
        Command::Explain(asked) => explain::run(asked, output).map(well),
        Command::Keys(command) => keys::run(command).map(well),
        Command::Model(command) => model::run(command, output),
        Command::Pki(command) => pki::run(command, output).map(well),
        Command::Telemetry(command) => telemetry::run(command, output).map(well),
        Command::See(seen) => site::see(seen, output),
        Command::Ask(asked) => site::ask(asked, output),
        Command::Man(asked) => manual::pages(asked, Arguments::command()).map(well),
        Command::Completions(asked) => Ok(well(manual::completions(asked, Arguments::command()))),
    };
    match answered {
        Ok(ended) => ended.into(),
        Err(error) => {
            eprintln!("ridectl: {error:#}");
            if error.is::<UnknownOutcome>() { Ended::Unknown.into() } else { ExitCode::from(2) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command line is refused, and the message says why.
    fn check(line: &str, expected: &str) {
        let error = Arguments::try_parse_from(line.split(' ')).expect_err(expected);
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.to_string().contains(expected), "expected `{expected}` in: {error}");
    }

    #[test]
    fn bad_amounts_and_spans_are_refused_before_any_log_is_read() {
        let check_with = |words: &str, expected| check(&format!("ridectl check transfer --dir n1 {words}"), expected);
        check_with("--watts 100", "--rack <RACK>");
        check_with("--rack A1", "--watts <WATTS>");
        check_with("--rack A1 --watts 0", "0 is not in 1..=1000000000");
        check_with("--rack A1 --watts=-5", "-5 is not in 1..=1000000000");
        check_with("--rack A1 --watts 4.5kW", "invalid value '4.5kW' for '--watts <WATTS>'");
        check_with("--rack A1 --watts 5 --seconds 601", "601 is not in 1..=600");
        check("ridectl check transfer --rack A1 --watts 5", "--dir <DIR>");
        check("ridectl cluster transfer --data-dir n1 --to 0 --reason x", "0 is not in 1..");
        check("ridectl cluster transfer --data-dir n1 --to 2", "--reason <REASON>");
        check("ridectl cluster forget --data-dir n1 --replica 0 --reason x", "0 is not in 1..");
        check("ridectl cluster forget --data-dir n1 --replica 3", "--reason <REASON>");
        check("ridectl cluster add --data-dir n1 --replica 3 --address n3:7301 --reason x", "invalid socket address");
        check("ridectl cluster restore --from b --config n1.toml --above-term 7", "--above-index <INDEX>");
        check("ridectl shed A1 --to 6 --for 10m --data-dir n1 --reason x", "expected watts with their unit");
        check("ridectl shed A1 --to 6kW --for 10 --data-dir n1 --reason x", "expected a span such as");
        check("ridectl hold K1 --data-dir n1", "--reason <REASON>");
        check("ridectl hold K1 --data-dir n1 --reason x --request 7", "32 hexadecimal digits");
        check("ridectl outcome 7 --data-dir n1", "32 hexadecimal digits");
        check("ridectl manual yes --data-dir n1 --reason x", "invalid value 'yes'");
        let good = "ridectl check transfer --dir n1 --rack A1 --watts 4000 --seconds 600 -o json";
        assert!(Arguments::try_parse_from(good.split(' ')).is_ok());
    }
}
