//! Formats of texts that the Go library reads by other rules than the library at hand, or refuses in other words.
//!
//! Counterpart: `format.go` of santhosh-tekuri/jsonschema v6.0.3, which knows no `idn-email` and no `idn-hostname`.
//!
//! **Invariant:** what is no text has every format.

use std::error::Error;

use boon::{Compiler, Format};
use serde_json::Value as Json;

use crate::chart::time::date_fault;
use crate::sprig::url_scheme;

type Checked = Result<(), Box<dyn Error>>;

/// Lengths of the groups of a UUID.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// Teaches the compiler these formats.
pub(super) fn register(compiler: &mut Compiler) {
    let formats: [Format; 11] = [
        Format { name: "idn-email", func: |_| Ok(()) },
        Format { name: "idn-hostname", func: |_| Ok(()) },
        Format { name: "uri", func: |value| of_text(value, uri) },
        Format { name: "iri", func: |value| of_text(value, uri) },
        Format { name: "uri-reference", func: |value| of_text(value, uri_reference) },
        Format { name: "iri-reference", func: |value| of_text(value, uri_reference) },
        Format { name: "date", func: |value| of_text(value, |text| date_fault(text).map_or(Ok(()), Err)) },
        Format { name: "ipv4", func: |value| of_text(value, ipv4) },
        Format { name: "ipv6", func: |value| of_text(value, ipv6) },
        Format { name: "uuid", func: |value| of_text(value, uuid) },
        Format { name: "semver", func: |value| of_text(value, semver) },
    ];
    for format in formats {
        compiler.register_format(format);
    }
}

fn of_text(value: &Json, check: fn(&str) -> Result<(), String>) -> Checked {
    value.as_str().map_or(Ok(()), |text| check(text).map_err(Into::into))
}

fn uri(text: &str) -> Result<(), String> {
    if url_scheme(text)?.is_empty() { Err("relative url".to_owned()) } else { Ok(()) }
}

fn uri_reference(text: &str) -> Result<(), String> {
    if text.contains('\\') { Err("contains \\".to_owned()) } else { url_scheme(text).map(drop) }
}

fn ipv4(text: &str) -> Result<(), String> {
    let groups: Vec<&str> = text.split('.').collect();
    if groups.len() != 4 {
        return Err("expected four decimals".to_owned());
    }
    for group in groups {
        if group.len() > 1 && group.starts_with('0') {
            return Err("leading zeros".to_owned());
        }
        let fault = |_| format!("strconv.Atoi: parsing {}: invalid syntax", crate::value::quote(group));
        if !(0..=255).contains(&group.parse::<i64>().map_err(fault)?) {
            return Err("decimal must be between 0 and 255".to_owned());
        }
    }
    Ok(())
}

fn ipv6(text: &str) -> Result<(), String> {
    if !text.contains(':') {
        return Err("missing colon".to_owned());
    }
    let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    let refused = |_| format!("ParseAddr({}): unable to parse IP", crate::value::quote(text));
    address.parse::<std::net::Ipv6Addr>().map_err(refused)?;
    if zone.is_some() { Err("zone id is not a part of ipv6 address".to_owned()) } else { Ok(()) }
}

fn uuid(text: &str) -> Result<(), String> {
    let groups: Vec<&str> = text.split('-').collect();
    if groups.len() != UUID_GROUPS.len() {
        return Err(format!("must have {} elements", UUID_GROUPS.len()));
    }
    for (position, (group, length)) in groups.into_iter().zip(UUID_GROUPS).enumerate() {
        if group.len() != length {
            return Err(format!("element {} must be {length} characters long", position + 1));
        }
        if let Some(letter) = group.chars().find(|letter| !letter.is_ascii_hexdigit()) {
            return Err(format!("non-hex character {}", rune(letter)));
        }
    }
    Ok(())
}

fn semver(text: &str) -> Result<(), String> {
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    if let Some(build) = build {
        if build.is_empty() {
            return Err("build is empty".to_owned());
        }
        build.split('.').try_for_each(|part| identifier(part, "build"))?;
    }
    let (core, release) = text.split_once('-').map_or((text, None), |(core, release)| (core, Some(release)));
    for part in release.into_iter().flat_map(|release| release.split('.')) {
        identifier(part, "pre-release")?;
        if part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("pre-release numeric identifier starts with zero".to_owned());
        }
    }
    let numbers: Vec<&str> = core.split('.').collect();
    if numbers.len() != 3 {
        return Err("versionCore must have 3 numbers separated by dot".to_owned());
    }
    for (number, name) in numbers.into_iter().zip(["major", "minor", "patch"]) {
        if number.is_empty() {
            return Err(format!("{name} is empty"));
        }
        if number.len() > 1 && number.starts_with('0') {
            return Err(format!("{name} starts with zero"));
        }
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("{name} contains non-digit"));
        }
    }
    Ok(())
}

fn identifier(part: &str, what: &str) -> Result<(), String> {
    if part.is_empty() {
        return Err(format!("{what} identifier is empty"));
    }
    match part.chars().find(|letter| !letter.is_ascii_alphanumeric() && *letter != '-') {
        Some(letter) => Err(format!("invalid character {} in {what} identifier", rune(letter))),
        None => Ok(()),
    }
}

fn rune(letter: char) -> String {
    crate::value::quote_rune(i64::from(u32::from(letter)), false)
}
