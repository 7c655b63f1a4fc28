// SPDX-License-Identifier: GPL-2.0-or-later
//! What is written to `update_stats`: an interface to switch on or off.

use super::{line, Refusal};

/// The longest name that an interface can go by: an alternative one (`ALTIFNAMSIZ`).
pub const NAME_MAX: usize = 127;

/// An interface and what to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Whether it is to be switched on.
    pub on: bool,
}

impl<'a> Command<'a> {
    /// Reads `NAME`, `+NAME` or `-NAME`. Names that begin with a sign need one more.
    pub fn parse(text: &'a [u8]) -> Result<Self, Refusal> {
        let text = line(text);
        let (name, on) = match text {
            [b'-', name @ ..] => (name, false),
            [b'+', name @ ..] => (name, true),
            name => (name, true),
        };
        // What the kernel itself lets nobody call an interface.
        let is_name = |byte: &u8| !matches!(byte, 0 | b'/' | b':' | 9..=13 | b' ');
        if name.is_empty() || name.len() > NAME_MAX || !name.iter().all(is_name) {
            return Err(Refusal::Malformed);
        }
        Ok(Self { name, on })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn parsed(text: &str) -> Option<(&str, bool)> {
        let command = Command::parse(text.as_bytes()).ok()?;
        Some((
            std::str::from_utf8(command.name).expect("UTF-8"),
            command.on,
        ))
    }

    #[test]
    fn a_name_and_its_signs() {
        assert_eq!(parsed("eth0"), Some(("eth0", true)));
        assert_eq!(parsed("eth0\n"), Some(("eth0", true)));
        assert_eq!(parsed("+eth0\n"), Some(("eth0", true)));
        assert_eq!(parsed("-eth0\n"), Some(("eth0", false)));
        assert_eq!(parsed("+-x"), Some(("-x", true)));
        assert_eq!(parsed("--x"), Some(("-x", false)));
        assert_eq!(parsed("a!b\x1b\"\\%s"), Some(("a!b\x1b\"\\%s", true)));
    }

    #[test]
    fn what_cannot_be_a_name() {
        let long = "a".repeat(NAME_MAX + 1);
        for text in [
            "", "\n", "+", "-\n", "a b", "a\n\n", "a\nb", "a/b", "a:1", "a\0", "\0", "a\t", &long,
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
        assert!(parsed(&long[1..]).is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(text: Vec<u8>) {
            if let Ok(command) = Command::parse(&text) {
                prop_assert!(!command.name.is_empty() && command.name.len() <= NAME_MAX);
                prop_assert!(!command.name.contains(&0) && !command.name.contains(&b'/'));
            }
        }
    }
}
