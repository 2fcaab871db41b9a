//! The page's own files, in the binary: nothing is fetched from anywhere else, and there is no build step.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use flate2::Compression;
use flate2::write::GzEncoder;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// One file: where it is asked for, what it is, what it holds.
pub struct File {
    pub path: &'static str,
    pub kind: &'static str,
    pub text: &'static str,
}

macro_rules! files {
    ($($path:literal, $kind:ident, $file:literal;)*) => {
        &[$(File { path: $path, kind: $kind, text: include_str!(concat!("../page/", $file)) }),*]
    };
}

/// Every file of the page.
pub const FILES: &[File] = files! {
    "/", HTML, "index.html";
    "/icon.svg", SVG, "icon.svg";
    "/style/base.css", CSS, "style/base.css";
    "/style/diagram.css", CSS, "style/diagram.css";
    "/style/panels.css", CSS, "style/panels.css";
    "/script/details.js", SCRIPT, "script/details.js";
    "/script/diagram.js", SCRIPT, "script/diagram.js";
    "/script/dom.js", SCRIPT, "script/dom.js";
    "/script/failover.js", SCRIPT, "script/failover.js";
    "/script/format.js", SCRIPT, "script/format.js";
    "/script/header.js", SCRIPT, "script/header.js";
    "/script/history.js", SCRIPT, "script/history.js";
    "/script/kesm.js", SCRIPT, "script/kesm.js";
    "/script/layout.js", SCRIPT, "script/layout.js";
    "/script/main.js", SCRIPT, "script/main.js";
    "/script/model.js", SCRIPT, "script/model.js";
    "/script/panels.js", SCRIPT, "script/panels.js";
    "/script/rack.js", SCRIPT, "script/rack.js";
    "/script/sources.js", SCRIPT, "script/sources.js";
    "/script/table.js", SCRIPT, "script/table.js";
    "/script/tie.js", SCRIPT, "script/tie.js";
    "/script/trends.js", SCRIPT, "script/trends.js";
    "/script/types.js", SCRIPT, "script/types.js";
};

/// A file as it is handed out.
pub struct Asset {
    kind: &'static str,
    plain: Bytes,
    packed: Bytes,
    tag: String,
}

impl Asset {
    /// Packs it once for all.
    pub fn of(file: &File) -> Self {
        let mut hasher = DefaultHasher::new();
        file.text.hash(&mut hasher);
        let plain = Bytes::from_static(file.text.as_bytes());
        let packed = Bytes::from(packed(file.text.as_bytes()));
        Self { kind: file.kind, plain, packed, tag: format!("\"{:016x}\"", hasher.finish()) }
    }

    /// How large it is, packed.
    #[cfg(test)]
    pub fn packed_bytes(&self) -> usize {
        self.packed.len()
    }

    /// The answer to one who asks for it. A copy that he has is asked after every time: a replica may have been upgraded.
    pub fn answer(&self, asked: &HeaderMap) -> Response<Body> {
        let has = |name, word: &str| {
            asked.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(word))
        };
        let kept = [(ETAG, self.tag.as_str()), (CACHE_CONTROL, "no-cache"), (VARY, "accept-encoding")];
        if has(IF_NONE_MATCH, &self.tag) {
            return (StatusCode::NOT_MODIFIED, kept).into_response();
        }
        if has(ACCEPT_ENCODING, "gzip") {
            let packed = [(CONTENT_TYPE, self.kind), (CONTENT_ENCODING, "gzip")];
            return (kept, packed, self.packed.clone()).into_response();
        }
        (kept, [(CONTENT_TYPE, self.kind)], self.plain.clone()).into_response()
    }
}

/// The bytes as gzip; what cannot be packed in memory is handed out empty, which a test would see.
fn packed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).and_then(|()| encoder.finish()).unwrap_or_default()
}
