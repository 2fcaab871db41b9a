//! What the machine needs for one commit, whoever asks: one round trip over loopback and two data syncs, the leader's and a
//! follower's, one after the other.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Data syncs in each.
const SYNCS: u64 = 2;

/// A file and a connection that nobody else uses.
#[derive(Debug)]
pub struct Floor {
    near: TcpStream,
    echo: Option<JoinHandle<()>>,
    file: File,
    /// Where the next write goes, in bytes.
    end: u64,
    entry: Vec<u8>,
}

impl Floor {
    /// Makes a file in `dir` with room for so many commits of entries of so many bytes.
    pub fn new(dir: &Path, commits: usize, entry_bytes: usize) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        let (mut far, _) = listener.accept()?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let echo = std::thread::spawn(move || {
            let mut bytes = vec![0; entry_bytes];
            while far.read_exact(&mut bytes).is_ok() && far.write_all(&bytes).is_ok() {}
        });
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(dir.join("floor"))?;
        let entry = vec![7; entry_bytes];
        // As the log does it: the file has its length already, so that a sync writes data alone.
        let zeros = vec![0; entry_bytes * usize::try_from(SYNCS).unwrap_or(1)];
        let mut end = 0;
        for _ in 0..commits {
            file.write_all_at(&zeros, end)?;
            end += zeros.len() as u64;
        }
        file.sync_all()?;
        Ok(Self { near, echo: Some(echo), file, end: 0, entry })
    }

    /// Does it once; how long it took.
    pub fn once(&mut self) -> io::Result<Duration> {
        let began = Instant::now();
        for _ in 0..SYNCS {
            self.file.write_all_at(&self.entry, self.end)?;
            self.file.sync_data()?;
            self.end += self.entry.len() as u64;
        }
        self.near.write_all(&self.entry)?;
        self.near.read_exact(&mut self.entry)?;
        Ok(began.elapsed())
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // The other end has ended if this fails.
        let _ = self.near.shutdown(std::net::Shutdown::Both);
        if let Some(echo) = self.echo.take() {
            drop(echo.join());
        }
    }
}
