//! Watches the processes of peers: one idle connection to each, which the kernel resets at once when its process ends.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::GREETING_DEADLINE;
use crate::network::{Network, Stream, WATCHER};
use crate::vacancy::Vacancy;

/// The pause before a peer that could not be reached is called again.
const PAUSE: Duration = Duration::from_millis(20);
/// A connection is renewed after so long: one whose end the network has swallowed would say nothing for ever.
const RENEWED: Duration = Duration::from_secs(10);

/// Watches one peer until it is dropped.
pub(crate) async fn watch(peer: u64, address: SocketAddr, network: Arc<dyn Network>, vacancy: Arc<Vacancy>) {
    loop {
        let meetings = vacancy.meetings(peer);
        match timeout(GREETING_DEADLINE, call(&*network, address)).await {
            Ok(Ok(stream)) => ended(stream).await,
            Ok(Err(error)) => {
                if error.kind() == io::ErrorKind::ConnectionRefused {
                    vacancy.gone(peer, meetings);
                }
                sleep(PAUSE).await;
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn call(network: &dyn Network, address: SocketAddr) -> io::Result<Stream> {
    let mut stream = network.call(address).await?;
    stream.write_all(&[WATCHER]).await?;
    Ok(stream)
}

/// Waits until the peer ends the connection; it says nothing on it.
async fn ended(mut stream: Stream) {
    let _ = timeout(RENEWED, stream.read(&mut [0])).await;
}
