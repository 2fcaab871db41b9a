//! The pure core of Ridethrough: what the controller *is*.
//!
//! Everything here is a function of its inputs: no socket, clock, thread, file or dice, and no float in any
//! decision. The parts, in the order in which a decision passes them:
//!
//! ```text
//! site (what stands where) ─┐
//! view (what was measured) ─┼─► planner ─► envelope ─► [raft commits] ─► ledger ─► dispatch
//! forecast (what may come) ─┘   proposes    admits                       applies    releases orders
//! └──────────────── control: one replica, driven by events ─────────────────────────────────────┘
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`units`] | integer quantities with checked arithmetic (from `ridethrough-vocabulary`, which devices share) |
//! | [`site`] | rows, racks, servers, KESMs, ties, feeds; parsed from TOML |
//! | [`device`] | device addresses, fences, setpoints, orders, readings |
//! | [`forecast`] | a rack's predicted demand and where it came from |
//! | [`fallback`] | what is told, and when, of forecasts that fall back to the rule |
//! | [`view`] | the newest reading of every device, with its age |
//! | [`electrical`] | cable and converter losses, voltage drop |
//! | [`command`] | what the replicated log carries |
//! | [`drill`] | faults that people cause on purpose, as the log keeps them |
//! | [`alarm`] | what is wrong and wants somebody: raised, acknowledged, shelved |
//! | [`members`] | who belongs to the cluster, as operators wish it |
//! | [`model`] | which model decides, which is tried beside it |
//! | [`mode`] | what a feed is doing: normal, ride-through, generator, shutdown, recovery |
//! | [`breaker`] | for how long a breaker bears too much |
//! | [`operate`] | what operators may do |
//! | [`capping`] | how a PDU shares a cap out among servers |
//! | [`flow`] | minimum-cost flows over convex costs, in integers |
//! | [`trust`] | why a device is not relied on |
//! | [`request`] | what an operator's request is known by |
//! | [`planner`] | racks at risk, sources, paths of least loss |
//! | [`envelope`] | the limits that every plan must satisfy |
//! | [`ledger`] | the deterministic state that the log drives |
//! | [`dispatch`] | which committed orders may go out now |
//! | [`crosscheck`] | what a follower thinks of what its leader had committed |
//! | [`control`] | all of the above at work in one replica: events in, commands out |
//! | [`audit`] | replays a log and explains its decisions |

pub mod alarm;
pub mod audit;
pub mod breaker;
mod canon;
pub mod capping;
#[cfg(test)]
mod cases;
pub mod command;
pub mod control;
pub mod crosscheck;
pub mod dispatch;
pub mod drill;
pub mod electrical;
pub mod envelope;
#[cfg(test)]
mod example;
pub mod fallback;
pub mod flow;
pub mod forecast;
mod last;
pub mod ledger;
pub mod members;
pub mod mode;
pub mod model;
pub mod operate;
pub mod planner;
pub mod request;
pub mod site;
pub mod trust;
pub mod view;
#[cfg(test)]
mod words;

pub use ridethrough_vocabulary::{device, units};
