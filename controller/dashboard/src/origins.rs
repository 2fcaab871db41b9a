//! What a browser may do with our answers: which scripts run, who may be called, who may read.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// The web addresses of all replicas: the page calls them and nobody else, and they read each other's answers.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    listed: Arc<Vec<HeaderValue>>,
    /// The same without their scheme, as requests name them.
    hosts: Arc<Vec<String>>,
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
        let hosts = peers.iter().filter_map(|peer| peer.split_once("://")).map(|(_, host)| host.to_owned()).collect();
        Self { listed: Arc::new(listed), hosts: Arc::new(hosts), policy: HeaderValue::from_str(&policy).ok() }
    }

    /// Whether a request may call this replica so: by an address, as `localhost`, or as it is listed. A name that somebody else has made
    /// lead here would make his page ours, and let it read everything.
    fn is_ours(&self, host: &str) -> bool {
        let colon = host.rfind(':').filter(|at| host.rfind(']').is_none_or(|end| end < *at));
        let name = colon.map_or(host, |at| &host[..at]);
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        let named = |listed: &String| listed.eq_ignore_ascii_case(host);
        bare.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost") || self.hosts.iter().any(named)
    }
}

/// Adds to every answer what browsers are to keep to. An origin that is not listed reads nothing.
pub async fn guard(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    // Metrics are for whatever scrapes them, by whatever name, and no page can read them.
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if request.uri().path() != "/metrics" && !origins.is_ours(host) {
        return (
            StatusCode::MISDIRECTED_REQUEST,
            "this replica is not called so: ask by its address, or list the name in http.peers\n",
        )
            .into_response();
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_called_by_its_address_or_as_it_is_listed() {
        let origins = Origins::new(&["http://n1.hall:8080".into(), "https://hall.example".into()]);
        for ours in [
            "127.0.0.1:8081",
            "127.0.0.1",
            "[::1]:8081",
            "[fd00::7]",
            "localhost:8081",
            "n1.hall:8080",
            "N1.hall:8080",
            "hall.example",
        ] {
            assert!(origins.is_ours(ours), "{ours}");
        }
        for strange in [
            "",
            "evil.example",
            "n1.hall",
            "n1.hall:9090",
            "hall.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
        ] {
            assert!(!origins.is_ours(strange), "{strange}");
        }
    }
}
