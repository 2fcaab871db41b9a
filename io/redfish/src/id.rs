//! How names of a site become the last segments of addresses.

use std::fmt::Write as _;

/// The id of what has this name: letters, digits, `-`, `_` and inner dots stay, every other byte becomes `~` and two hexadecimal
/// digits. Two names never share an id, and it is the same on every replica and after every restart.
pub(crate) fn id(name: &str) -> String {
    let mut id = String::with_capacity(name.len());
    for (nth, byte) in name.bytes().enumerate() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => id.push(char::from(byte)),
            // A segment that begins with a dot could be `..`.
            b'.' if nth > 0 => id.push('.'),
            // Writing to a string does not fail.
            _ => drop(write!(id, "~{byte:02x}")),
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The name that an id was made of.
    fn name(id: &str) -> Option<String> {
        let (mut bytes, mut rest) = (Vec::new(), id.bytes());
        while let Some(byte) = rest.next() {
            if byte == b'~' {
                let digits = [rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).ok()
    }

    #[test]
    fn what_is_no_segment_is_written_otherwise() {
        for (name, expected) in
            [("A1", "A1"), ("row 1/A", "row~201~2fA"), ("..", "~2e."), ("a.b", "a.b"), ("~", "~7e"), ("ü", "~c3~bc")]
        {
            assert_eq!(id(name), expected);
        }
    }

    proptest! {
        #[test]
        fn no_two_names_share_an_id(text in "\\PC{1,64}") {
            let id = id(&text);
            prop_assert_eq!(name(&id), Some(text));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
            prop_assert!(id.bytes().all(plain) && !id.starts_with('.'), "{}", id);
        }
    }
}
