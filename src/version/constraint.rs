//! Constraints: alternatives (`||`) of groups of comparators, all of which must hold.
//!
//! Counterpart: `constraints.go` of Masterminds/semver 3.5. Quirks kept on purpose: `>11` means 12.0.0 and up, `<=1.1` admits 1.1.9,
//! `~0.0.0` admits everything, the pipe counts as a digit where versions are cut (so `1 - 2||3` without blanks is refused).
//!
//! **Invariant:** a prerelease never satisfies a group in which no comparator names a prerelease.

use std::fmt;

use super::semver::{Shape, compare_prereleases};
use super::{Error, Version, quote};

/// The longest constraint that is read, in bytes.
pub const MAX_CONSTRAINT_LENGTH: usize = 512;

/// The most alternatives that a constraint may have.
pub const MAX_CONSTRAINT_GROUPS: usize = 32;

/// A parsed constraint.
#[derive(Clone, Debug)]
pub struct Constraints {
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    comparators: Vec<Comparator>,
    admits_prereleases: bool,
}

#[derive(Clone, Debug)]
struct Comparator {
    operator: Operator,
    sign: String,
    text: String,
    version: Version,
    precision: Precision,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

/// How many numbers were given before the first wildcard or the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Precision {
    Any,
    Major,
    Minor,
    Full,
}

/// Operators, longer ones before those they begin with.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterEqual),
    ("=>", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("=<", Operator::LessEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

impl Constraints {
    /// Reads a constraint (`semver.NewConstraint`). The empty text is none; `*` is any release.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_CONSTRAINT_LENGTH {
            return Err(Error::ConstraintTooLong);
        }
        let text = rewrite_hyphen_ranges(text);
        if text.split("||").count() > MAX_CONSTRAINT_GROUPS {
            return Err(Error::TooManyGroups);
        }
        let groups = text.split("||").map(Group::parse).collect::<Result<_, _>>()?;
        Ok(Self { groups })
    }

    /// Whether the version satisfies the constraint.
    pub fn check(&self, version: &Version) -> bool {
        self.groups
            .iter()
            .any(|group| group.comparators.iter().all(|comparator| group.check(comparator, version).is_ok()))
    }

    /// As `check`, with every reason why not, in Masterminds' words.
    pub fn validate(&self, version: &Version) -> Result<(), Vec<String>> {
        let mut reasons = Vec::new();
        let mut told_of_prerelease = false;
        for group in &self.groups {
            let mut satisfied = true;
            for comparator in &group.comparators {
                let Err(reason) = group.check(comparator, version) else { continue };
                satisfied = false;
                let is_prerelease = group.refuses_prerelease(version);
                if !(is_prerelease && told_of_prerelease) {
                    reasons.push(reason);
                }
                told_of_prerelease |= is_prerelease;
            }
            if satisfied {
                return Ok(());
            }
        }
        Err(reasons)
    }

    /// The highest of the versions that satisfy the constraint; of equal ones the first.
    ///
    /// `version_of` gives the version of an item, so that index entries and tags can be chosen from as they are.
    pub fn latest<'a, T>(
        &self,
        items: impl IntoIterator<Item = T>,
        version_of: impl Fn(&T) -> &'a Version,
    ) -> Option<T> {
        let mut latest: Option<T> = None;
        for item in items {
            let version = version_of(&item);
            if self.check(version) && latest.as_ref().is_none_or(|latest| version > version_of(latest)) {
                latest = Some(item);
            }
        }
        latest
    }
}

impl fmt::Display for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, group) in self.groups.iter().enumerate() {
            if index > 0 {
                f.write_str(" || ")?;
            }
            for (index, comparator) in group.comparators.iter().enumerate() {
                let separator = if index > 0 { " " } else { "" };
                write!(f, "{separator}{}{}", comparator.sign, comparator.text)?;
            }
        }
        Ok(())
    }
}

impl Group {
    fn parse(text: &str) -> Result<Self, Error> {
        let improper = || Error::ImproperConstraint(text.to_owned());
        let mut comparators = Vec::new();
        let mut rest = trim_space_start(text);
        loop {
            let (sign, operator) = cut_operator(&mut rest);
            rest = trim_space_start(rest);
            let shape = Shape::read(rest, is_digit_or_wildcard).ok_or_else(improper)?;
            let after = shape.rest;
            let cut = rest.get(..rest.len() - after.len()).unwrap_or_default();
            comparators.push((sign, operator, cut, shape));
            rest = trim_space_start(after);
            if rest.is_empty() {
                break;
            }
            match rest.strip_prefix(',') {
                Some(next) => rest = trim_space_start(next),
                None if rest.len() < after.len() => {}
                None => return Err(improper()),
            }
        }
        let comparators: Vec<_> = comparators
            .into_iter()
            .map(|(sign, operator, cut, shape)| Comparator::new(sign, operator, cut, &shape))
            .collect::<Result<_, _>>()?;
        let admits_prereleases = comparators.iter().any(|comparator| !comparator.version.prerelease().is_empty());
        Ok(Self { comparators, admits_prereleases })
    }

    fn refuses_prerelease(&self, version: &Version) -> bool {
        !version.prerelease().is_empty() && !self.admits_prereleases
    }

    fn check(&self, comparator: &Comparator, version: &Version) -> Result<(), String> {
        if self.refuses_prerelease(version) {
            return Err(format!(
                "{} is a prerelease version and the constraint is only looking for release versions",
                quote(&version.to_string())
            ));
        }
        comparator.check(version)
    }
}

impl Comparator {
    fn new(sign: &str, operator: Operator, text: &str, shape: &Shape<'_>) -> Result<Self, Error> {
        let is_wild = |segment: Option<&str>| segment.is_none_or(|segment| matches!(segment, "x" | "X" | "*"));
        let prerelease = shape.prerelease.map(|prerelease| format!("-{prerelease}")).unwrap_or_default();
        let minor = shape.minor.unwrap_or_default();
        let (precision, version) = if is_wild(Some(shape.major)) {
            (Precision::Any, format!("0.0.0{prerelease}"))
        } else if is_wild(shape.minor) {
            (Precision::Major, format!("{}.0.0{prerelease}", shape.major))
        } else if is_wild(shape.patch) {
            (Precision::Minor, format!("{}.{minor}.0{prerelease}", shape.major))
        } else {
            (Precision::Full, text.to_owned())
        };
        let version = Version::parse(&version).map_err(|_| Error::ConstraintVersion)?;
        Ok(Self { operator, sign: sign.to_owned(), text: text.to_owned(), version, precision })
    }

    fn check(&self, version: &Version) -> Result<(), String> {
        match self.operator {
            Operator::Equal if self.precision == Precision::Full => {
                self.require(version == &self.version, version, "is not equal to")
            }
            Operator::Equal | Operator::Tilde => self.check_tilde(version),
            Operator::NotEqual => self.require(self.differs(version), version, "is equal to"),
            Operator::Greater => self.require(self.is_below(version), version, "is less than or equal to"),
            Operator::Less => self.require(version < &self.version, version, "is greater than or equal to"),
            Operator::GreaterEqual => self.require(version >= &self.version, version, "is less than"),
            Operator::LessEqual => self.require(self.reaches(version), version, "is greater than"),
            Operator::Caret => self.check_caret(version),
        }
    }

    fn differs(&self, version: &Version) -> bool {
        let same_major = version.major() == self.version.major();
        let same_minor = version.minor() == self.version.minor();
        match self.precision {
            Precision::Major => !same_major,
            Precision::Minor => {
                !same_major
                    || !same_minor
                    || compare_prereleases(version.prerelease(), self.version.prerelease()).is_ne()
            }
            // `!=*` is compared as `!=0.0.0`.
            Precision::Full | Precision::Any => version != &self.version,
        }
    }

    fn is_below(&self, version: &Version) -> bool {
        match self.precision {
            Precision::Major => version.major() > self.version.major(),
            Precision::Minor => (version.major(), version.minor()) > (self.version.major(), self.version.minor()),
            Precision::Any | Precision::Full => version > &self.version,
        }
    }

    fn reaches(&self, version: &Version) -> bool {
        match self.precision {
            Precision::Full => version <= &self.version,
            Precision::Major => version.major() <= self.version.major(),
            Precision::Any | Precision::Minor => {
                (version.major(), version.minor()) <= (self.version.major(), self.version.minor())
            }
        }
    }

    fn check_tilde(&self, version: &Version) -> Result<(), String> {
        self.require(version >= &self.version, version, "is less than")?;
        let is_zero = (self.version.major(), self.version.minor(), self.version.patch()) == (0, 0, 0);
        if is_zero && matches!(self.precision, Precision::Any | Precision::Full) {
            return Ok(());
        }
        let same_major = version.major() == self.version.major();
        self.require(same_major, version, "does not have same major version as")?;
        let same_minor = self.precision == Precision::Major || version.minor() == self.version.minor();
        self.require(same_minor, version, "does not have same major and minor version as")
    }

    fn check_caret(&self, version: &Version) -> Result<(), String> {
        self.require(version >= &self.version, version, "is less than")?;
        let same_major = version.major() == self.version.major();
        self.require(same_major, version, "does not have same major version as")?;
        if self.version.major() > 0 || self.precision == Precision::Major {
            return Ok(());
        }
        let same_minor = version.minor() == self.version.minor();
        if self.version.minor() > 0 || self.precision == Precision::Minor {
            let hint = ". Expected minor versions to match when constraint major version is 0";
            return self
                .require(same_minor, version, "does not have same minor version as")
                .map_err(|reason| reason + hint);
        }
        self.require(same_minor, version, "does not have same minor version as")?;
        let hint = ". Expect version and constraint to equal when major and minor versions are 0";
        let same_patch = version.patch() == self.version.patch();
        self.require(same_patch, version, "does not equal").map_err(|reason| reason + hint)
    }

    fn require(&self, holds: bool, version: &Version, verdict: &str) -> Result<(), String> {
        if holds { Ok(()) } else { Err(format!("{} {verdict} {}", quote(&version.to_string()), quote(&self.text))) }
    }
}

/// Turns `a - b` into `>= a, <= b `, wherever it stands.
fn rewrite_hyphen_ranges(text: &str) -> String {
    let mut rewritten = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some((low, high, after)) = cut_hyphen_range(rest) {
            rewritten.extend([">= ", low, ", <= ", high, " "]);
            rest = after;
        } else {
            rewritten.push(letter);
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
    }
    rewritten
}

fn cut_hyphen_range(text: &str) -> Option<(&str, &str, &str)> {
    let (low, rest) = cut_version(trim_space_start(text))?;
    let rest = cut_space(rest)?.strip_prefix('-')?;
    let (high, rest) = cut_version(cut_space(rest)?)?;
    Some((low, high, trim_space_start(rest)))
}

fn cut_version(text: &str) -> Option<(&str, &str)> {
    let shape = Shape::read(text, is_digit_or_wildcard)?;
    text.split_at_checked(text.len() - shape.rest.len())
}

fn cut_operator<'a>(rest: &mut &'a str) -> (&'a str, Operator) {
    for (sign, operator) in OPERATORS {
        if let Some(after) = rest.strip_prefix(sign) {
            *rest = after;
            return (sign, operator);
        }
    }
    ("", Operator::Equal)
}

fn is_digit_or_wildcard(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'x' | b'X' | b'*' | b'|')
}

/// Blanks as regular expressions of Go have them in `\s`.
fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

fn trim_space_start(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

fn cut_space(text: &str) -> Option<&str> {
    let rest = trim_space_start(text);
    (rest.len() < text.len()).then_some(rest)
}
