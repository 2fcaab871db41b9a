//! Who may ask for what. The replica's owner and root may ask for everything; everybody else has the highest role that the
//! configuration gives him, and without one is told nothing.

use std::fmt;

use ridethrough_pki::name::is_person;

use super::people;

/// What a person may do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees how the site and the cluster are.
    Viewer,
    /// The same, and reviews the log.
    Auditor,
    /// Runs the site: alarms, holds, manual mode, transfers, less for a rack.
    Operator,
    /// Changes what runs it, too: members, leaders, models, drills.
    Engineer,
}

/// Who has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A user by name.
    User(String),
    /// A user by the system's number.
    Uid(u32),
    /// All users of a group.
    Group(String),
    /// Whoever has the certificate of this person.
    Person(String),
}

/// Who calls, as the system or a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A user of this host.
    User(u32),
    /// A person with a certificate of the cluster's authority.
    Person(String),
}

/// Roles as the configuration gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given(pub Vec<(Role, Holder)>);

/// What is asked of whoever calls.
#[derive(Debug)]
pub struct Roles {
    owner: u32,
    given: Given,
}

/// Why somebody is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAllowed {
    /// His role, if any.
    pub has: Option<Role>,
    /// The least that allows it.
    pub needs: Role,
}

impl Role {
    /// Its word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Engineer => "engineer",
        }
    }
}

impl Holder {
    /// `mira`, `1000`, `@ops` or `tls:mira`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(person) = text.strip_prefix("tls:") {
            let expected =
                || format!("`{}`: expected a person as `ridectl pki issue --person` takes it", text.escape_debug());
            return is_person(person).then(|| Self::Person(person.into())).ok_or_else(expected);
        }
        let (group, name) = text.strip_prefix('@').map_or((false, text), |name| (true, name));
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-$".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return Err(format!("`{}`: expected a user, a user's number, @group or tls:PERSON", text.escape_debug()));
        }
        Ok(match (group, name.parse()) {
            (true, _) => Self::Group(name.into()),
            (false, Ok(uid)) => Self::Uid(uid),
            (false, Err(_)) => Self::User(name.into()),
        })
    }

    fn is(&self, caller: &Caller) -> bool {
        match (self, caller) {
            (Self::Uid(own), Caller::User(uid)) => own == uid,
            (Self::User(name), Caller::User(uid)) => people::user(name) == Some(*uid),
            (Self::Group(name), Caller::User(uid)) => people::members(name).contains(uid),
            (Self::Person(name), Caller::Person(person)) => name == person,
            _ => false,
        }
    }
}

impl Roles {
    /// Roles at a replica of this owner.
    pub const fn new(owner: u32, given: Given) -> Self {
        Self { owner, given }
    }

    /// Whether anybody but the owner has one.
    pub const fn are_given(&self) -> bool {
        !self.given.0.is_empty()
    }

    /// The highest role of whoever calls. Asked anew each time: people come and go while a replica runs.
    pub fn of(&self, caller: &Caller) -> Option<Role> {
        if matches!(caller, Caller::User(uid) if *uid == self.owner || *uid == 0) {
            return Some(Role::Engineer);
        }
        self.given.0.iter().filter(|(_, holder)| holder.is(caller)).map(|(role, _)| *role).max()
    }

    /// Whether whoever calls may ask for what needs this role.
    pub fn admit(&self, caller: &Caller, needs: Role) -> Result<(), NotAllowed> {
        let has = self.of(caller);
        if has >= Some(needs) { Ok(()) } else { Err(NotAllowed { has, needs }) }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(uid) => f.write_str(&people::name(*uid)),
            Self::Person(name) => write!(f, "{name} (certificate)"),
        }
    }
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needs = self.needs.as_str();
        match self.has {
            None => write!(f, "you have no role here; this needs {needs}"),
            Some(has) => write!(f, "your role is {}; this needs {needs}", has.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_role_counts_and_without_one_nothing_is_allowed() {
        let given = Given(vec![
            (Role::Viewer, Holder::Uid(7)),
            (Role::Operator, Holder::Uid(7)),
            (Role::Auditor, Holder::Uid(8)),
            (Role::Viewer, Holder::Group("root".into())),
            (Role::Operator, Holder::Person("mira".into())),
        ]);
        let roles = Roles::new(1_000, given);
        assert_eq!(
            [0, 1_000, 7, 8, 9].map(|uid| roles.of(&Caller::User(uid))),
            [Some(Role::Engineer), Some(Role::Engineer), Some(Role::Operator), Some(Role::Auditor), None]
        );
        let person = |name: &str| Caller::Person(name.into());
        assert_eq!((roles.of(&person("mira")), roles.of(&person("root"))), (Some(Role::Operator), None));
        assert_eq!(roles.admit(&Caller::User(7), Role::Operator), Ok(()));
        let refused = |uid, needs| roles.admit(&Caller::User(uid), needs).expect_err("refused").to_string();
        assert_eq!(refused(7, Role::Engineer), "your role is operator; this needs engineer");
        assert_eq!(refused(8, Role::Operator), "your role is auditor; this needs operator");
        assert_eq!(refused(9, Role::Viewer), "you have no role here; this needs viewer");
        assert!(!Roles::new(1, Given::default()).are_given());
    }

    #[test]
    fn holders_are_users_numbers_and_groups() {
        assert_eq!(Holder::parse("mira"), Ok(Holder::User("mira".into())));
        assert_eq!(Holder::parse("1000"), Ok(Holder::Uid(1_000)));
        assert_eq!(Holder::parse("@ops"), Ok(Holder::Group("ops".into())));
        assert_eq!(Holder::parse("tls:mira"), Ok(Holder::Person("mira".into())));
        for wrong in ["", "@", "a b", "mira:x", "@ops\n", "tls:", "tls:Mira"] {
            assert!(Holder::parse(wrong).is_err(), "{wrong}");
        }
    }
}
