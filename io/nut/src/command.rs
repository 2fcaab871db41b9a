//! What a line asks for.

use crate::fault::Fault;
use crate::words;

/// A request. UPSes, variables and commands are named as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is a request of RFC 9271 under its own name")]
pub enum Command {
    ListUps,
    ListVar(String),
    ListRw(String),
    ListCmd(String),
    ListClient(String),
    ListEnum(String, String),
    ListRange(String, String),
    GetVar(String, String),
    GetType(String, String),
    GetDesc(String, String),
    GetCmdDesc(String, String),
    GetUpsDesc(String),
    GetNumLogins(String),
    GetTracking,
    Username(String),
    Password(String),
    Login(String),
    Logout,
    /// `primary` is false where the older word MASTER was said, which is answered with the same word.
    Primary {
        ups: String,
        primary: bool,
    },
    Fsd(String),
    SetVar(String, String),
    SetTracking,
    InstCmd(String),
    Help,
    Ver,
    NetVer,
    StartTls,
}

impl Command {
    /// Reads a line, without its end.
    pub fn parse(line: &[u8]) -> Result<Self, Fault> {
        let words = words::split(line)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some((first, rest)) = words.split_first() else { return Err(Fault::UnknownCommand) };
        match (first.to_ascii_uppercase().as_str(), rest) {
            ("LIST", [what, rest @ ..]) => Self::list(what, rest),
            ("GET", [what, rest @ ..]) => Self::get(what, rest),
            ("SET", [what, ups, name, _value]) if what.eq_ignore_ascii_case("VAR") => {
                Ok(Self::SetVar(owned(ups), owned(name)))
            }
            ("SET", [what, _]) if what.eq_ignore_ascii_case("TRACKING") => Ok(Self::SetTracking),
            ("INSTCMD", [ups, _command] | [ups, _command, _]) => Ok(Self::InstCmd(owned(ups))),
            ("USERNAME", [name]) => Ok(Self::Username(owned(name))),
            ("PASSWORD", [word]) => Ok(Self::Password(owned(word))),
            ("LOGIN" | "ATTACH", [ups]) => Ok(Self::Login(owned(ups))),
            ("LOGOUT" | "DETACH", []) => Ok(Self::Logout),
            (word @ ("PRIMARY" | "MASTER"), [ups]) => Ok(Self::Primary { ups: owned(ups), primary: word == "PRIMARY" }),
            ("FSD", [ups]) => Ok(Self::Fsd(owned(ups))),
            ("HELP", []) => Ok(Self::Help),
            ("VER", []) => Ok(Self::Ver),
            ("NETVER" | "PROTVER", []) => Ok(Self::NetVer),
            ("STARTTLS", []) => Ok(Self::StartTls),
            (word, _) if KNOWN.contains(&word) => Err(Fault::InvalidArgument),
            _ => Err(Fault::UnknownCommand),
        }
    }

    fn list(what: &str, rest: &[&str]) -> Result<Self, Fault> {
        match (what.to_ascii_uppercase().as_str(), rest) {
            ("UPS", []) => Ok(Self::ListUps),
            ("VAR", [ups]) => Ok(Self::ListVar(owned(ups))),
            ("RW", [ups]) => Ok(Self::ListRw(owned(ups))),
            ("CMD", [ups]) => Ok(Self::ListCmd(owned(ups))),
            ("CLIENT", [ups]) => Ok(Self::ListClient(owned(ups))),
            ("ENUM", [ups, name]) => Ok(Self::ListEnum(owned(ups), owned(name))),
            ("RANGE", [ups, name]) => Ok(Self::ListRange(owned(ups), owned(name))),
            _ => Err(Fault::InvalidArgument),
        }
    }

    fn get(what: &str, rest: &[&str]) -> Result<Self, Fault> {
        match (what.to_ascii_uppercase().as_str(), rest) {
            ("VAR", [ups, name]) => Ok(Self::GetVar(owned(ups), owned(name))),
            ("TYPE", [ups, name]) => Ok(Self::GetType(owned(ups), owned(name))),
            ("DESC", [ups, name]) => Ok(Self::GetDesc(owned(ups), owned(name))),
            ("CMDDESC", [ups, name]) => Ok(Self::GetCmdDesc(owned(ups), owned(name))),
            ("UPSDESC", [ups]) => Ok(Self::GetUpsDesc(owned(ups))),
            ("NUMLOGINS" | "NUMATTACH", [ups]) => Ok(Self::GetNumLogins(owned(ups))),
            ("TRACKING", [] | [_]) => Ok(Self::GetTracking),
            _ => Err(Fault::InvalidArgument),
        }
    }
}

/// First words that are known, whatever follows.
pub(crate) const KNOWN: [&str; 19] = [
    "HELP", "VER", "NETVER", "PROTVER", "GET", "LIST", "SET", "INSTCMD", "FSD", "LOGIN", "ATTACH", "LOGOUT", "DETACH",
    "PRIMARY", "MASTER", "USERNAME", "PASSWORD", "STARTTLS", "TRACKING",
];

fn owned(word: &str) -> String {
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_whatever_their_case() {
        assert_eq!(Command::parse(b"get var A1 ups.load"), Ok(Command::GetVar("A1".into(), "ups.load".into())));
        assert_eq!(Command::parse(b"MASTER A1"), Ok(Command::Primary { ups: "A1".into(), primary: false }));
        assert_eq!(Command::parse(b"ATTACH A1"), Command::parse(b"LOGIN A1"));
    }

    #[test]
    fn too_few_and_too_many_words_are_told_apart_from_unknown_ones() {
        for line in ["GET", "GET VAR", "GET VAR A1", "LIST", "LIST UPS A1", "LOGIN", "SET VAR A1", "VER 1", "TRACKING"]
        {
            assert_eq!(Command::parse(line.as_bytes()), Err(Fault::InvalidArgument), "{line}");
        }
        for line in ["", "  ", "HELO", "GETVAR A1 ups.load", "\"\""] {
            assert_eq!(Command::parse(line.as_bytes()), Err(Fault::UnknownCommand), "{line}");
        }
    }
}
