//! One connection's questions and answers. Takes lines and `now`; no socket, no clock.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

use crate::command::Command;
use crate::fault::Fault;
use crate::fleet::{Board, Fleet, Ups, UpsView};
use crate::logins::{Login, Logins};
use crate::meters::Meters;
use crate::users::{Role, Users};
use crate::variables::{self, Kind};
use crate::words::quoted;

const HELP: &str =
    "Commands: HELP VER NETVER PROTVER GET LIST SET INSTCMD FSD LOGIN LOGOUT PRIMARY MASTER USERNAME PASSWORD STARTTLS";
/// The version of the protocol that is spoken.
const PROTOCOL: &str = "1.3";

/// What all connections share.
pub struct Desk {
    fleet: Arc<Fleet>,
    board: Arc<ArcSwap<Board>>,
    users: Option<Users>,
    logins: Arc<Logins>,
    pub(crate) meters: Meters,
}

/// What a line is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This text, with the end of its last line.
    Text(String),
    /// The same for everybody, and perhaps long.
    Shared(Arc<str>),
    /// This, and then no more.
    Last(String),
    /// A refusal.
    Refused(Fault),
    /// A wrong name or password.
    Wrong,
}

/// What one connection has said so far.
#[derive(Debug)]
pub struct Session {
    from: IpAddr,
    username: Option<String>,
    password: Option<String>,
    login: Option<Login>,
}

impl Desk {
    /// A desk that answers of this fleet by the newest board. Without users nobody logs in.
    pub fn new(fleet: Arc<Fleet>, board: Arc<ArcSwap<Board>>, users: Option<Users>) -> Self {
        let logins = Logins::new(fleet.len());
        Self { fleet, board, users, logins, meters: Meters::new() }
    }

    fn ups(&self, name: &str) -> Result<(usize, &Ups), Fault> {
        self.fleet.find(name).ok_or(Fault::UnknownUps)
    }

    fn view(&self, name: &str, now: Instant) -> Result<(&Ups, UpsView), Fault> {
        let (nth, ups) = self.ups(name)?;
        let view = self.board.load().view(nth, now).ok_or(Fault::DataStale)?;
        Ok((ups, view))
    }

    fn clients(&self, name: &str) -> Result<(&Ups, Vec<IpAddr>), Fault> {
        let (nth, ups) = self.ups(name)?;
        Ok((ups, self.logins.of(nth)))
    }

    fn value(&self, ups: &str, name: &str, now: Instant) -> Result<Answer, Fault> {
        let (ups, view) = self.view(ups, now)?;
        let (name, ..) = variables::known(name).ok_or(Fault::VarNotSupported)?;
        let value = variables::value(ups, &view, name).ok_or(Fault::VarNotSupported)?;
        Ok(Answer::Text(format!("VAR {} {name} {}\n", ups.name, quoted(&value))))
    }

    fn kind(&self, ups: &str, name: &str, now: Instant) -> Result<Answer, Fault> {
        let (ups, view) = self.view(ups, now)?;
        let (name, _, kind) = variables::known(name).ok_or(Fault::VarNotSupported)?;
        let value = variables::value(ups, &view, name).ok_or(Fault::VarNotSupported)?;
        let kind = match kind {
            Kind::Number => "NUMBER".to_owned(),
            Kind::Text => format!("STRING:{}", value.len()),
        };
        Ok(Answer::Text(format!("TYPE {} {name} {kind}\n", ups.name)))
    }

    /// Like upsd, this says of any name whether there is a description.
    fn description(&self, ups: &str, name: &str) -> Result<Answer, Fault> {
        let (_, ups) = self.ups(ups)?;
        let told = variables::known(name).map_or("Description unavailable", |(_, told, _)| *told);
        Ok(Answer::Text(format!("DESC {} {} {}\n", ups.name, word(name), quoted(told))))
    }

    fn list_values(&self, ups: &str, now: Instant) -> Result<Answer, Fault> {
        let (ups, view) = self.view(ups, now)?;
        let lines =
            variables::all(ups, &view).map(|(name, value)| format!("VAR {} {name} {}\n", ups.name, quoted(&value)));
        Ok(listed(&format!("VAR {}", ups.name), lines))
    }

    /// What no UPS has any of: variables to set, commands, values to choose from.
    fn list_nothing(&self, what: &str, ups: &str, name: Option<&str>, now: Instant) -> Result<Answer, Fault> {
        let (ups, view) = self.view(ups, now)?;
        let Some(name) = name else { return Ok(listed(&format!("{what} {}", ups.name), std::iter::empty())) };
        let (name, ..) = variables::known(name).ok_or(Fault::VarNotSupported)?;
        variables::value(ups, &view, name).ok_or(Fault::VarNotSupported)?;
        Ok(listed(&format!("{what} {} {name}", ups.name), std::iter::empty()))
    }
}

impl Session {
    /// A new connection from this address.
    pub const fn new(from: IpAddr) -> Self {
        Self { from, username: None, password: None, login: None }
    }

    /// Whether it has logged in.
    pub const fn is_logged_in(&self) -> bool {
        self.login.is_some()
    }

    /// Answers a line, which comes without its end.
    pub fn answer(&mut self, desk: &Desk, line: &[u8], now: Instant) -> Answer {
        let answer =
            Command::parse(line).and_then(|command| self.serve(desk, &command, now)).unwrap_or_else(Answer::Refused);
        if answer == Answer::Wrong {
            desk.meters.wrong_password();
        }
        desk.meters.answered(answer.fault());
        answer
    }

    fn serve(&mut self, desk: &Desk, command: &Command, now: Instant) -> Result<Answer, Fault> {
        match command {
            Command::ListUps => Ok(Answer::Shared(desk.fleet.listed())),
            Command::ListVar(ups) => desk.list_values(ups, now),
            Command::ListRw(ups) => desk.list_nothing("RW", ups, None, now),
            Command::ListCmd(ups) => desk.list_nothing("CMD", ups, None, now),
            Command::ListEnum(ups, name) => desk.list_nothing("ENUM", ups, Some(name), now),
            Command::ListRange(ups, name) => desk.list_nothing("RANGE", ups, Some(name), now),
            Command::ListClient(ups) => {
                let (ups, clients) = desk.clients(ups)?;
                let lines = clients.iter().map(|from| format!("CLIENT {} {from}\n", ups.name));
                Ok(listed(&format!("CLIENT {}", ups.name), lines))
            }
            Command::GetVar(ups, name) => desk.value(ups, name, now),
            Command::GetType(ups, name) => desk.kind(ups, name, now),
            Command::GetDesc(ups, name) => desk.description(ups, name),
            Command::GetUpsDesc(ups) => {
                let (_, ups) = desk.ups(ups)?;
                Ok(Answer::Text(format!("UPSDESC {} {}\n", ups.name, quoted(&ups.description))))
            }
            Command::GetNumLogins(ups) => {
                let (ups, clients) = desk.clients(ups)?;
                Ok(Answer::Text(format!("NUMLOGINS {} {}\n", ups.name, clients.len())))
            }
            Command::GetTracking => Ok(Answer::Text("OFF\n".into())),
            Command::Help => Ok(Answer::Text(format!("{HELP}\n"))),
            Command::Ver => Ok(Answer::Text(format!("Ridethrough {}\n", env!("CARGO_PKG_VERSION")))),
            Command::NetVer => Ok(Answer::Text(format!("{PROTOCOL}\n"))),
            Command::StartTls | Command::SetTracking => Err(Fault::FeatureNotConfigured),
            command => self.serve_user(desk, command),
        }
    }

    /// What wants a name and a password, and that itself.
    fn serve_user(&mut self, desk: &Desk, command: &Command) -> Result<Answer, Fault> {
        match command {
            Command::Username(name) => once(&mut self.username, name, Fault::AlreadySetUsername),
            Command::Password(word) => once(&mut self.password, word, Fault::AlreadySetPassword),
            Command::Login(ups) => self.log_in(desk, ups),
            Command::Logout => Ok(Answer::Last("OK Goodbye\n".into())),
            Command::Primary { ups, primary } => {
                desk.ups(ups)?;
                match self.role(desk)? {
                    None => Ok(Answer::Wrong),
                    Some(Role::Secondary) => Err(Fault::AccessDenied),
                    Some(Role::Primary) if *primary => Ok(Answer::Text("OK PRIMARY-GRANTED\n".into())),
                    Some(Role::Primary) => Ok(Answer::Text("OK MASTER-GRANTED\n".into())),
                }
            }
            // Who has to go is the ledger's to say. No host forces others.
            Command::Fsd(ups) => self.refuse(desk, ups, Fault::AccessDenied),
            Command::InstCmd(ups) | Command::GetCmdDesc(ups, _) => self.refuse(desk, ups, Fault::CmdNotSupported),
            Command::SetVar(ups, name) => {
                let known = variables::known(name).is_some();
                self.refuse(desk, ups, if known { Fault::ReadOnly } else { Fault::VarNotSupported })
            }
            _ => Err(Fault::UnknownCommand),
        }
    }

    /// Who he is; none when name or password is wrong.
    fn role(&self, desk: &Desk) -> Result<Option<Role>, Fault> {
        let name = self.username.as_ref().ok_or(Fault::UsernameRequired)?;
        let word = self.password.as_ref().ok_or(Fault::PasswordRequired)?;
        Ok(desk.users.as_ref().and_then(|users| users.role(name, word)))
    }

    fn log_in(&mut self, desk: &Desk, ups: &str) -> Result<Answer, Fault> {
        if self.login.is_some() {
            return Err(Fault::AlreadyLoggedIn);
        }
        let (nth, _) = desk.ups(ups)?;
        if self.role(desk)?.is_none() {
            return Ok(Answer::Wrong);
        }
        self.login = Some(desk.logins.enter(nth, self.from));
        Ok(Answer::Text("OK\n".into()))
    }

    /// Nothing can be set or ordered, whoever asks; strangers learn no more than that they are none of us.
    fn refuse(&self, desk: &Desk, ups: &str, fault: Fault) -> Result<Answer, Fault> {
        desk.ups(ups)?;
        if self.role(desk)?.is_none() { Ok(Answer::Wrong) } else { Err(fault) }
    }
}

impl Answer {
    /// The code that is told, if this is a refusal.
    pub const fn fault(&self) -> Option<Fault> {
        match self {
            Self::Text(_) | Self::Shared(_) | Self::Last(_) => None,
            Self::Refused(fault) => Some(*fault),
            Self::Wrong => Some(Fault::AccessDenied),
        }
    }

    /// What goes over the wire.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) | Self::Last(text) => text.clone(),
            Self::Shared(text) => text.to_string(),
            Self::Refused(_) | Self::Wrong => format!("ERR {}\n", self.fault().unwrap_or(Fault::AccessDenied)),
        }
    }
}

fn once(place: &mut Option<String>, word: &str, twice: Fault) -> Result<Answer, Fault> {
    if place.is_some() {
        return Err(twice);
    }
    *place = Some(word.to_owned());
    Ok(Answer::Text("OK\n".into()))
}

fn listed(what: &str, lines: impl Iterator<Item = String>) -> Answer {
    Answer::Text(format!("BEGIN LIST {what}\n{}END LIST {what}\n", lines.collect::<String>()))
}

/// A word that came, told back: between quotes where it would not be one word.
fn word(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\')) && !text.is_empty();
    if plain { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests;
