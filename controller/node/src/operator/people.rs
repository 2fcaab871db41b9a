//! People, as the system knows them: `/etc/passwd` and `/etc/group`. Whoever comes from a directory service has no name here, and no
//! groups but his numbers.

/// The caller as the log names him: by the system's number, and by his name where the system has one.
pub fn name(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&users, uid).map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
}

/// The system's number of this user.
pub fn user(name: &str) -> Option<u32> {
    user_in(&std::fs::read_to_string("/etc/passwd").ok()?, name)
}

/// The numbers of all users in this group: its members, and those whose own group it is.
pub fn members(group: &str) -> Vec<u32> {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    members_in(&std::fs::read_to_string("/etc/passwd").unwrap_or_default(), &groups, group)
}

fn name_in(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let (name, number, _) = fields(line)?;
        (number == uid).then(|| name.chars().take(64).collect())
    })
}

fn user_in(users: &str, name: &str) -> Option<u32> {
    users.lines().filter_map(fields).find(|(found, ..)| *found == name).map(|(_, uid, _)| uid)
}

fn members_in(users: &str, groups: &str, group: &str) -> Vec<u32> {
    let Some((gid, listed)) = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, gid, listed) = (fields.next()?, fields.nth(1)?.parse::<u32>().ok()?, fields.next()?);
        (name == group).then_some((gid, listed))
    }) else {
        return Vec::new();
    };
    let belongs = |(name, _, own): &(&str, u32, u32)| *own == gid || listed.split(',').any(|member| member == *name);
    users.lines().filter_map(fields).filter(belongs).map(|(_, uid, _)| uid).collect()
}

/// Name, number and own group of a line of `/etc/passwd`.
fn fields(line: &str) -> Option<(&str, u32, u32)> {
    let mut fields = line.split(':');
    Some((fields.next()?, fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/sh\nmira:x:1000:1000::/home/mira:/bin/sh\nbroken\nolu:x:1001:50::/:/bin/sh\n";
    const GROUPS: &str = "root:x:0:\nops:x:50:mira,nobody\nmira:x:1000:\nempty:x:60:\n";

    #[test]
    fn people_and_groups_are_those_of_the_files() {
        assert_eq!(name_in(USERS, 1000).as_deref(), Some("mira"));
        assert_eq!((name_in(USERS, 7), user_in(USERS, "olu"), user_in(USERS, "nobody")), (None, Some(1001), None));
        assert_eq!(members_in(USERS, GROUPS, "ops"), [1000, 1001]);
        assert_eq!(members_in(USERS, GROUPS, "mira"), [1000]);
        assert!(members_in(USERS, GROUPS, "empty").is_empty() && members_in(USERS, GROUPS, "absent").is_empty());
    }
}
