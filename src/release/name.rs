//! Release names.
//!
//! **Invariant:** a name that passes here makes a valid Secret name and label value.

use super::Error;

/// The longest release name, in bytes (Helm 4.3.1).
pub const MAX_NAME_LENGTH: usize = 53;

/// Checks a release name: DNS labels joined by dots, at most [`MAX_NAME_LENGTH`] bytes (Helm 4.3.1).
pub fn check_release_name(name: &str) -> Result<(), Error> {
    let fits = !name.is_empty() && name.len() <= MAX_NAME_LENGTH && name.split('.').all(is_dns_label);
    if fits { Ok(()) } else { Err(Error::Name { name: name.to_owned() }) }
}

fn is_dns_label(part: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    bytes.first().copied().is_some_and(alphanumeric)
        && bytes.last().copied().is_some_and(alphanumeric)
        && bytes.iter().all(|&byte| alphanumeric(byte) || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::check_release_name;

    #[test]
    fn names_follow_helm_s_rule() {
        for name in ["a", "a-b", "a.b", "0", "a--b", &"x".repeat(53)] {
            assert!(check_release_name(name).is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a_b", "a..b", ".a", "a.", "ä", "a.-b", &"x".repeat(54)] {
            assert!(check_release_name(name).is_err(), "{name}");
        }
    }
}
