//! People who ask from elsewhere: a listener of its own, TLS 1.3 with certificates on both sides and nothing else. What they say and are told
//! is what the socket in the data folder says; who they are, their certificate does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use ridethrough_raft::PeerTls;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::roles::{Caller, Roles};
use super::{Desk, REFUSED_REST, serve};

/// So many callers are served at once; more wait.
const CALLERS_MAX: usize = 8;
/// How long a caller may take to prove who he is.
const PROOF_DEADLINE: Duration = Duration::from_secs(2);

/// The listener.
#[derive(Debug)]
pub struct Afar {
    listener: TcpListener,
    tls: PeerTls,
}

impl Afar {
    /// Binds the address, so that a port in use is known before anything starts. People are believed by the authority that replicas are.
    pub async fn bind(address: SocketAddr, tls: PeerTls) -> std::io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, tls })
    }

    pub(super) async fn listen(self, roles: Arc<Roles>, desk: Arc<Desk>) {
        let (places, tls) = (Arc::new(Semaphore::new(CALLERS_MAX)), Arc::new(self.tls));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let (stream, from) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "an operator could not be let in");
                    tokio::time::sleep(REFUSED_REST).await;
                    continue;
                }
            };
            let (roles, desk, tls) = (Arc::clone(&roles), Arc::clone(&desk), Arc::clone(&tls));
            tokio::spawn(async move {
                answer(stream, from, &tls, &roles, &desk).await;
                drop(place);
            });
        }
    }
}

async fn answer(stream: TcpStream, from: SocketAddr, tls: &PeerTls, roles: &Roles, desk: &Desk) {
    let proved = tokio::time::timeout(PROOF_DEADLINE, tls.answer_person(stream)).await;
    let error = match proved {
        Ok(Ok((stream, name))) => return serve(stream, &Caller::Person(name), roles, desk).await,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "did not prove in time who it is".into(),
    };
    counter!("ridethrough_operator_callers_refused_total").increment(1);
    tracing::info!(%from, %error, "a caller from elsewhere was refused");
}
