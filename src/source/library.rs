//! The one place where charts come from: indexes, archives and registries, each thing fetched once and shared.
//!
//! **Invariant:** whoever gets a chart with a digest gets the bytes that have this digest.

use std::sync::Arc;

use super::{Access, Error, Index};
use crate::chart::Chart;

/// Fetches charts, and keeps what may be wanted again. Cheap to clone; clones share everything.
#[derive(Clone, Default)]
pub struct Library(Arc<Inner>);

#[derive(Default)]
struct Inner {}

/// A chart with what is known of its archive.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The chart.
    pub chart: Arc<Chart>,
    /// The version by which it was found: the index's or the tag's, with `+` rather than `_`.
    pub version: String,
    /// The digest of the archive, `sha256:` and hex.
    pub digest: String,
    /// Bytes of the archive.
    pub size: u64,
}

/// Which artifact of an OCI repository: the first of digest, range and tag that is given; else the tag `latest`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ArtifactReference {
    /// The manifest's digest.
    pub digest: Option<String>,
    /// A range of versions.
    pub semver: Option<String>,
    /// A regular expression that tags must match to be in the range.
    pub semver_filter: Option<String>,
    /// A tag.
    pub tag: Option<String>,
}

/// An artifact of an OCI repository, found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArtifactRevision {
    /// The tag, unless it was asked for by digest.
    pub tag: Option<String>,
    /// The manifest's digest.
    pub digest: String,
}

impl std::fmt::Display for ArtifactRevision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.tag {
            Some(tag) => write!(f, "{tag}@{}", self.digest),
            None => f.write_str(&self.digest),
        }
    }
}

impl Library {
    /// An empty library.
    pub fn new() -> Self {
        Self::default()
    }

    /// The index of a repository, asked for again; a server that says it has not changed sends nothing.
    pub async fn index(&self, access: &Access) -> Result<Arc<Index>, Error> {
        Err(Error::Unsupported { what: access.url.clone() })
    }

    /// A chart of an HTTP repository by its name and a version or range; the index is fetched if it is not at hand.
    pub async fn chart_from_repository(&self, access: &Access, name: &str, version: &str) -> Result<Fetched, Error> {
        Err(Error::Unsupported { what: format!("{} {name} {version}", access.url) })
    }

    /// A chart below a registry's path by its name and a version or range.
    pub async fn chart_from_registry(&self, access: &Access, name: &str, version: &str) -> Result<Fetched, Error> {
        Err(Error::Unsupported { what: format!("{} {name} {version}", access.url) })
    }

    /// The chart at a URL at which somebody else serves it, checked by its digest (`sha256:` and hex).
    pub async fn chart_from_url(&self, url: &str, digest: &str) -> Result<Fetched, Error> {
        Err(Error::Unsupported { what: format!("{url} {digest}") })
    }

    /// The chart with this digest, if it is at hand.
    pub fn get(&self, digest: &str) -> Option<Arc<Chart>> {
        let _ = (&self.0, digest);
        None
    }
}
