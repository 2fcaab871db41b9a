//! A replica that gets no more memory: what it asks for next is refused, and it ends.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::libc::SIGABRT;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::super::stage::Stage;
use super::{Fault, start_if_ended};

/// So much writable memory of its own may a process have that gets no more: less than any has. Not 0, which Linux takes for
/// no limit in a process that may lift it.
const NO_MORE_BYTES: u64 = 4_096;
/// What a Rust program says as its last word when memory is refused.
const REFUSED: &str = "memory allocation of ";
/// A replica in its steady state lives on what it has for many seconds. Whoever reads its page makes it ask for more: so many
/// more readers come at every look.
const READERS_MORE: usize = 8;
/// And so many at most: a page turns more away.
const READERS_MAX: usize = 240;
/// How long a reader waits for the connection.
const CONNECT_DEADLINE: Duration = Duration::from_millis(20);

/// No more memory for a replica's process, until it ends.
pub(super) struct Out {
    id: u16,
    readers: Vec<TcpStream>,
}

impl Out {
    pub(super) fn new(id: u16) -> Self {
        Self { id, readers: Vec::new() }
    }

    /// One that is no longer taken is no fault: the process may have just ended.
    fn more_readers(&mut self, page: SocketAddr) {
        let request = format!("GET /api/snapshot HTTP/1.1\r\nHost: {page}\r\n\r\n");
        for _ in 0..READERS_MORE.min(READERS_MAX - self.readers.len()) {
            let Ok(mut reader) = TcpStream::connect_timeout(&page, CONNECT_DEADLINE) else { return };
            if reader.write_all(request.as_bytes()).is_ok() {
                self.readers.push(reader);
            }
        }
    }
}

impl Fault for Out {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        let process = stage.cluster.process(self.id).with_context(|| format!("n{} does not run", self.id))?;
        let process = Pid::from_raw(process.try_into()?);
        // The hard limit stays what it inherited from us: only a privileged process may raise it.
        let limit = Rlimit { current: Some(NO_MORE_BYTES), maximum: getrlimit(Resource::Data).maximum };
        prlimit(process, Resource::Data, limit).with_context(|| format!("n{} cannot be limited", self.id))?;
        Ok(())
    }

    /// It has ended by the signal that a program sends itself, and says that memory was refused.
    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let Some(status) = stage.cluster.node_mut(self.id)?.end()? else {
            self.more_readers(stage.cluster.node(self.id)?.http);
            return Ok(None);
        };
        let ended = stage.cluster.ended()?.into_iter().find(|(id, _)| *id == self.id);
        let said = ended.and_then(|(_, words)| words.lines().find(|line| line.starts_with(REFUSED)).map(str::to_owned));
        let said = said.filter(|_| status.signal() == Some(SIGABRT));
        Ok(said.map(|said| format!("n{} ended by {status}: {said}", self.id)))
    }

    fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        self.readers.clear();
        let Some(process) = stage.cluster.process(self.id) else { return Ok(()) };
        if stage.cluster.node_mut(self.id)?.end()?.is_none() {
            // One that has lived on may have memory again.
            prlimit(Pid::from_raw(process.try_into()?), Resource::Data, getrlimit(Resource::Data))?;
        }
        start_if_ended(stage, self.id)
    }
}
