//! `[http]`: where the page is served, and whose pages it watches.

use std::net::SocketAddr;

use serde::Deserialize;
use toml::Spanned;

use super::{Checker, ConfigError};

/// At most so many replicas' pages are named.
const PEERS_MAX: usize = 8;

/// Where the page is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where the web view listens.
    pub listen: SocketAddr,
    /// The web addresses of all replicas, as a browser reaches them, in the order of their numbers: the page watches all.
    pub peers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHttp {
    listen: SocketAddr,
    #[serde(default)]
    peers: Vec<Spanned<String>>,
}

impl Checker<'_> {
    pub(super) fn http(&self, raw: &RawHttp) -> Result<HttpConfig, ConfigError> {
        let mut peers: Vec<String> = Vec::new();
        for told in &raw.peers {
            let wrong = |reason| Err(self.wrong(told, "http.peers", reason));
            let peer = told.get_ref();
            if peers.len() == PEERS_MAX {
                return wrong(format!("more than {PEERS_MAX} addresses: name those of this cluster's replicas"));
            }
            if !is_origin(peer) {
                return wrong(format!("`{peer}`: expected an origin without a path, such as `http://10.0.0.1:8080`"));
            }
            if peers.contains(peer) {
                return wrong(format!("`{peer}` is listed twice"));
            }
            peers.push(peer.clone());
        }
        Ok(HttpConfig { listen: raw.listen, peers })
    }
}

/// Whether it is what a browser sends as `Origin`: scheme, host in small letters, and a port that is not the scheme's own.
/// It becomes part of a header that tells browsers whom to trust, so nothing else may be in it.
fn is_origin(text: &str) -> bool {
    let split = text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    let Some((scheme, rest)) = split else { return false };
    // A colon inside of brackets is an address's own.
    let colon = rest.rfind(':').filter(|at| rest.rfind(']').is_none_or(|end| end < *at));
    let (host, port) = colon.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
    is_host(host) && port.is_none_or(|port| is_port(port, if scheme == "http" { 80 } else { 443 }))
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address);
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    (1..=253).contains(&host.len()) && host.bytes().all(plain)
}

fn is_port(port: &str, usual: u16) -> bool {
    port.parse::<u16>().is_ok_and(|number| number > 0 && number != usual && number.to_string() == port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_browser_calls_an_origin_is_one() {
        for good in ["http://127.0.0.1:8081", "https://n1.hall-1.example", "http://[::1]:8081", "https://[fd00::7]"] {
            assert!(is_origin(good), "{good}");
        }
        let bad = "127.0.0.1:8081 http:// http://:80 http://n1/ http://n1/page http://a@n1 http://n1:0 http://n1:x http://n1:70000 \
                   ftp://n1 http://N1 http://n1;script-src http://n1,n2 http://* https://n1:443 http://n1:80 http://[::1 \
                   http://[0::1] http://n1:080 http://n1? https://n1#x http://n1'";
        for bad in bad.split_whitespace().chain(["", "http://n1 http://n2"]) {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
