//! The address, and whoever calls there.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// How long nobody is let in when the system has no room for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// A bound address.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    address: SocketAddr,
}

/// Why nobody can be listened to.
#[derive(Debug)]
pub struct CannotListen {
    /// The setting that names the address.
    pub setting: &'static str,
    /// The address that cannot be bound.
    pub address: SocketAddr,
    /// Why.
    pub reason: io::Error,
}

impl fmt::Display for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, address, reason } = self;
        write!(f, "{setting}: cannot bind {address}: {reason}; choose another address or stop what uses it")
    }
}

impl std::error::Error for CannotListen {}

impl Door {
    /// Binds the address that `setting` of the configuration names, so that a port in use is known before anything starts.
    pub async fn bind(setting: &'static str, address: SocketAddr) -> Result<Self, CannotListen> {
        let refused = |reason| CannotListen { setting, address, reason };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        Ok(Self { address: listener.local_addr().unwrap_or(address), listener })
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next caller. What is sent to it goes at once: answers are small packets that need not wait for more.
    pub async fn next(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    let _ = stream.set_nodelay(true);
                    return (stream, from);
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_in_use_is_named_with_its_setting() {
        let first = Door::bind("nut.listen", "127.0.0.1:0".parse().expect("good")).await.expect("a free port");
        let error = Door::bind("nut.listen", first.address()).await.expect_err("it is in use").to_string();
        let start = format!("nut.listen: cannot bind {}: ", first.address());
        assert!(error.starts_with(&start) && error.ends_with("stop what uses it"), "{error}");
    }

    #[tokio::test]
    async fn who_calls_comes_in() {
        let door = Door::bind("nut.listen", "127.0.0.1:0".parse().expect("good")).await.expect("a free port");
        let caller = TcpStream::connect(door.address()).await.expect("it listens");
        let (stream, from) = door.next().await;
        assert_eq!(caller.local_addr().expect("connected"), from);
        assert!(stream.nodelay().expect("told"));
    }
}
