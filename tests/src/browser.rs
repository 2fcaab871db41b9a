//! A real browser, Debian's Chromium without a window, driven as a person would: by what is seen and by keys.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::Running;

/// A browser with one page. Dropping it ends its processes.
pub struct Browser {
    client: Client,
    driver: String,
    session: String,
    runtime: Runtime,
    _process: Running,
    /// Held so that the driver can go on printing.
    _printed: BufReader<ChildStdout>,
}

impl Browser {
    /// Starts a browser whose page is so large.
    pub fn start(width: u32, height: u32) -> Self {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("chromedriver is there: `cargo xtask test` installs it");
        let mut printed = BufReader::new(child.stdout.take().expect("piped"));
        let process = Running(child);
        let driver = format!("http://127.0.0.1:{}", port(&mut printed));
        let runtime = Runtime::new().expect("a runtime for the browser");
        let client = runtime.block_on(connect(&driver));
        let session = runtime.block_on(client.session_id()).expect("asked").expect("a session");
        let browser = Self { client, driver, session, runtime, _process: process, _printed: printed };
        browser.resize(width, height);
        browser
    }

    /// Makes the page so large; a window has edges of its own.
    pub fn resize(&self, width: u32, height: u32) {
        self.runtime.block_on(self.client.set_window_size(width, height)).expect("resized");
        let inner = self.run("return [window.innerWidth, window.innerHeight]");
        let edge = |nth: usize, wanted: u32| {
            wanted + wanted.saturating_sub(u32::try_from(inner[nth].as_u64().expect("a number")).expect("small"))
        };
        self.runtime.block_on(self.client.set_window_size(edge(0, width), edge(1, height))).expect("resized");
    }

    /// Opens a page.
    pub fn open(&self, url: &str) {
        self.runtime.block_on(self.client.goto(url)).expect("the page opens");
    }

    /// Runs a script in the page and returns what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.runtime
            .block_on(self.client.execute(script, Vec::new()))
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// What this expression is at the moment, unless it is null, false or nothing: to be waited for.
    pub fn look(&self, expression: &str) -> Option<Value> {
        Some(self.run(&format!("return ({expression}) || null"))).filter(|found| !found.is_null())
    }

    /// Presses a key where the focus is.
    pub fn press(&self, key: Key) {
        let press = async {
            let focused = self.client.active_element().await?;
            focused.send_keys(&char::from(key).to_string()).await
        };
        self.runtime.block_on(press).expect("pressed");
    }

    /// Leaves a picture of what is seen.
    pub fn picture(&self, file: &Path) {
        let image = self.runtime.block_on(self.client.screenshot()).expect("a picture");
        crate::write(file, image);
    }

    /// What the browser complained of: `(level, source, words)` each, since it was asked last.
    pub fn complaints(&self) -> Vec<(String, String, String)> {
        let url = format!("{}/session/{}/se/log", self.driver, self.session);
        let asked = ureq::post(url).content_type("application/json").send(r#"{"type":"browser"}"#);
        let text = asked.expect("the driver keeps a log").body_mut().read_to_string().expect("text");
        let told: Value = serde_json::from_str(&text).expect("JSON");
        let word = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let entries = told["value"].as_array().cloned().expect("a list");
        entries.iter().map(|entry| (word(entry, "level"), word(entry, "source"), word(entry, "message"))).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver's end alone would leave Chromium behind.
        let _ = self.runtime.block_on(self.client.clone().close());
    }
}

async fn connect(driver: &str) -> Client {
    // Whoever is root has no sandbox; the page is our own.
    let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"];
    let capabilities = json!({
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    let mut builder = ClientBuilder::new(HttpConnector::new());
    builder.capabilities(capabilities.as_object().cloned().expect("an object"));
    builder.connect(driver).await.expect("the driver starts a browser")
}

/// The port that the driver was given, which it prints.
fn port(printed: &mut impl BufRead) -> u16 {
    loop {
        let mut line = String::new();
        assert!(printed.read_line(&mut line).expect("the driver prints") > 0, "the driver has ended");
        if let Some((_, port)) = line.trim_end().trim_end_matches('.').rsplit_once("successfully on port ") {
            return port.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
