//! URLs: taking apart and putting together.
//!
//! Counterpart: `url.go` of sprig 3.3.0 over Go's `net/url` (Go 1.26, colons in host names checked strictly for http and https).
//!
//! **Invariant:** nothing is resolved or fetched.

use super::address;
use super::args::{STRING, bytes, fail, map, string};
use crate::gotemplate::Function;
use crate::value::{CallError, CallResult, Map, MapType, Signature, Type, Value, quote};

/// The functions on URLs.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    vec![
        Function::pure("urlParse", Signature::fixed(STRING), |args| match Url::parse(bytes(args, 0)) {
            Ok(url) => Ok(Value::Map(url.into_map())),
            Err(reason) => fail(format!("unable to parse url: {reason}")),
        }),
        Function::pure("urlJoin", Signature::fixed(&[Type::Map]), |args| join(&map(args, 0))),
    ]
}

#[derive(Default)]
struct Url {
    scheme: Vec<u8>,
    /// User and password, unescaped.
    user: Option<(Vec<u8>, Option<Vec<u8>>)>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    opaque: Vec<u8>,
    fragment: Vec<u8>,
}

/// Which part of a URL is escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    Zone,
    UserPassword,
    Path,
    Fragment,
}

fn cut(text: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == mark) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    }
}

/// The scheme of a URL, in lower case; empty for a plain path. The error is that of Go's `url.Parse`.
pub fn url_scheme(text: &str) -> Result<String, String> {
    Url::parse(text.as_bytes()).map(|url| String::from_utf8_lossy(&url.scheme).into_owned())
}

impl Url {
    fn parse(text: &[u8]) -> Result<Self, String> {
        let (body, fragment) = cut(text, b'#');
        let failure = |text: &[u8], reason: String| format!("parse {}: {reason}", quote(text));
        let mut url = Self::parse_body(body).map_err(|reason| failure(body, reason))?;
        if let Some(fragment) = fragment {
            url.fragment = unescape(fragment, Part::Fragment).map_err(|reason| failure(text, reason))?;
        }
        Ok(url)
    }

    fn parse_body(text: &[u8]) -> Result<Self, String> {
        if text.iter().any(u8::is_ascii_control) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        if text == b"*" {
            return Ok(Self { path: b"*".to_vec(), ..Self::default() });
        }
        let (scheme, rest) = split_scheme(text)?;
        let mut url = Self { scheme: scheme.to_ascii_lowercase(), ..Self::default() };
        let (mut rest, query) = cut(rest, b'?');
        url.query = query.unwrap_or_default().to_vec();
        if !rest.starts_with(b"/") {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_vec();
                return Ok(url);
            }
            if cut(rest, b'/').0.contains(&b':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        if let Some(after) = rest.strip_prefix(b"//")
            && !(url.scheme.is_empty() && after.starts_with(b"/"))
        {
            let length = after.iter().position(|byte| *byte == b'/').unwrap_or(after.len());
            let (authority, path) = after.split_at_checked(length).unwrap_or_default();
            url.parse_authority(authority)?;
            rest = path;
        }
        url.path = unescape(rest, Part::Path)?;
        Ok(url)
    }

    fn parse_authority(&mut self, authority: &[u8]) -> Result<(), String> {
        let at = authority.iter().rposition(|byte| *byte == b'@');
        let host = authority.get(at.map_or(0, |at| at + 1)..).unwrap_or_default();
        let strict = matches!(self.scheme.as_slice(), b"http" | b"https");
        self.host = parse_host(host, strict)?;
        if let Some(user) = at.and_then(|at| authority.get(..at)) {
            if !user.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte)) {
                return Err("net/url: invalid userinfo".to_owned());
            }
            let (name, password) = cut(user, b':');
            let name = unescape(name, Part::UserPassword)?;
            let password = password.map(|password| unescape(password, Part::UserPassword)).transpose()?;
            self.user = Some((name, password));
        }
        Ok(())
    }

    fn into_map(self) -> Map {
        let entries = [
            ("userinfo", self.user_text()),
            ("hostname", host_name(&self.host).to_vec()),
            ("scheme", self.scheme),
            ("host", self.host),
            ("path", self.path),
            ("query", self.query),
            ("opaque", self.opaque),
            ("fragment", self.fragment),
        ];
        let map = Map::new(MapType::Any);
        for (key, value) in entries {
            map.insert(key, Value::string(value));
        }
        map
    }

    fn user_text(&self) -> Vec<u8> {
        let Some((name, password)) = &self.user else { return Vec::new() };
        let mut text = escape(name, Part::UserPassword);
        if let Some(password) = password {
            text.push(b':');
            text.extend(escape(password, Part::UserPassword));
        }
        text
    }

    /// The text of the URL: `URL.String` in Go.
    fn text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            let has_authority = !self.host.is_empty() || self.user.is_some();
            if has_authority || (!self.scheme.is_empty() && !self.path.is_empty()) {
                out.extend_from_slice(b"//");
            }
            if self.user.is_some() {
                out.extend(self.user_text());
                out.push(b'@');
            }
            out.extend(escape(&self.host, Part::Host));
            let path = if self.path == b"*" { b"*".to_vec() } else { escape(&self.path, Part::Path) };
            if !path.is_empty() && !path.starts_with(b"/") && !self.host.is_empty() {
                out.push(b'/');
            }
            // Without this, the first segment would be read as a scheme.
            if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
                out.extend_from_slice(b"./");
            }
            out.extend(path);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend(escape(&self.fragment, Part::Fragment));
        }
        out
    }
}

fn split_scheme(text: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (position, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if position > 0 => {}
            b':' if position == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => {
                let (scheme, rest) = text.split_at_checked(position).unwrap_or_default();
                return Ok((scheme, rest.get(1..).unwrap_or_default()));
            }
            _ => break,
        }
    }
    Ok((b"", text))
}

fn parse_host(host: &[u8], strict: bool) -> Result<Vec<u8>, String> {
    let port_after = |from: usize| {
        let port = host.get(from..).unwrap_or_default();
        if is_optional_port(port) { Ok(port) } else { Err(format!("invalid port {} after host", quote(port))) }
    };
    match host.iter().rposition(|byte| *byte == b'[') {
        Some(0) => {
            let Some(close) = host.iter().rposition(|byte| *byte == b']') else {
                return Err("missing ']' in host".to_owned());
            };
            let port = unescape(port_after(close + 1)?, Part::Host)?;
            let address = parse_address(host.get(1..close).unwrap_or_default())?;
            Ok([b"[", address.as_slice(), b"]", &port].concat())
        }
        Some(_) => Err("invalid IP-literal".to_owned()),
        None => {
            let colon = if strict {
                host.iter().position(|byte| *byte == b':')
            } else {
                host.iter().rposition(|byte| *byte == b':')
            };
            if let Some(colon) = colon {
                port_after(colon)?;
            }
            unescape(host, Part::Host)
        }
    }
}

/// The address between brackets, unescaped; it must be of version 6.
fn parse_address(text: &[u8]) -> Result<Vec<u8>, String> {
    let zone = text.windows(3).position(|window| window == b"%25");
    let (host, zone) = text.split_at_checked(zone.unwrap_or(text.len())).unwrap_or_default();
    let address = [unescape(host, Part::Host)?, unescape(zone, Part::Zone)?].concat();
    match address::version(&address).map_err(|fault| format!("invalid host: {fault}"))? {
        address::Version::Six => Ok(address),
        address::Version::Four => Err("invalid IP-literal".to_owned()),
    }
}

fn is_optional_port(port: &[u8]) -> bool {
    match port.split_first() {
        None => true,
        Some((b':', digits)) => digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    }
}

/// The host without its port and brackets.
fn host_name(host: &[u8]) -> &[u8] {
    let colon = host.iter().rposition(|byte| *byte == b':');
    let name = match colon.and_then(|colon| host.split_at_checked(colon)) {
        Some((name, port)) if is_optional_port(port) => name,
        _ => host,
    };
    name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name)
}

fn needs_escape(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        return false;
    }
    let allowed: &[u8] = match part {
        Part::Host | Part::Zone => b"!$&'()*+,;=:[]<>\"",
        Part::UserPassword => b"$&+,;=",
        Part::Path => b"$&+,/:;=@",
        Part::Fragment => b"$&+,/:;=?@!()*",
    };
    !allowed.contains(&byte)
}

fn escape(text: &[u8], part: Part) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if needs_escape(*byte, part) {
            out.extend(format!("%{byte:02X}").into_bytes());
        } else {
            out.push(*byte);
        }
    }
    out
}

fn unescape(text: &[u8], part: Part) -> Result<Vec<u8>, String> {
    let bad_escape = |rest: &[u8]| format!("invalid URL escape {}", quote(rest.get(..3).unwrap_or(rest)));
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'%' {
            if matches!(part, Part::Host | Part::Zone) && byte.is_ascii() && needs_escape(*byte, part) {
                return Err(format!("invalid character {} in host name", quote([*byte])));
            }
            out.push(*byte);
            rest = after;
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let decoded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(|| bad_escape(rest))?;
        let refused = match part {
            // In host names only what is not ASCII may be escaped, and the mark of a zone.
            Part::Host => decoded < 0x80 && decoded != b'%',
            Part::Zone => decoded != b'%' && decoded != b' ' && needs_escape(decoded, Part::Host),
            _ => false,
        };
        if refused {
            return Err(bad_escape(rest));
        }
        out.push(decoded);
        rest = after.get(2..).unwrap_or_default();
    }
    Ok(out)
}

fn join(parts: &Map) -> CallResult {
    let part = |key: &str| match parts.get(key) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.as_bytes().to_vec()),
        Some(Value::Nil) => fail(super::args::NIL_POINTER),
        Some(other) => {
            let found = other.kind().name();
            fail(format!("unable to parse {key} key, must be of type string, but {found} found"))
        }
    };
    let mut url = Url {
        scheme: part("scheme")?,
        host: part("host")?,
        path: part("path")?,
        query: part("query")?,
        opaque: part("opaque")?,
        fragment: part("fragment")?,
        user: None,
    };
    let user = part("userinfo")?;
    if !user.is_empty() {
        let parsed = Url::parse(&[b"proto://", user.as_slice(), b"@host"].concat());
        let failure = |reason| CallError::new(format!("unable to parse userinfo in dict: {reason}"));
        url.user = parsed.map_err(failure)?.user;
    }
    string(url.text())
}
