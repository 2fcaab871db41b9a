//! A read-only web view of one replica: what it last published, nothing that could move anything.
//!
//! | path | what |
//! |---|---|
//! | `/` | one page that redraws itself from the snapshot |
//! | `/api/snapshot` | the [`Snapshot`] as JSON |
//! | `/api/servers` | what every server draws, a [`ServerView`] each, as JSON |
//! | `/metrics` | Prometheus text |
//!
//! The control thread publishes by one pointer swap and never waits for a reader.

mod server;
mod snapshot;

pub use server::{ServeError, Server, Servers};
pub use snapshot::{
    AlarmView, CapView, Counters, DisputeView, FeedView, KesmView, ModelsView, PlanView, QuarantineView, RackView,
    ScoreView, ServerView, ShedView, Snapshot, TransferView,
};
