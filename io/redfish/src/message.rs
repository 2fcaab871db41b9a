//! What is said of a request that is refused, in the words of DMTF's registry Base 1.22.

use serde::Serialize;

use crate::schema::Schema;

const REGISTRY: &str = "Base.1.22";

/// One of the registry's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// There is nothing at this address.
    Missing(String),
    /// It is read, and nothing else.
    NotAllowed,
    /// Nobody has logged in.
    NoSession,
    /// Name or password is wrong, at this address.
    Unauthorized(String),
    /// Nobody knows now, or is let in now; in so many seconds it may be otherwise.
    Unavailable(u64),
    /// The body is no JSON.
    Malformed,
    /// A property is missing in it.
    PropertyMissing(&'static str),
    /// There are too many sessions.
    SessionLimit,
    /// A query parameter that is not known.
    Query(String),
    /// A header that is not understood.
    Header(String),
    /// The body is too large.
    TooLarge,
    /// The body did not come whole.
    Unrecognized,
}

struct Entry {
    id: &'static str,
    /// Arguments stand where `%1` and `%2` are.
    text: &'static str,
    severity: &'static str,
    resolution: &'static str,
}

impl Message {
    const fn entry(&self) -> Entry {
        const fn critical(id: &'static str, text: &'static str, resolution: &'static str) -> Entry {
            Entry { id, text, severity: "Critical", resolution }
        }
        const fn warning(id: &'static str, text: &'static str, resolution: &'static str) -> Entry {
            Entry { id, text, severity: "Warning", resolution }
        }
        match self {
            Self::Missing(_) => critical(
                "ResourceMissingAtURI",
                "The resource at the URI '%1' was not found.",
                "Place a valid resource at the URI or correct the URI and resubmit the request.",
            ),
            Self::NotAllowed => {
                critical("OperationNotAllowed", "The HTTP method is not allowed on this resource.", "None.")
            }
            Self::NoSession => critical(
                "NoValidSession",
                "There is no valid session established with the implementation.",
                "Establish a session before attempting any operations.",
            ),
            Self::Unauthorized(_) => critical(
                "ResourceAtUriUnauthorized",
                "While accessing the resource at '%1', the service received an authorization error '%2'.",
                "Ensure that the appropriate access is provided for the service in order for it to access the URI.",
            ),
            Self::Unavailable(_) => critical(
                "ServiceTemporarilyUnavailable",
                "The service is temporarily unavailable.  Retry in %1 seconds.",
                "Wait for the indicated retry duration and retry the operation.",
            ),
            Self::Malformed => critical(
                "MalformedJSON",
                "The request body submitted was malformed JSON and could not be parsed by the receiving service.",
                "Ensure that the request body is valid JSON and resubmit the request.",
            ),
            Self::PropertyMissing(_) => warning(
                "PropertyMissing",
                "The property %1 is a required property and must be included in the request.",
                "Ensure that the property is in the request body and has a valid value and resubmit the request if the \
                 operation failed.",
            ),
            Self::SessionLimit => critical(
                "SessionLimitExceeded",
                "The session establishment failed due to the number of simultaneous sessions exceeding the limit of the \
                 implementation.",
                "Reduce the number of other sessions before trying to establish the session or increase the limit of \
                 simultaneous sessions, if supported.",
            ),
            Self::Query(_) => warning(
                "QueryParameterUnsupported",
                "Query parameter '%1' is not supported.",
                "Correct or remove the query parameter and resubmit the request.",
            ),
            Self::Header(_) => critical(
                "HeaderInvalid",
                "Header '%1' is invalid.",
                "Resubmit the request with a valid request header.",
            ),
            Self::TooLarge => critical(
                "PayloadTooLarge",
                "The supplied payload exceeds the maximum size supported by the service.",
                "Check that the supplied payload is correct and supported by this service.",
            ),
            Self::Unrecognized => warning(
                "UnrecognizedRequestBody",
                "The service detected a malformed request body that it was unable to interpret.",
                "Correct the request body and resubmit the request if it failed.",
            ),
        }
    }

    fn arguments(&self) -> Vec<String> {
        match self {
            Self::Missing(text) | Self::Query(text) | Self::Header(text) => vec![text.clone()],
            Self::Unauthorized(uri) => vec![uri.clone(), "user name or password is wrong".into()],
            Self::Unavailable(seconds) => vec![seconds.to_string()],
            Self::PropertyMissing(name) => vec![(*name).into()],
            _ => Vec::new(),
        }
    }

    /// The body of the answer that says so.
    pub(crate) fn body(&self) -> Vec<u8> {
        let Entry { id, text, severity, resolution } = self.entry();
        let arguments = self.arguments();
        let filled = |text: String, (nth, argument): (usize, &String)| text.replace(&format!("%{}", nth + 1), argument);
        let message = arguments.iter().enumerate().fold(text.to_owned(), filled);
        let id = format!("{REGISTRY}.{id}");
        let info = Info {
            odata_type: Schema::MESSAGE.odata_type(),
            message_id: id.clone(),
            message: message.clone(),
            message_args: arguments,
            message_severity: severity,
            resolution,
        };
        let whole = Whole { error: Refused { code: id, message, extended: [info] } };
        // Strings are always written.
        serde_json::to_vec(&whole).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Whole {
    error: Refused,
}

#[derive(Serialize)]
struct Refused {
    code: String,
    message: String,
    #[serde(rename = "@Message.ExtendedInfo")]
    extended: [Info; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    #[serde(rename = "@odata.type")]
    odata_type: String,
    message_id: String,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    message_args: Vec<String>,
    message_severity: &'static str,
    resolution: &'static str,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// As DMTF publishes it.
    const BASE: &str = include_str!("../../../tests/redfish/dmtf/registries/Base.1.22.1.json");

    #[test]
    fn what_is_said_is_what_the_registry_says() {
        let registry: Value = serde_json::from_str(BASE).expect("JSON");
        assert!(registry["RegistryVersion"].as_str().expect("there").starts_with("1.22."));
        for message in [
            Message::Missing("/a".into()),
            Message::NotAllowed,
            Message::NoSession,
            Message::Unauthorized("/a".into()),
            Message::Unavailable(2),
            Message::Malformed,
            Message::PropertyMissing("UserName"),
            Message::SessionLimit,
            Message::Query("$expand".into()),
            Message::Header("OData-Version: 3.0".into()),
            Message::TooLarge,
            Message::Unrecognized,
        ] {
            let entry = message.entry();
            let listed = &registry["Messages"][entry.id];
            let (text, severity) = (listed["Message"].as_str(), listed["MessageSeverity"].as_str());
            assert_eq!((text, severity), (Some(entry.text), Some(entry.severity)), "{}", entry.id);
            assert_eq!(listed["Resolution"].as_str(), Some(entry.resolution), "{}", entry.id);
            assert_eq!(listed["NumberOfArgs"].as_u64(), Some(message.arguments().len() as u64), "{}", entry.id);
        }
    }

    #[test]
    fn arguments_stand_in_the_text_and_beside_it() {
        let body: Value = serde_json::from_slice(&Message::Missing("/redfish/\"x".into()).body()).expect("JSON");
        assert_eq!(body["error"]["code"], "Base.1.22.ResourceMissingAtURI");
        let info = &body["error"]["@Message.ExtendedInfo"][0];
        assert_eq!(info["Message"], "The resource at the URI '/redfish/\"x' was not found.");
        assert_eq!(info["MessageArgs"][0], "/redfish/\"x");
        assert_eq!(info["@odata.type"], "#Message.v1_3_0.Message");
    }
}
