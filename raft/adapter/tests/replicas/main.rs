//! Replicas on real sockets and files, several in one process. One program, as each is linked with all of openraft; only what counts
//! refusals (`peer_tls`) is another, since a process has one recorder of metrics.

mod audit_tree;
mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod disk;
mod handover;
mod members;
mod peer_port;
mod refusals;
mod retention;
