//! A read-only web view of one replica: what it last published, nothing that could move anything.
//!
//! | path | what |
//! |---|---|
//! | `/` | the operators' page: plain HTML, style sheets and ES modules in `page/`, part of the binary |
//! | `/api/site` | what does not change, a [`SiteView`] as JSON, with the addresses of the other replicas' pages |
//! | `/api/events` | the newest [`Snapshot`] again and again, as server-sent events (`now` and `decisions`) |
//! | `/api/snapshot` | the [`Snapshot`] as JSON |
//! | `/api/servers` | what every server draws, a [`ServerView`] each, as JSON |
//! | `/api/explain/RACK` | what drives the forecast of a rack, as JSON; one at a time, others are asked to come again (503) |
//! | `/metrics` | Prometheus text |
//!
//! The control thread publishes by one pointer swap and never waits for a reader.

mod assets;
mod decision;
mod events;
mod origins;
mod patience;
mod server;
mod site;
mod snapshot;
#[cfg(test)]
mod tests;

pub use decision::{AckView, DecisionView, RiskView};
pub use server::{Explain, OnRequest, ServeError, Server, Servers};
pub use site::{FeedPlace, KesmPlace, RackPlace, RowPlace, SiteView, TiePlace};
pub use snapshot::{
    AlarmView, AuditView, CapView, Counters, DisputeView, DrillView, FeedView, KesmView, LeasesView, LegView, LockView,
    ModelsView, PlanView, QuarantineView, RackView, ScoreView, ServerView, ShedView, Snapshot, TieView, TransferView,
};
