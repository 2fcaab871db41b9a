//! How fast DPCN has an order carried out and knows it, beside raw UDP and other protocols.
//!
//! `cargo bench-dpcn [--output table|json] [--quick] [--only name,…]`. All cases take turns in short rounds, so that a noisy
//! neighbour disturbs all alike; only the ratios travel to another machine, and the cache-line round trip says how far.
//!
//! | module | subject |
//! |---|---|
//! | [`rounds`] | cases, turns, pace |
//! | [`session`] | a replica's end and its devices' ends in one session, orders from a real ledger |
//! | [`floor`], [`inline`] | one order to one device: raw UDP, and with all checks of both ends |
//! | [`rings`] | from a control thread through the link |
//! | [`networks`] | the same over two networks at once, and with one of them dead |
//! | [`fanout`] | one order to each of many devices |
//! | [`hogged`], [`flood`] | with the cores busy, and under forged frames |
//! | [`stages`] | what each stage of an order costs its end, without sockets |
//! | [`peers`] | other protocols |
//! | [`report`] | what is told, and the bars |

mod fanout;
mod flood;
mod floor;
mod hogged;
mod inline;
mod networks;
mod options;
mod peers;
mod report;
mod rings;
mod rounds;
mod session;
mod stages;

use std::process::ExitCode;

use options::Options;
use ridethrough_dpcn_bench::cores::Scheduling;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("bench-dpcn: {wrong}");
            return ExitCode::from(2);
        }
    };
    // Inherited by all threads and programs that the bench starts, so that the machine's other work disturbs none of them.
    let scheduling = Scheduling::best();
    scheduling.adopt();
    match report::measure(&options, scheduling) {
        Ok(report) => {
            options.output.print(&report);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench-dpcn: {error:#}");
            ExitCode::FAILURE
        }
    }
}
