//! What a browser gets to see, over a real socket; and what a script that nothing compiles must keep to.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::assets::FILES;
use crate::decision::DecisionView;
use crate::server::{Explain, OnRequest, Server};
use crate::site::SiteView;
use crate::snapshot::Snapshot;

const DEADLINE: Duration = Duration::from_secs(10);
const PEER: &str = "http://127.0.0.1:8082";
/// All files together are not larger, packed; for pages over bad lines, and as a sign that something crept in.
const PACKED_BYTES_MAX: usize = 100_000;

/// A page in a runtime of its own.
struct Page {
    address: SocketAddr,
    shown: Arc<ArcSwap<Snapshot>>,
    /// Explanations that were begun, and what ends the one that waits.
    entered: Arc<AtomicUsize>,
    explained: Arc<Notify>,
    _runtime: Runtime,
}

impl Page {
    fn open() -> Self {
        let runtime = Runtime::new().expect("a runtime for the test");
        let shown = Arc::new(ArcSwap::from_pointee(snapshot(1)));
        let site = SiteView { name: "a <b>".into(), replica: 1, peers: vec![PEER.into()], ..SiteView::default() };
        let server = runtime.block_on(Server::bind_alone("127.0.0.1:0".parse().expect("good"))).expect("a free port");
        let address = server.address();
        let (entered, explained) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (count, leave) = (Arc::clone(&entered), Arc::clone(&explained));
        let explain: Explain = Arc::new(move |rack| {
            let (count, leave) = (Arc::clone(&count), Arc::clone(&leave));
            Box::pin(async move {
                count.fetch_add(1, Ordering::SeqCst);
                leave.notified().await;
                serde_json::json!({ "name": rack })
            })
        });
        let on_request = OnRequest { servers: Arc::new(Vec::new), explain };
        runtime.block_on(async { server.serve(site, Arc::clone(&shown), on_request) });
        Self { address, shown, entered, explained, _runtime: runtime }
    }

    fn ask(&self, path: &str, headers: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}\r\n").expect("taken");
        BufReader::new(stream)
    }

    /// The head in small letters, and the body as text.
    fn get(&self, path: &str, headers: &str) -> (String, String) {
        let mut answer = Vec::new();
        self.ask(path, &format!("connection: close\r\n{headers}")).read_to_end(&mut answer).expect("answered");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_lowercase(), body.to_owned())
    }
}

fn snapshot(commit_index: u64) -> Snapshot {
    let decisions = vec![Arc::new(DecisionView { key: "transfer 29.0".into(), ..DecisionView::default() })];
    Snapshot { site: "a".into(), replica: 1, commit_index, decisions, ..Snapshot::default() }
}

#[test]
fn a_name_that_is_not_ours_is_answered_with_nothing_but_metrics() {
    let page = Page::open();
    let asked = |path: &str| {
        let mut stream = TcpStream::connect(page.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: evil.example:{}\r\nconnection: close\r\n\r\n",
            page.address.port()
        )
        .expect("taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    };
    for path in ["/", "/api/snapshot", "/api/events", "/api/site"] {
        let answer = asked(path);
        assert!(answer.starts_with("HTTP/1.1 421") && answer.contains("http.peers"), "{path}: {answer}");
    }
    assert!(asked("/metrics").starts_with("HTTP/1.1 200"));
}

#[test]
fn every_answer_tells_browsers_what_to_keep_to() {
    let page = Page::open();
    for file in FILES {
        let (head, body) = page.get(file.path, "");
        assert!(head.starts_with("http/1.1 200") && head.contains(&format!("content-type: {}", file.kind)), "{head}");
        assert_eq!(body, file.text, "{}", file.path);
    }
    for path in ["/", "/api/site", "/api/snapshot", "/metrics", "/none"] {
        let (head, _) = page.get(path, "");
        for told in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' \
             http://127.0.0.1:8082; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
        ] {
            assert!(head.contains(told), "{path} lacks {told}: {head}");
        }
    }
}

#[test]
fn a_kept_copy_is_good_as_long_as_nothing_changed_and_packed_ones_are_offered() {
    let page = Page::open();
    let (head, _) = page.get("/", "");
    let tag = head.split("etag: ").nth(1).and_then(|rest| rest.split("\r\n").next()).expect("a tag").to_owned();
    let (head, body) = page.get("/", &format!("if-none-match: {tag}\r\n"));
    assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{head}");
    let (head, _) = page.get("/", "if-none-match: \"0\"\r\naccept-encoding: gzip, br\r\n");
    assert!(head.starts_with("http/1.1 200") && head.contains("content-encoding: gzip"), "{head}");
}

#[test]
fn other_replicas_pages_may_read_and_nobody_elses() {
    let page = Page::open();
    let (head, _) = page.get("/api/site", &format!("origin: {PEER}\r\n"));
    assert!(head.contains(&format!("access-control-allow-origin: {PEER}")) && head.contains("vary: origin"), "{head}");
    for (path, origin) in [("/api/site", "http://evil.example"), ("/api/site", "null"), ("/metrics", PEER), ("/", PEER)]
    {
        let (head, _) = page.get(path, &format!("origin: {origin}\r\n"));
        assert!(!head.contains("access-control"), "{path} to {origin}: {head}");
    }
    let mut stream = TcpStream::connect(page.address).expect("it listens");
    write!(stream, "POST /api/site HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .expect("taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert!(answer.starts_with("HTTP/1.1 405"), "nothing can be written: {answer}");
}

#[test]
fn a_viewer_hears_what_is_published_and_no_more_often_than_it_may() {
    let page = Page::open();
    let mut lines = page.ask("/api/events", &format!("origin: {PEER}\r\n")).lines().map(|line| line.expect("goes on"));
    let mut next = |start: &str| lines.find(|line| line.starts_with(start)).expect("told");
    assert!(next("content-type").contains("text/event-stream"));
    assert!(next("data:").contains("\"commit_index\":1"));
    assert!(next("data:").contains("transfer 29.0"), "decisions follow");
    let begun = std::time::Instant::now();
    let mut heard = 0;
    for index in 2..100 {
        page.shown.store(Arc::new(snapshot(index)));
        std::thread::sleep(Duration::from_millis(10));
    }
    let ended = begun.elapsed();
    loop {
        heard += 1;
        if next("data:").contains("\"commit_index\":99") {
            break;
        }
    }
    let most = ended.as_millis() / 200 + 3;
    assert!(heard <= most, "{heard} in {ended:?}");
}

#[test]
fn one_forecast_is_explained_at_a_time_and_the_next_one_after_it() {
    let page = Page::open();
    for number in 1..=2 {
        let mut first = page.ask("/api/explain/A%201", "connection: close\r\n");
        let begun = std::time::Instant::now();
        while page.entered.load(Ordering::SeqCst) < number {
            assert!(begun.elapsed() < DEADLINE, "never asked");
            std::thread::sleep(Duration::from_millis(5));
        }
        let (head, _) = page.get("/api/explain/A2", "");
        assert!(head.starts_with("http/1.1 503"), "{head}");
        page.explained.notify_one();
        let mut answer = String::new();
        first.read_to_string(&mut answer).expect("answered");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("{\"name\":\"A 1\"}"), "{answer}");
    }
}

#[test]
fn every_file_of_the_page_is_served_and_all_of_them_are_small() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
    let served: BTreeSet<&str> =
        FILES.iter().map(|file| if file.path == "/" { "/index.html" } else { file.path }).collect();
    let mut there = BTreeSet::new();
    for below in ["", "script", "style"] {
        for entry in std::fs::read_dir(folder.join(below)).expect("a folder").map(|entry| entry.expect("listed").path())
        {
            if entry.is_file() {
                there.insert(format!("/{}", entry.strip_prefix(&folder).expect("below").display()));
            }
        }
    }
    assert_eq!(there.iter().map(String::as_str).collect::<BTreeSet<_>>(), served);
    let packed: usize = FILES.iter().map(|file| crate::assets::Asset::of(file).packed_bytes()).sum();
    println!("{} files, {packed} bytes packed", FILES.len());
    assert!((1_000..=PACKED_BYTES_MAX).contains(&packed), "{packed} bytes");
}

#[test]
fn the_page_names_no_other_host_and_makes_no_markup_of_data() {
    for file in FILES {
        let text = file.text.replace("http://www.w3.org/2000/svg", "");
        for bad in
            ["http://", "https://", "//cdn", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
        {
            assert!(!text.contains(bad), "{} holds {bad}", file.path);
        }
        assert!(file.kind != "text/html; charset=utf-8" || !(text.contains("style=") || text.contains("onclick")));
    }
}

/// Scripts call a snapshot `now`, a rack of it `rackNow` and so on; what they ask of it must be published.
#[test]
fn scripts_name_only_what_is_published() {
    let whole = serde_json::to_value(crate::snapshot::sample()).expect("serializes");
    let first = |list: &str| whole[list][0].clone();
    let parts = [
        ("now.", whole.clone()),
        ("rackNow.", first("racks")),
        ("kesmNow.", first("kesms")),
        ("tieNow.", first("ties")),
        ("feedNow.", first("feeds")),
        ("transfer.", first("transfers")),
        ("cap.", first("caps")),
        ("alarm.", first("alarms")),
        ("decision.", first("decisions")),
        ("risk.", first("decisions")["risk"].clone()),
    ];
    let mut named = 0;
    for file in FILES.iter().filter(|file| file.kind.starts_with("text/javascript") && file.path != "/script/types.js")
    {
        for (name, published) in &parts {
            let mut before = ' ';
            for (at, _) in file.text.match_indices(name) {
                before = file.text[..at].chars().next_back().unwrap_or(before);
                let field: String = file.text[at + name.len()..]
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                // `site.now.x` is a snapshot, too; `performance.now()` and longer words are something else.
                if before.is_alphanumeric() || field.is_empty() || file.text[..at].ends_with("performance.") {
                    continue;
                }
                named += 1;
                assert!(published.get(&field).is_some(), "{}: {name}{field} is not published", file.path);
            }
        }
    }
    assert!(named > 50, "only {named} names were found");
}
