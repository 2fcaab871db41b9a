//! The HTTP side: a few paths, GET only, on whatever runtime it is given.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::assets::{Asset, FILES};
use crate::events::Events;
use crate::origins::{Origins, guard};
use crate::patience::PatientListener;
use crate::site::SiteView;
use crate::snapshot::{ServerView, Snapshot};

/// How often histograms are folded so that they stay small between scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Tells what every server draws. Called on the web's runtime for each request, so it must not wait for anything.
pub type Servers = Arc<dyn Fn() -> Vec<ServerView> + Send + Sync>;

/// Tells what drives the forecast of the rack of this name, as JSON, by a deadline of its own.
pub type Explain = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = serde_json::Value> + Send>> + Send + Sync>;

/// What is told to those only who ask for it.
#[derive(Clone)]
pub struct OnRequest {
    /// Of all servers.
    pub servers: Servers,
    /// Of one rack.
    pub explain: Explain,
}

impl fmt::Debug for OnRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnRequest").finish_non_exhaustive()
    }
}

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
    site: Arc<SiteView>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    on_request: OnRequest,
    // The forecast's thread explains one rack in a tick, for operators as well: all pages together wait for one at a time.
    explaining: Arc<Semaphore>,
    events: Events,
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

    /// The same with a recorder of metrics of its own, which records nothing.
    #[cfg(test)]
    pub async fn bind_alone(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        Ok(Self { address: listener.local_addr()?, listener, metrics })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the runtime ends. Call it on a runtime. The site's peers must be origins.
    pub fn serve(self, site: SiteView, snapshot: Arc<ArcSwap<Snapshot>>, on_request: OnRequest) {
        let upkeep = self.metrics.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP);
            loop {
                ticks.tick().await;
                upkeep.run_upkeep();
            }
        });
        let origins = Origins::new(&site.peers);
        let events = Events::start(Arc::clone(&snapshot));
        let explaining = Arc::new(Semaphore::new(1));
        let shown = Shown { site: Arc::new(site), snapshot, on_request, explaining, events, metrics: self.metrics };
        let router = router(shown).layer(middleware::from_fn_with_state(origins, guard));
        tokio::spawn(async move { axum::serve(PatientListener::new(self.listener), router).await });
    }
}

fn router(shown: Shown) -> Router {
    let told = Router::new()
        .route("/api/site", get(show_site))
        .route("/api/snapshot", get(show))
        .route("/api/events", get(async |State(shown): State<Shown>| shown.events.open()))
        .route("/api/servers", get(show_servers))
        .route("/api/explain/{rack}", get(explain))
        .route("/metrics", get(scrape))
        .with_state(shown);
    FILES.iter().fold(told, |router, file| {
        let asset = Arc::new(Asset::of(file));
        router.route(file.path, get(async move |asked: HeaderMap| asset.answer(&asked)))
    })
}

async fn show_site(State(shown): State<Shown>) -> impl IntoResponse {
    Json(SiteView::clone(&shown.site))
}

async fn show(State(shown): State<Shown>) -> impl IntoResponse {
    Json(Snapshot::clone(&shown.snapshot.load()))
}

async fn show_servers(State(shown): State<Shown>) -> impl IntoResponse {
    Json((shown.on_request.servers)())
}

async fn explain(State(shown): State<Shown>, Path(rack): Path<String>) -> Response {
    match shown.explaining.try_acquire() {
        Ok(_turn) => Json((shown.on_request.explain)(rack).await).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "another page is being told: ask again\n").into_response(),
    }
}

async fn scrape(State(shown): State<Shown>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], shown.metrics.render())
}
