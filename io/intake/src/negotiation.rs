//! Which message a request holds, by its headers.

use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::wire::Message;

/// What is understood, for whoever asked for something else.
pub const UNDERSTOOD: &str = "expected Content-Encoding: snappy and Content-Type: application/x-protobuf, with \
                              proto=prometheus.WriteRequest, proto=io.prometheus.write.v2.Request or no proto";

/// The message, if its type and its compression are understood.
pub fn message(headers: &HeaderMap) -> Option<Message> {
    let encoding = headers.get(CONTENT_ENCODING)?.to_str().ok()?;
    if !encoding.trim().eq_ignore_ascii_case("snappy") {
        return None;
    }
    of_type(headers.get(CONTENT_TYPE)?.to_str().ok()?)
}

fn of_type(content_type: &str) -> Option<Message> {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("application/x-protobuf") {
        return None;
    }
    let mut message = Message::V1;
    for parameter in parts.filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("proto") {
            message = of_proto(value.trim().trim_matches('"'))?;
        }
    }
    Some(message)
}

fn of_proto(name: &str) -> Option<Message> {
    match name {
        "prometheus.WriteRequest" => Some(Message::V1),
        "io.prometheus.write.v2.Request" => Some(Message::V2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_apart() {
        let check = |text: &str, expected| assert_eq!(of_type(text), expected, "{text}");
        check("application/x-protobuf", Some(Message::V1));
        check("application/x-protobuf;proto=prometheus.WriteRequest", Some(Message::V1));
        check("application/x-protobuf;proto=io.prometheus.write.v2.Request", Some(Message::V2));
        check("Application/X-Protobuf ; charset=x; Proto=\"io.prometheus.write.v2.Request\"", Some(Message::V2));
        check("application/x-protobuf;proto=io.prometheus.write.v3.Request", None);
        check("application/x-protobuf;proto", None);
        check("application/json", None);
        check("", None);
    }
}
