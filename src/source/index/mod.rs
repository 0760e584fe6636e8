//! The index of a chart repository: which charts in which versions, and where their archives are.
//!
//! Bytes go in; a table of names, versions, digests and URLs comes out. Version selection is that of Flux's source-controller 1.9. Where
//! Flux reads strictly, this reads leniently: unknown keys and entries that are no chart version are passed over.
//!
//! **Invariant:** keeps only what finding an archive needs, so that a large index costs a fraction of its file.

mod pieces;

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use url::Url;

use super::Error;
use super::http::shown;
use crate::goyaml;
use crate::version::{Constraints, Version};

/// The most bytes that an index may have: 50 MiB, as in Flux.
pub const MAX_INDEX_SIZE: u64 = 50 * 1024 * 1024;
/// How many versions an error about a missing one names.
const NAMED_VERSIONS: usize = 5;
/// The longest version that is kept; longer ones are none.
const MAX_VERSION_BYTES: usize = 256;

/// An index, as last fetched.
#[derive(Debug, Default)]
pub struct Index {
    /// The digest of its bytes, `sha256:` and hex.
    pub digest: String,
    /// How many bytes it had.
    pub size: u64,
    charts: Charts,
}

/// One version of a chart.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The version as written.
    pub version: String,
    /// The digest of the archive in hex, in lower case and without an algorithm before it.
    pub digest: Option<String>,
    /// Where the archive is: absolute, or relative to the repository. The first is asked first.
    pub urls: Vec<String>,
    parsed: Option<Version>,
    created: Option<Timestamp>,
}

impl Index {
    /// Reads an index from its bytes; `url` is for errors.
    ///
    /// # Errors
    /// The bytes are neither JSON nor YAML, or state no `apiVersion`.
    pub fn parse(bytes: &[u8], url: &str) -> Result<Self, Error> {
        let failed = |message: String| Error::Index { url: url.to_owned(), message };
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(failed("the index is empty".to_owned()));
        }
        let (api_version, charts) = match serde_json::from_slice::<IndexFile>(bytes) {
            Ok(file) => file.taken_apart(),
            Err(_) => Self::read_yaml(bytes).map_err(failed)?,
        };
        if api_version.is_none_or(|version| version.is_empty()) {
            return Err(failed("no API version specified".to_owned()));
        }
        Ok(Self { digest: super::digest::sha256(bytes), size: bytes.len() as u64, charts })
    }

    /// The API version and the charts.
    fn read_yaml(bytes: &[u8]) -> Result<(Option<String>, Charts), String> {
        if let Some(pieces) = pieces::read(bytes)
            && let Ok((api_version, _)) = Self::read_whole(pieces.head.as_bytes())
        {
            return Ok((api_version, pieces.charts));
        }
        Self::read_whole(bytes)
    }

    fn read_whole(bytes: &[u8]) -> Result<(Option<String>, Charts), String> {
        let json = goyaml::from_str(bytes).map_err(|error| error.to_string())?;
        let file: IndexFile = serde_json::from_value(json).map_err(|error| error.to_string())?;
        Ok(file.taken_apart())
    }

    /// How many charts there are.
    pub fn charts(&self) -> usize {
        self.charts.len()
    }

    /// A rough count of the bytes that the index takes in memory.
    pub(super) fn weight(&self) -> u64 {
        let of_entry =
            |entry: &Entry| 200 + entry.version.len() + entry.urls.iter().map(|url| 24 + url.len()).sum::<usize>();
        self.charts.values().flatten().map(of_entry).sum::<usize>() as u64 + 1024
    }

    /// The version of a chart that is asked for: the one that equals the text, else the highest in the range; of versions that differ
    /// only in build metadata the one made last. The empty text and `*` stand for any release.
    ///
    /// # Errors
    /// The range cannot be read, or there is no such chart or version.
    pub fn find(&self, name: &str, version: &str, url: &str) -> Result<&Entry, Error> {
        let missing = |hint: String| Error::NotFound {
            chart: name.to_owned(),
            version: version.to_owned(),
            place: url.to_owned(),
            hint,
            in_registry: false,
        };
        let entries = self.charts.get(name).map(Vec::as_slice).unwrap_or_default();
        if entries.is_empty() {
            return Err(missing(format!(": the index has {} charts, none of this name", self.charts.len())));
        }
        if let Some(entry) = entries.iter().find(|entry| entry.version == version) {
            return Ok(entry);
        }
        let constraints = parse_range(name, version)?;
        let candidates = entries.iter().filter_map(|entry| Some((entry.parsed.as_ref()?, entry)));
        let best = candidates
            .filter(|(parsed, _)| constraints.check(parsed))
            .max_by(|(left, a), (right, b)| left.cmp(right).then_with(|| a.created.cmp(&b.created)));
        best.map(|(_, entry)| entry).ok_or_else(|| missing(hint(entries.iter().map(|entry| entry.version.as_str()))))
    }
}

/// A range as Flux reads it: the empty text is `*`.
pub(super) fn parse_range(name: &str, range: &str) -> Result<Constraints, Error> {
    let text = if range.is_empty() { "*" } else { range };
    Constraints::parse(text).map_err(|error| Error::InvalidReference {
        message: format!("version '{range}' of chart '{name}' is no version or range: {error}"),
    })
}

/// The newest versions that there are, for whoever asked for another.
pub(super) fn hint<'a>(versions: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<_> = versions.map(|text| (Version::parse(text).ok(), text)).collect();
    if known.is_empty() {
        return ": there are no versions".to_owned();
    }
    known.sort_by(|left, right| right.cmp(left));
    let count = known.len();
    let newest: Vec<_> = known.into_iter().take(NAMED_VERSIONS).map(|(_, text)| text).collect();
    format!(": of {count} versions the newest are {}", newest.join(", "))
}

impl Entry {
    fn new(raw: RawEntry) -> Option<Self> {
        let version = raw.version.0.filter(|version| !version.is_empty() && version.len() <= MAX_VERSION_BYTES)?;
        let digest = raw.digest.0.map(|digest| digest.trim().to_ascii_lowercase());
        let digest = digest.map(|digest| digest.strip_prefix("sha256:").map(str::to_owned).unwrap_or(digest));
        Some(Self {
            parsed: Version::parse_three_part(&version).ok(),
            version,
            digest: digest.filter(|digest| !digest.is_empty()),
            urls: raw.urls.0.unwrap_or_default().into_iter().filter_map(|url| url.0).collect(),
            created: raw.created.0.and_then(|text| text.parse().ok()),
        })
    }

    /// The absolute URL of the archive, given the repository's; a relative one takes over the repository's query.
    ///
    /// # Errors
    /// The entry has no URL, or one that cannot be joined.
    pub(super) fn archive_url(&self, name: &str, repository: &Url) -> Result<Url, Error> {
        let invalid = |url: &str, message: String| Error::InvalidUrl { url: url.to_owned(), message };
        let Some(first) = self.urls.first() else {
            return Err(invalid(
                &shown(repository),
                format!("the index gives no URL for chart '{name}' version '{}'", self.version),
            ));
        };
        match Url::parse(first) {
            Ok(url) => Ok(url),
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                let mut base = directory(repository);
                base.set_query(None);
                let mut url = base.join(first).map_err(|error| invalid(first, error.to_string()))?;
                if repository.query().is_some() && url.origin() == repository.origin() {
                    url.set_query(repository.query());
                }
                Ok(url)
            }
            Err(error) => Err(invalid(first, format!("in the index for chart '{name}': {error}"))),
        }
    }
}

/// The repository's URL with one slash at the end of its path.
fn directory(repository: &Url) -> Url {
    let mut url = repository.clone();
    let path = format!("{}/", repository.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

/// Where a repository's index is.
pub(super) fn index_url(repository: &Url) -> Url {
    let mut url = directory(repository);
    let path = format!("{}index.yaml", url.path());
    url.set_path(&path);
    url
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexFile {
    #[serde(default)]
    api_version: Lenient<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    entries: HashMap<String, Versions>,
}

/// Versions by chart.
type Charts = HashMap<String, Vec<Entry>>;

impl IndexFile {
    fn taken_apart(self) -> (Option<String>, Charts) {
        let charts = self.entries.into_iter().map(|(name, versions)| (name, versions.0)).collect();
        (self.api_version.0, charts)
    }
}

#[derive(Deserialize)]
struct RawEntry {
    #[serde(default)]
    version: Lenient<String>,
    #[serde(default)]
    digest: Lenient<String>,
    #[serde(default)]
    urls: Lenient<Vec<Lenient<String>>>,
    #[serde(default)]
    created: Lenient<String>,
}

/// The versions of one chart, kept one by one as they are read; what is no list has none.
struct Versions(Vec<Entry>);

impl<'de> Deserialize<'de> for Versions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VersionsVisitor)
    }
}

struct VersionsVisitor;

impl<'de> Visitor<'de> for VersionsVisitor {
    type Value = Versions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the versions of a chart")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Versions, A::Error> {
        let mut versions = Vec::new();
        while let Some(raw) = list.next_element::<Lenient<RawEntry>>()? {
            versions.extend(raw.0.and_then(Entry::new));
        }
        Ok(Versions(versions))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Versions, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Versions(Vec::new()))
    }

    fn visit_unit<E>(self) -> Result<Versions, E> {
        Ok(Versions(Vec::new()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Versions, E> {
        Ok(Versions(Vec::new()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Versions, E> {
        Ok(Versions(Vec::new()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Versions, E> {
        Ok(Versions(Vec::new()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Versions, E> {
        Ok(Versions(Vec::new()))
    }

    fn visit_str<E>(self, _: &str) -> Result<Versions, E> {
        Ok(Versions(Vec::new()))
    }
}

/// What is of another shape counts as left out.
struct Lenient<T>(Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either<T> {
            Fits(T),
            Other(IgnoredAny),
        }
        Ok(Self(match Either::deserialize(deserializer)? {
            Either::Fits(value) => Some(value),
            Either::Other(_) => None,
        }))
    }
}

fn null_as_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
