//! The HTTP side: four paths, GET only, on whatever runtime it is given.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use crate::snapshot::{ServerView, Snapshot};

/// How often histograms are folded so that they stay small between scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Tells what every server draws. Called on the web's runtime for each request, so it must not wait for anything.
pub type Servers = Arc<dyn Fn() -> Vec<ServerView> + Send + Sync>;

/// A bound, not yet serving, web view.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    metrics: PrometheusHandle,
}

/// Why there is no web view.
#[derive(Debug)]
pub enum ServeError {
    /// The address cannot be bound.
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        reason: std::io::Error,
    },
    /// The process has a metrics recorder already.
    Recorder,
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, reason } => {
                write!(f, "http.listen: cannot bind {address}: {reason}; choose another address or stop what uses it")
            }
            Self::Recorder => write!(f, "a metrics recorder is installed already"),
        }
    }
}

impl std::error::Error for ServeError {}

#[derive(Clone)]
struct Shown {
    snapshot: Arc<ArcSwap<Snapshot>>,
    servers: Servers,
    metrics: PrometheusHandle,
}

impl Server {
    /// Binds the address, so that a port in use is known before anything starts, and installs the process's metrics
    /// recorder, which must be there before whatever counts.
    pub async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let listener = TcpListener::bind(address).await.map_err(|reason| ServeError::Bind { address, reason })?;
        let address = listener.local_addr().unwrap_or(address);
        let metrics = PrometheusBuilder::new().install_recorder().map_err(|_| ServeError::Recorder)?;
        Ok(Self { listener, address, metrics })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the runtime ends. Call it on a runtime.
    pub fn serve(self, snapshot: Arc<ArcSwap<Snapshot>>, servers: Servers) {
        let upkeep = self.metrics.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP);
            loop {
                ticks.tick().await;
                upkeep.run_upkeep();
            }
        });
        let router = Router::new()
            .route("/", get(async || Html(include_str!("page.html"))))
            .route("/api/snapshot", get(show))
            .route("/api/servers", get(show_servers))
            .route("/metrics", get(scrape))
            .with_state(Shown { snapshot, servers, metrics: self.metrics });
        tokio::spawn(async move { axum::serve(self.listener, router).await });
    }
}

async fn show(State(shown): State<Shown>) -> impl IntoResponse {
    Json(Snapshot::clone(&shown.snapshot.load()))
}

async fn show_servers(State(shown): State<Shown>) -> impl IntoResponse {
    Json((shown.servers)())
}

async fn scrape(State(shown): State<Shown>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], shown.metrics.render())
}
