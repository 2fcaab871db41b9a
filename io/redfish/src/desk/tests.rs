use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Response;
use hyper::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, ETAG, HeaderName, LINK, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::Value;

use super::*;
use crate::sample;

const GOOD: &str = "dcim:correct-horse";

struct Hall {
    desk: Desk,
    now: Instant,
}

/// What is asked: a method, an address with its query, and headers.
type Asked<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

impl Hall {
    fn new() -> Self {
        let (tree, now) = (Arc::new(sample::tree()), Instant::now());
        let board = Board::new(&tree, sample::shown(), now).expect("of this site");
        let text = "[[user]]\nname = \"dcim\"\npassword = \"correct-horse\"\n\
            [[user]]\nname = \"desk\"\npassword = \"battery-staple\"\n";
        let users = Users::parse("redfish.users", text).expect("good");
        let desk = Desk::new(tree, Arc::new(ArcSwap::from_pointee(board)), users, Limits::default());
        Self { desk, now }
    }

    fn reply(&self, (method, address, headers): Asked<'_>, body: &'static str, now: Instant) -> Reply {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(name.parse::<HeaderName>().expect("a name"), value.parse().expect("a value"));
        }
        let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
        let method = method.parse().expect("a method");
        let (body, from) = (Bytes::from_static(body.as_bytes()), IpAddr::from([10, 0, 0, 9]));
        self.desk.answer(&Question { method: &method, path, query, headers: &all, body, from }, now)
    }

    fn ask(&self, asked: Asked<'_>) -> (u16, Value) {
        let response = self.reply(asked, "", self.now).response;
        (response.status().as_u16(), json(response))
    }

    /// As the user who may read.
    fn get(&self, path: &str) -> (u16, Value) {
        self.ask(("GET", path, &[("authorization", &basic(GOOD))]))
    }

    fn log_in(&self, body: &'static str) -> Response<http_body_util::Full<Bytes>> {
        self.reply(("POST", SESSIONS, &[]), body, self.now).response
    }
}

const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";
const LOGIN: &str = "{\"UserName\": \"dcim\", \"Password\": \"correct-horse\", \"Context\": \"x\"}";

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

fn json(response: Response<http_body_util::Full<Bytes>>) -> Value {
    use http_body_util::BodyExt;
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let body = runtime.block_on(response.into_body().collect()).expect("whole").to_bytes();
    serde_json::from_slice(&body).unwrap_or(Value::Null)
}

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap_or_default().trim_start_matches("Base.1.22.")
}

#[test]
fn who_has_not_logged_in_finds_only_the_way_in() {
    let hall = Hall::new();
    for open in ["/redfish", "/redfish/v1", "/redfish/v1/", "/redfish/v1/odata", "/redfish/v1/$metadata"] {
        assert_eq!(hall.ask(("GET", open, &[])).0, 200, "{open}");
        assert_eq!(hall.ask(("HEAD", open, &[])).0, 200, "{open}");
    }
    // What is there is not told apart from what is not.
    for closed in ["/redfish/v1/Chassis", SESSIONS, "/redfish/v1/Chassis/A1", "/redfish/v1/Nothing", "/", "/etc/passwd"]
    {
        let (status, body) = hall.ask(("GET", closed, &[]));
        assert_eq!((status, code(&body)), (401, "NoValidSession"), "{closed}");
    }
    let response = hall.reply(("GET", "/redfish/v1/Chassis", &[]), "", hall.now).response;
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Basic realm=\"Redfish\"");
    for method in ["POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        assert_eq!(hall.ask((method, "/redfish/v1/Chassis", &[])).0, 401, "{method}");
        assert_eq!(hall.ask((method, "/redfish/v1/", &[])).0, 405, "{method}");
    }
}

#[test]
fn nothing_is_changed_and_what_is_allowed_is_said() {
    let hall = Hall::new();
    let known: &[(&str, &str)] = &[(AUTHORIZATION.as_str(), &basic(GOOD))];
    for (path, allowed) in [
        ("/redfish/v1/Chassis/A1", "GET, HEAD"),
        ("/redfish/v1/PowerEquipment/RackPDUs/A1/Outlets/1", "GET, HEAD"),
        ("/redfish/v1/SessionService", "GET, HEAD"),
        (SESSIONS, "GET, HEAD, POST"),
        ("/redfish/v1/SessionService/Sessions/5e55", "GET, HEAD, DELETE"),
    ] {
        for method in ["PATCH", "PUT", "OPTIONS", "TRACE"] {
            let response = hall.reply((method, path, known), "{\"PowerState\": \"Off\"}", hall.now).response;
            assert_eq!(
                (response.status().as_u16(), &response.headers()[ALLOW]),
                (405, &allowed.parse().expect("a value"))
            );
            assert_eq!(code(&json(response)), "OperationNotAllowed", "{method} {path}");
        }
    }
    let action = "/redfish/v1/PowerEquipment/RackPDUs/A1/Outlets/1/Actions/Outlet.PowerControl";
    assert_eq!(hall.ask(("POST", action, known)).0, 404, "there are no actions");
    assert_eq!(hall.ask(("DELETE", SESSIONS, known)).0, 405);
}

#[test]
fn a_wrong_password_is_answered_late_and_not_for_ever() {
    let hall = Hall::new();
    let path = "/redfish/v1/Chassis";
    let ask = |pair: &str, now| hall.reply(("GET", path, &[("authorization", &basic(pair))]), "", now);
    for nth in 0..Limits::default().wrong_max {
        let pair = ["dcim:wrong-horse", "nobody:correct-horse", "dcim:", ":"][nth as usize % 4];
        let reply = ask(pair, hall.now);
        assert_eq!((reply.response.status().as_u16(), reply.is_late), (401, true), "{pair}");
        assert_eq!(code(&json(reply.response)), "ResourceAtUriUnauthorized");
    }
    // Now not even the right one is looked at.
    let reply = ask(GOOD, hall.now);
    assert_eq!((reply.response.status().as_u16(), &reply.response.headers()[RETRY_AFTER]), (503, &61.into()));
    assert_eq!(hall.log_in(LOGIN).status().as_u16(), 503);
    // The board is old by then, and collections do not need it.
    let later = hall.now + Limits::default().wrong_window + Duration::from_secs(1);
    assert_eq!(ask(GOOD, later).response.status().as_u16(), 200);
}

#[test]
fn a_session_is_opened_used_listed_and_ended() {
    let hall = Hall::new();
    let response = hall.log_in(LOGIN);
    assert_eq!(response.status().as_u16(), 201);
    let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    let (token, location) = (header(TOKEN), header("location"));
    let body = json(response);
    assert_eq!((body["@odata.id"].as_str(), &body["Password"]), (Some(location.as_str()), &Value::Null));
    assert!(!body.to_string().contains(&token), "the token is in its header alone");
    let known: &[(&str, &str)] = &[(TOKEN, &token)];
    assert_eq!(hall.ask(("GET", "/redfish/v1/Chassis/A1", known)).0, 200);
    assert_eq!(hall.ask(("GET", &location, known)).1["UserName"], "dcim");
    let other: &[(&str, &str)] = &[("authorization", &basic("desk:battery-staple"))];
    assert_eq!(hall.ask(("GET", SESSIONS, other)).1["Members@odata.count"], 0, "another's is not told");
    assert_eq!(hall.ask(("GET", &location, other)).0, 404);
    assert_eq!(hall.ask(("DELETE", &location, other)).0, 404, "nor ended");
    assert_eq!(hall.ask(("GET", SESSIONS, known)).1["Members"][0]["@odata.id"], location.as_str());
    assert_eq!(hall.ask(("DELETE", &location, known)).0, 204);
    assert_eq!(hall.ask(("GET", "/redfish/v1/Chassis/A1", known)).0, 401);
    // A token that is none does not fall back to the password beside it.
    let both: &[(&str, &str)] = &[(TOKEN, &token), ("authorization", &basic(GOOD))];
    assert_eq!(hall.ask(("GET", "/redfish/v1/Chassis/A1", both)).0, 401);
}

#[test]
fn a_login_that_is_none_says_why() {
    let hall = Hall::new();
    for (body, status, expected) in [
        ("", 400, "MalformedJSON"),
        ("{", 400, "MalformedJSON"),
        ("[]", 400, "MalformedJSON"),
        ("{\"UserName\": 1, \"Password\": \"x\"}", 400, "MalformedJSON"),
        ("{\"Password\": \"x\"}", 400, "PropertyMissing"),
        ("{\"UserName\": \"dcim\"}", 400, "PropertyMissing"),
        ("{\"UserName\": \"dcim\", \"Password\": \"wrong\"}", 401, "ResourceAtUriUnauthorized"),
    ] {
        let response = hall.log_in(body);
        assert_eq!((response.status().as_u16(), code(&json(response))), (status, expected), "{body}");
    }
    let full = Limits::default().sessions_of_user_max;
    (0..full).for_each(|_| assert_eq!(hall.log_in(LOGIN).status().as_u16(), 201));
    let response = hall.log_in(LOGIN);
    assert_eq!((response.status().as_u16(), code(&json(response))), (503, "SessionLimitExceeded"));
}

#[test]
fn what_is_too_old_is_not_told_and_the_rest_is() {
    let hall = Hall::new();
    let later = hall.now + Duration::from_millis(2_001);
    let status = |path: &str, now| {
        let reply = hall.reply(("GET", path, &[("authorization", &basic(GOOD))]), "", now);
        let retry = reply.response.headers().get(RETRY_AFTER).cloned();
        (reply.response.status().as_u16(), retry)
    };
    for path in ["/redfish/v1/Chassis/A1", "/redfish/v1/Chassis/A1/Sensors/Load", "/redfish/v1/Managers/Controller"] {
        assert_eq!(status(path, hall.now + Duration::from_secs(2)).0, 200, "{path}");
        assert_eq!(status(path, later), (503, Some(RETRY_S.into())), "{path}");
    }
    for path in ["/redfish/v1/", "/redfish/v1/Chassis", "/redfish/v1/PowerEquipment", SESSIONS] {
        assert_eq!(status(path, later).0, 200, "{path}");
    }
}

#[test]
fn queries_that_are_not_known_are_said_to_be_so() {
    let hall = Hall::new();
    for (query, status) in [
        ("", 200),
        ("x=1", 200),
        ("only", 200),
        ("$skiptoken=1", 200),
        ("%24skiptoken=1", 200),
        ("$skiptoken=-1", 501),
        ("$skiptoken", 501),
        ("$expand=.", 501),
        ("$top=1", 501),
        ("x&%24filter=a", 501),
    ] {
        assert_eq!(hall.get(&format!("/redfish/v1/Chassis?{query}")).0, status, "{query}");
    }
    let (_, page) = hall.get("/redfish/v1/Chassis?$skiptoken=1");
    assert_eq!(page["Members"].as_array().map(Vec::len), Some(1));
    assert_eq!(code(&hall.get("/redfish/v1/Chassis?$expand=.").1), "QueryParameterUnsupported");
}

#[test]
fn answers_say_how_they_are_to_be_read_and_when_nothing_has_changed() {
    let hall = Hall::new();
    let path = "/redfish/v1/Chassis/A1";
    let good = basic(GOOD);
    let response = hall.reply(("GET", path, &[("authorization", &good)]), "", hall.now).response;
    let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    assert_eq!((header("odata-version"), header(CACHE_CONTROL.as_str())), ("4.0".into(), "no-store".into()));
    assert_eq!(header("content-type"), "application/json; charset=utf-8");
    assert!(header(LINK.as_str()).contains("/Chassis.v1_28_0.json>; rel=describedby"));
    let tag = header(ETAG.as_str());
    for (known, status) in [(tag.as_str(), 304), ("W/\"0\"", 200), ("*", 304), (&format!("W/\"0\", {tag}"), 304)] {
        assert_eq!(hall.ask(("GET", path, &[("authorization", &good), ("if-none-match", known)])).0, status);
    }
    for (version, status) in [("4.0", 200), ("4.1", 412), ("", 412)] {
        assert_eq!(hall.ask(("GET", "/redfish/v1/", &[("odata-version", version)])).0, status, "{version}");
    }
}
