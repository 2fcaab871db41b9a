//! Stands where etcd would be measured, in a build without a gRPC client.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

/// There is none.
pub struct Etcd(Infallible);

impl Etcd {
    /// Says so.
    pub fn start(_: &Path) -> Result<Self> {
        bail!("this program is built without its feature `etcd`: cargo bench-commit has it")
    }

    pub fn serial(&mut self, _: usize) -> Result<Vec<Duration>> {
        match self.0 {}
    }

    pub fn parallel(&mut self, _: usize, _: usize) -> Result<Duration> {
        match self.0 {}
    }
}
