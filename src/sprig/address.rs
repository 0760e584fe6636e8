//! Addresses of hosts as numbers, with the complaints about those that are none.
//!
//! Counterpart: `ParseAddr` of Go's `net/netip` (Go 1.26).
//!
//! **Invariant:** says nothing but which version an address is of; what it stands for is of no use here.

use crate::value::quote;

/// How many groups of sixteen bits an address of version 6 has.
const GROUPS: usize = 8;

/// The version of the Internet protocol that an address is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Four,
    Six,
}

/// A complaint, with the rest of the text where it arose.
struct Fault<'a>(&'static str, &'a [u8]);

/// Reads an address; the error is Go's text.
pub(super) fn version(address: &[u8]) -> Result<Version, String> {
    let read = match address.iter().find(|byte| matches!(byte, b'.' | b':' | b'%')) {
        Some(b'.') => read_four(address).map(|()| Version::Four),
        Some(b':') => read_six(address).map(|()| Version::Six),
        Some(_) => Err(Fault("missing IPv6 address", &[])),
        None => Err(Fault("unable to parse IP", &[])),
    };
    read.map_err(|Fault(complaint, rest)| {
        let place = if rest.is_empty() { String::new() } else { format!(" (at {})", quote(rest)) };
        format!("ParseAddr({}): {complaint}{place}", quote(address))
    })
}

fn read_four(text: &[u8]) -> Result<(), Fault<'_>> {
    let (mut value, mut digits, mut points) = (0_u32, 0, 0);
    for (at, byte) in text.iter().enumerate() {
        let rest = text.get(at..).unwrap_or_default();
        match byte {
            b'0'..=b'9' => {
                if digits == 1 && value == 0 {
                    return Err(Fault("IPv4 field has octet with leading zero", &[]));
                }
                value = value * 10 + u32::from(byte - b'0');
                digits += 1;
                if value > 255 {
                    return Err(Fault("IPv4 field has value >255", &[]));
                }
            }
            b'.' if digits == 0 || rest.len() == 1 => {
                return Err(Fault("IPv4 field must have at least one digit", rest));
            }
            b'.' if points == 3 => return Err(Fault("IPv4 address too long", &[])),
            b'.' => {
                points += 1;
                (value, digits) = (0, 0);
            }
            _ => return Err(Fault("unexpected character", rest)),
        }
    }
    if points < 3 { Err(Fault("IPv4 address too short", &[])) } else { Ok(()) }
}

fn read_six(text: &[u8]) -> Result<(), Fault<'_>> {
    let mut rest = text;
    if let Some(percent) = text.iter().position(|byte| *byte == b'%') {
        rest = text.get(..percent).unwrap_or_default();
        if percent + 1 == text.len() {
            return Err(Fault("zone must be a non-empty string", &[]));
        }
    }
    let mut has_gap = rest.starts_with(b"::");
    if has_gap {
        rest = rest.get(2..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
    }
    let mut groups = 0;
    while groups < GROUPS {
        let digits = group_length(rest)?;
        let after = rest.get(digits..).unwrap_or_default();
        if after.starts_with(b".") {
            if !has_gap && groups != GROUPS - 2 {
                return Err(Fault("embedded IPv4 address must replace the final 2 fields of the address", rest));
            }
            if groups + 2 > GROUPS {
                return Err(Fault("too many hex fields to fit an embedded IPv4 at the end of the address", rest));
            }
            read_four(rest)?;
            (rest, groups) = (&[], groups + 2);
            break;
        }
        groups += 1;
        rest = match after {
            [] => &[],
            [b':'] => return Err(Fault("colon must be followed by more characters", after)),
            [b':', b':', ..] if has_gap => {
                return Err(Fault("multiple :: in address", after.get(1..).unwrap_or_default()));
            }
            [b':', b':', further @ ..] => {
                has_gap = true;
                further
            }
            [b':', further @ ..] => further,
            _ => return Err(Fault("unexpected character, want colon", after)),
        };
        if rest.is_empty() {
            break;
        }
    }
    match (rest.is_empty(), groups < GROUPS, has_gap) {
        (false, ..) => Err(Fault("trailing garbage after address", rest)),
        (true, true, false) => Err(Fault("address string too short", &[])),
        (true, false, true) => Err(Fault("the :: must expand to at least one field of zeros", &[])),
        _ => Ok(()),
    }
}

/// How many digits the group at the start has.
fn group_length(text: &[u8]) -> Result<usize, Fault<'_>> {
    match text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count() {
        0 => Err(Fault("each colon-separated field must have at least one digit", text)),
        digits @ 1..=4 => Ok(digits),
        _ => Err(Fault("each group must have 4 or less digits", text)),
    }
}
