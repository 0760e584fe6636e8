//! One version: parsing (loose and strict), printing, order, increments.
//!
//! Counterpart: `version.go` of Masterminds/semver 3.5, with its default of tolerating leading zeros in loose parsing.
//!
//! **Invariant:** build metadata never decides an order or an equality.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::Error;

/// The longest version text that is read, in bytes.
pub const MAX_VERSION_LENGTH: usize = 256;

/// A version; `0.0.0` by default. Equality and order are those of precedence: prereleases count, build metadata does not.
#[derive(Clone, Debug, Default)]
pub struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    prerelease: String,
    metadata: String,
    original: String,
}

impl Version {
    /// Reads a version loosely: `v1`, `1.2` and `01.2.3` will do (`semver.NewVersion`).
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_VERSION_LENGTH {
            return Err(Error::TooLong);
        }
        let shape = Shape::read(text, |byte| byte.is_ascii_digit()).ok_or(Error::Invalid)?;
        if !shape.rest.is_empty() {
            return Err(Error::Invalid);
        }
        let segment = |digits: Option<&str>| match digits {
            None => Ok(0),
            Some(digits) => digits.parse().map_err(|_| Error::SegmentRange(digits.to_owned())),
        };
        let version = Self {
            major: segment(Some(shape.major))?,
            minor: segment(shape.minor)?,
            patch: segment(shape.patch)?,
            prerelease: shape.prerelease.unwrap_or_default().to_owned(),
            metadata: shape.metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        };
        if let Some(prerelease) = shape.prerelease {
            validate_prerelease(prerelease)?;
        }
        Ok(version)
    }

    /// Reads a version by the letter of semver 2.0: three numbers, no `v`, no leading zeros (`semver.StrictNewVersion`).
    pub fn parse_strict(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Empty);
        }
        if text.len() > MAX_VERSION_LENGTH {
            return Err(Error::TooLong);
        }
        let (major, rest) = text.split_once('.').ok_or(Error::Invalid)?;
        let (minor, rest) = rest.split_once('.').ok_or(Error::Invalid)?;
        let (rest, metadata) = split_optional(rest, '+');
        if let Some(metadata) = metadata {
            validate_metadata(metadata)?;
        }
        let (patch, prerelease) = split_optional(rest, '-');
        if let Some(prerelease) = prerelease {
            validate_prerelease(prerelease)?;
        }
        for segment in [major, minor, patch] {
            if !segment.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Error::InvalidCharacters);
            }
            if segment.len() > 1 && segment.starts_with('0') {
                return Err(Error::SegmentStartsZero);
            }
        }
        let number = |digits: &str| digits.parse().map_err(|_| Error::StrictSegment(digits.to_owned()));
        Ok(Self {
            major: number(major)?,
            minor: number(minor)?,
            patch: number(patch)?,
            prerelease: prerelease.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        })
    }

    /// Reads a version loosely, but asks for three parts split by dots, as Flux does of the versions in an index.
    pub fn parse_three_part(text: &str) -> Result<Self, Error> {
        if text.splitn(3, '.').count() == 3 { Self::parse(text) } else { Err(Error::Invalid) }
    }

    /// The first number.
    pub fn major(&self) -> u64 {
        self.major
    }

    /// The second number, 0 if it was left out.
    pub fn minor(&self) -> u64 {
        self.minor
    }

    /// The third number, 0 if it was left out.
    pub fn patch(&self) -> u64 {
        self.patch
    }

    /// What follows the hyphen; empty for a release.
    pub fn prerelease(&self) -> &str {
        &self.prerelease
    }

    /// What follows the plus sign; may be empty.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    /// The text as it was read. `Display` gives the normalised form.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// The next major version, without prerelease and metadata.
    pub fn next_major(&self) -> Result<Self, Error> {
        let major = self.major.checked_add(1).ok_or(Error::IncrementOverflow("major"))?;
        Ok(self.derived(major, 0, 0, String::new(), String::new()))
    }

    /// The next minor version, without prerelease and metadata.
    pub fn next_minor(&self) -> Result<Self, Error> {
        let minor = self.minor.checked_add(1).ok_or(Error::IncrementOverflow("minor"))?;
        Ok(self.derived(self.major, minor, 0, String::new(), String::new()))
    }

    /// The next patch version, without prerelease and metadata; for a prerelease the release itself.
    pub fn next_patch(&self) -> Result<Self, Error> {
        let patch = if self.prerelease.is_empty() {
            self.patch.checked_add(1).ok_or(Error::IncrementOverflow("patch"))?
        } else {
            self.patch
        };
        Ok(self.derived(self.major, self.minor, patch, String::new(), String::new()))
    }

    /// The same version with another prerelease (without the hyphen); empty removes it.
    pub fn with_prerelease(&self, prerelease: &str) -> Result<Self, Error> {
        if !prerelease.is_empty() {
            validate_prerelease(prerelease)?;
        }
        Ok(self.derived(self.major, self.minor, self.patch, prerelease.to_owned(), self.metadata.clone()))
    }

    /// The same version with other metadata (without the plus sign); empty removes it.
    pub fn with_metadata(&self, metadata: &str) -> Result<Self, Error> {
        if !metadata.is_empty() {
            validate_metadata(metadata)?;
        }
        Ok(self.derived(self.major, self.minor, self.patch, self.prerelease.clone(), metadata.to_owned()))
    }

    fn derived(&self, major: u64, minor: u64, patch: u64, prerelease: String, metadata: String) -> Self {
        let prefix = if self.original.starts_with('v') { "v" } else { "" };
        let mut version = Self { major, minor, patch, prerelease, metadata, original: String::new() };
        version.original = format!("{prefix}{version}");
        version
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch)).then_with(|| {
            match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_prereleases(&self.prerelease, &other.prerelease),
            }
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.major, self.minor, self.patch, &self.prerelease).hash(state);
    }
}

/// Compares prereleases identifier by identifier: numbers below words, a shorter list below a longer one it begins.
pub(super) fn compare_prereleases(left: &str, right: &str) -> Ordering {
    let mut left = left.split('.');
    let mut right = right.split('.');
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (left, right) => compare_identifiers(left.unwrap_or_default(), right.unwrap_or_default()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn compare_identifiers(left: &str, right: &str) -> Ordering {
    if left.is_empty() || right.is_empty() {
        return left.len().cmp(&right.len());
    }
    // Numbers beyond 64 bits count as words, as in Masterminds.
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}

/// The parts of a version text, cut but not judged. Constraints use it with wildcards among the digits.
pub(super) struct Shape<'a> {
    pub(super) major: &'a str,
    pub(super) minor: Option<&'a str>,
    pub(super) patch: Option<&'a str>,
    pub(super) prerelease: Option<&'a str>,
    pub(super) metadata: Option<&'a str>,
    /// What follows the version.
    pub(super) rest: &'a str,
}

impl<'a> Shape<'a> {
    /// Cuts as long a version as there is from the start of the text; `None` if it does not begin with one.
    pub(super) fn read(text: &'a str, is_digit: fn(u8) -> bool) -> Option<Self> {
        let (major, mut rest) = cut_while(text.strip_prefix('v').unwrap_or(text), is_digit);
        if major.is_empty() {
            return None;
        }
        let mut segment = || {
            let (digits, after) = cut_while(rest.strip_prefix('.')?, is_digit);
            if digits.is_empty() {
                return None;
            }
            rest = after;
            Some(digits)
        };
        let minor = segment();
        let patch = minor.and_then(|_| segment());
        let prerelease = cut_identifiers(&mut rest, '-');
        let metadata = cut_identifiers(&mut rest, '+');
        Some(Self { major, minor, patch, prerelease, metadata, rest })
    }
}

/// Cuts identifiers split by dots after the mark; a dot that no identifier follows is left.
fn cut_identifiers<'a>(rest: &mut &'a str, mark: char) -> Option<&'a str> {
    let text = rest.strip_prefix(mark)?;
    let mut length = cut_while(text, is_identifier_byte).0.len();
    if length == 0 {
        return None;
    }
    while let Some(after) = text.get(length..).and_then(|tail| tail.strip_prefix('.')) {
        let identifier = cut_while(after, is_identifier_byte).0.len();
        if identifier == 0 {
            break;
        }
        length += 1 + identifier;
    }
    let (identifiers, after) = text.split_at_checked(length)?;
    *rest = after;
    Some(identifiers)
}

fn cut_while(text: &str, wanted: fn(u8) -> bool) -> (&str, &str) {
    let length = text.bytes().take_while(|byte| wanted(*byte)).count();
    // Only ASCII is ever wanted, so the cut is on a letter's edge.
    text.split_at_checked(length).unwrap_or((text, ""))
}

fn is_identifier_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn split_optional(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn validate_prerelease(prerelease: &str) -> Result<(), Error> {
    for identifier in prerelease.split('.') {
        if identifier.is_empty() || !identifier.bytes().all(is_identifier_byte) {
            return Err(Error::InvalidPrerelease);
        }
        let is_number = identifier.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && identifier.len() > 1 && identifier.starts_with('0') {
            return Err(Error::SegmentStartsZero);
        }
    }
    Ok(())
}

fn validate_metadata(metadata: &str) -> Result<(), Error> {
    let well_formed = |identifier: &str| !identifier.is_empty() && identifier.bytes().all(is_identifier_byte);
    if metadata.split('.').all(well_formed) { Ok(()) } else { Err(Error::InvalidMetadata) }
}
