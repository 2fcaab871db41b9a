//! What a browser may do with our answers: which scripts run, who may be called, who may read.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_SECURITY_POLICY, ORIGIN, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// The web addresses of all replicas: the page calls them and nobody else, and they read each other's answers.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    listed: Arc<Vec<HeaderValue>>,
    policy: Option<HeaderValue>,
}

impl Origins {
    /// Of checked origins, such as `http://127.0.0.1:8081`.
    pub fn new(peers: &[String]) -> Self {
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {}; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            peers.join(" ")
        );
        let listed = peers.iter().filter_map(|peer| HeaderValue::from_str(peer).ok()).collect();
        Self { listed: Arc::new(listed), policy: HeaderValue::from_str(&policy).ok() }
    }
}

/// Adds to every answer what browsers are to keep to. An origin that is not listed reads nothing.
pub async fn guard(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    let asking = request.headers().get(ORIGIN).filter(|origin| origins.listed.contains(origin)).cloned();
    let reads = request.method() == Method::GET && request.uri().path().starts_with("/api/");
    let mut answer = next.run(request).await;
    let told = answer.headers_mut();
    if let Some(policy) = origins.policy {
        told.insert(CONTENT_SECURITY_POLICY, policy);
    }
    told.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    told.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if reads {
        told.append(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = asking {
            told.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
    }
    answer
}
