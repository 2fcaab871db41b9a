//! Who may ask a replica for what.

use serde::Deserialize;
use toml::Spanned;

use super::{Checker, ConfigError};
use crate::operator::roles::{Given, Holder, Role};

/// So many users and groups have a role at the most.
const ROLES_MAX: usize = 256;

/// Users, users' numbers and `@groups`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRoles {
    viewer: Vec<Spanned<String>>,
    auditor: Vec<Spanned<String>>,
    operator: Vec<Spanned<String>>,
    engineer: Vec<Spanned<String>>,
}

impl Checker<'_> {
    pub(super) fn roles(&self, raw: &RawRoles) -> Result<Given, ConfigError> {
        let lists = [
            (Role::Viewer, &raw.viewer),
            (Role::Auditor, &raw.auditor),
            (Role::Operator, &raw.operator),
            (Role::Engineer, &raw.engineer),
        ];
        let mut given = Vec::new();
        for (role, names) in lists {
            for name in names {
                let field = format!("roles.{}", role.as_str());
                let holder = Holder::parse(name.get_ref()).map_err(|reason| self.wrong(name, &field, reason))?;
                given.push((role, holder));
            }
        }
        if given.len() > ROLES_MAX {
            let reason = format!("{} users and groups, expected at most {ROLES_MAX}", given.len());
            return Err(ConfigError::File { file: self.file.into(), field: "roles", reason });
        }
        Ok(Given(given))
    }
}
