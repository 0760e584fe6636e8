//! The one place where charts come from: indexes, archives and registries, each thing fetched once and shared.
//!
//! **Invariant:** whoever gets a chart with a digest gets the bytes that have this digest, and only after they were fetched once with
//! the same address and the same credentials.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use regex::Regex;
use url::Url;

use super::access::Identity;
use super::cache::{ChartCache, Loaded};
use super::egress::Egress;
use super::flight::Flights;
use super::git::{Checkout, Git, Wanted};
use super::http::{Answer, Ask, Http, Validators, shown};
use super::index::{MAX_INDEX_SIZE, hint, index_url, parse_range};
use super::registry::{Descriptor, Reference, Registries};
use super::transport::Transport;
use super::{Access, Error, Index, Tree, digest};
use crate::chart::Chart;
use crate::version::Version;

/// The most bytes that the archive of a chart may have: 10 MiB, as in Flux.
pub const MAX_CHART_ARCHIVE_SIZE: u64 = 10 * 1024 * 1024;
/// How many bytes of indexes are kept, as they lie in memory.
const MAX_KEPT_INDEXES: u64 = 128 * 1024 * 1024;
/// How long an index is kept that nobody asks for.
const INDEX_IDLE: Duration = Duration::from_secs(2 * 3600);
/// How many archives are remembered by what they were fetched as.
const MAX_REMEMBERED: u64 = 20_000;
/// How many trees of files are kept on disk that nobody uses.
const MAX_TREES: u64 = 32;
/// How long a tree of files is kept that nobody asks for.
const TREE_IDLE: Duration = Duration::from_secs(1800);
/// How long a tag is taken to stand for the same chart.
const TAG_AGE: Duration = Duration::from_secs(600);

/// Fetches charts, and keeps what may be wanted again. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Library(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) http: Arc<Http>,
    git: Arc<Git>,
    pub(super) registries: Registries,
    pub(super) charts: ChartCache,
    indexes: Cache<Identity, KnownIndex>,
    fetching_indexes: Flights<Identity, Arc<Index>>,
    /// What an archive's URL, or a layer's digest, gave to whom.
    pub(super) archives: Cache<(Identity, String), Arc<str>>,
    fetching_archives: Flights<(Identity, String), Loaded>,
    /// Files that somebody else serves, by URL and digest.
    pub(super) trees: Cache<(String, String), Arc<Tree>>,
    pub(super) fetching_trees: Flights<(String, String), Arc<Tree>>,
    /// What a tag gave to whom.
    tags: Cache<(Identity, String), Arc<str>>,
}

#[derive(Clone)]
struct KnownIndex {
    index: Arc<Index>,
    validators: Validators,
}

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

/// The layer of an artifact that matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactLayer {
    /// The layer's digest.
    pub digest: String,
    /// Bytes of the layer.
    pub size: u64,
    /// The manifest's annotations.
    pub annotations: BTreeMap<String, String>,
}

impl std::fmt::Display for ArtifactRevision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.tag {
            Some(tag) => write!(f, "{tag}@{}", self.digest),
            None => f.write_str(&self.digest),
        }
    }
}

impl Default for Library {
    fn default() -> Self {
        Self::new(Egress::default())
    }
}

impl Library {
    /// An empty library, which keeps away from some addresses.
    pub fn new(egress: Egress) -> Self {
        let transport = Arc::new(Transport::new(egress.clone()));
        let indexes = Cache::builder()
            .max_capacity(MAX_KEPT_INDEXES)
            .weigher(|_, known: &KnownIndex| u32::try_from(known.index.weight()).unwrap_or(u32::MAX))
            .time_to_idle(INDEX_IDLE)
            .build();
        let http = Arc::new(Http::new(Arc::clone(&transport)));
        Self(Arc::new(Inner {
            git: Arc::new(Git::new(Arc::clone(&http), Arc::clone(&transport), egress)),
            http,
            registries: Registries::new(transport),
            charts: ChartCache::default(),
            indexes,
            fetching_indexes: Flights::default(),
            archives: Cache::new(MAX_REMEMBERED),
            fetching_archives: Flights::default(),
            trees: Cache::builder().max_capacity(MAX_TREES).time_to_idle(TREE_IDLE).build(),
            fetching_trees: Flights::default(),
            tags: Cache::builder().max_capacity(MAX_REMEMBERED).time_to_live(TAG_AGE).build(),
        }))
    }

    /// The chart with this digest, if it is at hand.
    pub fn get(&self, digest: &str) -> Option<Arc<Chart>> {
        self.0.charts.get(digest).map(|loaded| loaded.chart)
    }

    /// Keeps a chart that was built here under the digest that stands for the build.
    pub fn keep(&self, chart: Arc<Chart>, digest: &str, size: u64) {
        self.0.charts.insert(Loaded { chart, digest: digest.into(), size });
    }

    /// The index of a repository, asked for again; a server that says it has not changed sends nothing.
    pub async fn index(&self, access: &Access) -> Result<Arc<Index>, Error> {
        let (library, owned) = (self.clone(), access.clone());
        let fetch = || async move { library.fetch_index(&owned).await };
        self.0.fetching_indexes.join(access.identity(), fetch).await
    }

    /// The index of a repository as last fetched; fetched if it is not at hand.
    pub async fn known_index(&self, access: &Access) -> Result<Arc<Index>, Error> {
        match self.0.indexes.get(&access.identity()) {
            Some(known) => Ok(known.index),
            None => self.index(access).await,
        }
    }

    async fn fetch_index(&self, access: &Access) -> Result<Arc<Index>, Error> {
        let url = index_url(&http_url(access)?);
        let known = self.0.indexes.get(&access.identity());
        let validators = known.as_ref().map(|known| &known.validators);
        let ask = Ask { what: "index", limit: MAX_INDEX_SIZE, gzip: true, known: validators };
        let (bytes, validators) = match (self.0.http.fetch(access, &url, ask).await?, known) {
            (Answer::Body(bytes, validators), _) => (bytes, validators),
            (Answer::NotModified, Some(known)) => return Ok(known.index),
            (Answer::NotModified, None) => {
                return Err(Error::Status { url: shown(&url), status: "304 Not Modified".to_owned() });
            }
        };
        let place = shown(&url);
        let parse = tokio::task::spawn_blocking(move || Index::parse(&bytes, &place)).await;
        let index = parse.map_err(|error| Error::Index { url: shown(&url), message: error.to_string() })??;
        let mut index = Arc::new(index);
        // Two sources with the same index share one table.
        if let Some((_, same)) = self.0.indexes.iter().find(|(_, known)| known.index.digest == index.digest) {
            index = same.index;
        }
        self.0.indexes.insert(access.identity(), KnownIndex { index: Arc::clone(&index), validators });
        Ok(index)
    }

    /// A commit of a Git repository, with its submodules if asked for; one that is at hand is not fetched again.
    pub async fn checkout(&self, access: &Access, wanted: &Wanted, with_submodules: bool) -> Result<Checkout, Error> {
        self.0.git.checkout(access, wanted, with_submodules).await
    }

    /// The version and, if the index gives it, the digest of the chart that [`Self::chart_from_repository`] would give.
    pub async fn find_in_repository(
        &self,
        access: &Access,
        name: &str,
        version: &str,
    ) -> Result<(String, Option<String>), Error> {
        let index = self.known_index(access).await?;
        let entry = index.find(name, version, &shown(&http_url(access)?))?;
        Ok((entry.version.clone(), entry.digest.as_ref().map(|hex| format!("sha256:{hex}"))))
    }

    /// A chart of an HTTP repository by its name and a version or range; the index is fetched if it is not at hand.
    ///
    /// An archive that does not have the digest in the index is refused, where Flux takes it.
    pub async fn chart_from_repository(&self, access: &Access, name: &str, version: &str) -> Result<Fetched, Error> {
        let repository = http_url(access)?;
        let index = self.known_index(access).await?;
        let entry = index.find(name, version, &shown(&repository))?;
        let url = entry.archive_url(name, &repository)?;
        let expected = entry.digest.as_deref();
        let loaded = if url.scheme() == "oci" {
            self.chart_behind_oci_url(access, name, &entry.version, &url).await?.1
        } else {
            self.archive(access, &url, expected).await?
        };
        Ok(loaded.fetched(entry.version.clone()))
    }

    /// The chart at a URL, whatever its digest.
    pub async fn chart_at(&self, access: &Access) -> Result<Fetched, Error> {
        let loaded = self.archive(access, &http_url(access)?, None).await?;
        let version = loaded.chart.metadata.version.clone();
        Ok(loaded.fetched(version))
    }

    /// The bytes at a URL, such as those of a values file.
    pub async fn file(&self, access: &Access) -> Result<Vec<u8>, Error> {
        let url = http_url(access)?;
        let ask = Ask { what: "file", limit: MAX_CHART_ARCHIVE_SIZE, gzip: true, known: None };
        match self.0.http.fetch(access, &url, ask).await? {
            Answer::Body(bytes, _) => Ok(bytes.to_vec()),
            Answer::NotModified => Err(Error::Status { url: shown(&url), status: "304 Not Modified".to_owned() }),
        }
    }

    /// An archive that is at hand for whoever asks, or is fetched.
    pub(super) async fn archive(&self, access: &Access, url: &Url, expected: Option<&str>) -> Result<Loaded, Error> {
        if !matches!(url.scheme(), "http" | "https") {
            let message = format!("scheme '{}' is not http, https or oci", url.scheme());
            return Err(Error::InvalidUrl { url: shown(url), message });
        }
        let key = (access.identity(), url.to_string());
        let fits = |found: &str| expected.is_none_or(|expected| digest::equal(expected, found));
        if let Some(known) = self.0.archives.get(&key).filter(|known| fits(known))
            && let Some(loaded) = self.0.charts.get(&known)
        {
            return Ok(loaded);
        }
        let (library, owned, from) = (self.clone(), access.clone(), url.clone());
        let wanted = expected.map(str::to_owned);
        let fetch = || async move { library.fetch_archive(&owned, &from, wanted.as_deref()).await };
        let loaded = self.0.fetching_archives.join(key.clone(), fetch).await?;
        self.0.archives.insert(key, Arc::clone(&loaded.digest));
        check(&loaded.digest, expected, url)?;
        Ok(loaded)
    }

    async fn fetch_archive(&self, access: &Access, url: &Url, expected: Option<&str>) -> Result<Loaded, Error> {
        let ask = Ask { what: "chart", limit: MAX_CHART_ARCHIVE_SIZE, gzip: false, known: None };
        match self.0.http.fetch(access, url, ask).await? {
            Answer::Body(bytes, _) => {
                // Bytes that are not what was announced are not even parsed.
                check(&digest::sha256(&bytes), expected, url)?;
                self.0.charts.load(bytes, shown(url)).await
            }
            Answer::NotModified => Err(Error::Status { url: shown(url), status: "304 Not Modified".to_owned() }),
        }
    }

    /// The version that [`Self::chart_from_registry`] would give; an exact one costs no request.
    pub async fn find_in_registry(&self, access: &Access, name: &str, version: &str) -> Result<String, Error> {
        let repository = Reference::of(access, Some(name))?;
        self.registry_version(access, &repository, name, version).await
    }

    /// A chart below a registry's path by its name and a version or range.
    pub async fn chart_from_registry(&self, access: &Access, name: &str, version: &str) -> Result<Fetched, Error> {
        let repository = Reference::of(access, Some(name))?;
        let version = self.registry_version(access, &repository, name, version).await?;
        let loaded = self.tagged_chart(access, &repository.tagged(&version)).await?;
        Ok(loaded.fetched(version))
    }

    /// The digest of the manifest that a chart's exact version stands for now.
    pub async fn manifest_of_chart(&self, access: &Access, name: &str, version: &str) -> Result<String, Error> {
        let reference = Reference::of(access, Some(name))?.tagged(version);
        self.0.registries.manifest_digest(access, &reference).await
    }

    /// The chart in the manifest with a digest, below a registry's path.
    pub async fn chart_from_manifest(
        &self,
        access: &Access,
        name: &str,
        version: &str,
        digest: &str,
    ) -> Result<Fetched, Error> {
        let reference = Reference::of(access, Some(name))?.digested(digest);
        let manifest = self.0.registries.manifest(access, &reference).await?;
        let loaded = self.layer_chart(access, &reference, manifest.layer(None, &reference)?).await?;
        Ok(loaded.fetched(version.to_owned()))
    }

    /// Charts of an index that lie in a registry, which Flux cannot follow; the credentials are the repository's if it says so.
    async fn chart_behind_oci_url(
        &self,
        access: &Access,
        name: &str,
        version: &str,
        url: &Url,
    ) -> Result<(String, Loaded), Error> {
        let text = url.as_str();
        let (place, tag) = match text.rsplit_once(':') {
            Some((place, tag)) if !tag.contains('/') => (place, tag),
            _ => (text.trim_end_matches('/'), version),
        };
        let mut there = Access { url: place.to_owned(), ..Access::anonymous(place) };
        there.timeout = access.timeout;
        if access.pass_credentials {
            there.credentials.clone_from(&access.credentials);
            there.tls.ca.clone_from(&access.tls.ca);
        }
        let repository = Reference::of(&there, None).map_err(|error| Error::InvalidUrl {
            url: text.to_owned(),
            message: format!("in the index for chart '{name}': {error}"),
        })?;
        let loaded = self.tagged_chart(&there, &repository.tagged(tag)).await?;
        Ok((tag.to_owned(), loaded))
    }

    async fn registry_version(
        &self,
        access: &Access,
        repository: &Reference,
        name: &str,
        version: &str,
    ) -> Result<String, Error> {
        if Version::parse_three_part(version).is_ok() {
            return Ok(version.to_owned());
        }
        let constraints = parse_range(name, version)?;
        let tags = self.0.registries.tags(access, repository).await?;
        let versions: Vec<String> = tags.iter().map(|tag| tag.replace('_', "+")).collect();
        // Flux knows strict versions only; those with a leading v get their turn where there is nothing else.
        for parse in [Version::parse_strict, Version::parse_three_part] {
            let parsed = versions.iter().filter_map(|text| Some((parse(text).ok()?, text)));
            let fitting = parsed.filter(|(parsed, _)| constraints.check(parsed));
            if let Some((_, text)) = fitting.max_by(|left, right| left.0.cmp(&right.0)) {
                return Ok(text.clone());
            }
        }
        Err(Error::NotFound {
            chart: name.to_owned(),
            version: version.to_owned(),
            place: repository.place(),
            hint: hint(versions.iter().map(String::as_str).filter(|text| Version::parse(text).is_ok())),
            in_registry: true,
        })
    }

    async fn tagged_chart(&self, access: &Access, reference: &Reference) -> Result<Loaded, Error> {
        let key = (access.identity(), reference.to_string());
        if let Some(known) = self.0.tags.get(&key)
            && let Some(loaded) = self.0.charts.get(&known)
        {
            return Ok(loaded);
        }
        let (library, owned, from) = (self.clone(), access.clone(), reference.clone());
        let fetch = || async move {
            let manifest = library.0.registries.manifest(&owned, &from).await?;
            let layer = manifest.layer(None, &from)?;
            library.layer_chart(&owned, &from, layer).await
        };
        let loaded = self.0.fetching_archives.join(key.clone(), fetch).await?;
        self.0.tags.insert(key, Arc::clone(&loaded.digest));
        Ok(loaded)
    }

    /// The chart in a layer. That somebody else has it already is no reason to hand it out: a manifest can name any digest.
    async fn layer_chart(&self, access: &Access, from: &Reference, layer: &Descriptor) -> Result<Loaded, Error> {
        let key = (access.identity(), format!("{}@{}", from.place(), layer.digest));
        if let Some(known) = self.0.archives.get(&key)
            && let Some(loaded) = self.0.charts.get(&known)
        {
            return Ok(loaded);
        }
        let (library, owned, from, layer) = (self.clone(), access.clone(), from.clone(), layer.clone());
        let fetch = || async move {
            let bytes = library.0.registries.chart_layer(&owned, &from, &layer).await?;
            library.0.charts.load(bytes, from.to_string()).await
        };
        let loaded = self.0.fetching_archives.join(key.clone(), fetch).await?;
        self.0.archives.insert(key, Arc::clone(&loaded.digest));
        Ok(loaded)
    }

    /// What a reference stands for now.
    pub async fn find_artifact(&self, access: &Access, wanted: &ArtifactReference) -> Result<ArtifactRevision, Error> {
        let repository = Reference::of(access, None)?;
        if let Some(digest) = &wanted.digest {
            return Ok(ArtifactRevision { tag: None, digest: digest.clone() });
        }
        let tag = match &wanted.semver {
            Some(range) => self.tag_in_range(access, &repository, range, wanted.semver_filter.as_deref()).await?,
            None => wanted.tag.clone().unwrap_or_else(|| "latest".to_owned()),
        };
        let reference = repository.tagged(&tag);
        let digest = self.0.registries.manifest_digest(access, &reference).await?;
        Ok(ArtifactRevision { tag: Some(tag), digest })
    }

    async fn tag_in_range(
        &self,
        access: &Access,
        repository: &Reference,
        range: &str,
        filter: Option<&str>,
    ) -> Result<String, Error> {
        let place = repository.place();
        let constraints = parse_range(&place, range)?;
        let filter = filter.map(Regex::new).transpose().map_err(|error| Error::InvalidReference {
            message: format!("semverFilter of {place} is no regular expression: {error}"),
        })?;
        let tags = self.0.registries.tags(access, repository).await?;
        let fitting = tags.iter().filter(|tag| filter.as_ref().is_none_or(|filter| filter.is_match(tag)));
        let parsed = fitting.filter_map(|tag| Some((Version::parse(&tag.replace('_', "+")).ok()?, tag)));
        let best = parsed.filter(|(version, _)| constraints.check(version)).max_by(|left, right| left.0.cmp(&right.0));
        best.map(|(_, tag)| tag.clone()).ok_or_else(|| Error::Registry {
            reference: place,
            message: format!(
                "no match found for semver: {range}{}",
                hint(tags.iter().map(String::as_str).filter(|tag| Version::parse(tag).is_ok()))
            ),
        })
    }

    /// The layer of an artifact that matters: that of the media type, or the chart's, or the first.
    pub async fn artifact_layer(
        &self,
        access: &Access,
        digest: &str,
        media_type: Option<&str>,
    ) -> Result<ArtifactLayer, Error> {
        let reference = Reference::of(access, None)?.digested(digest);
        let manifest = self.0.registries.manifest(access, &reference).await?;
        let layer = manifest.layer(media_type, &reference)?;
        let size = u64::try_from(layer.size).unwrap_or_default();
        Ok(ArtifactLayer { digest: layer.digest.clone(), size, annotations: manifest.annotations.clone() })
    }

    /// The chart in an artifact, by the manifest's digest.
    pub async fn chart_from_artifact(
        &self,
        access: &Access,
        digest: &str,
        media_type: Option<&str>,
    ) -> Result<Fetched, Error> {
        let reference = Reference::of(access, None)?.digested(digest);
        let manifest = self.0.registries.manifest(access, &reference).await?;
        let layer = manifest.layer(media_type, &reference)?;
        let loaded = self.layer_chart(access, &reference, layer).await?;
        let version = loaded.chart.metadata.version.clone();
        Ok(loaded.fetched(version))
    }
}

impl Loaded {
    pub(super) fn fetched(self, version: String) -> Fetched {
        Fetched { chart: self.chart, version, digest: self.digest.to_string(), size: self.size }
    }
}

pub(super) fn check(actual: &str, expected: Option<&str>, url: &Url) -> Result<(), Error> {
    match expected {
        Some(expected) if !digest::equal(expected, actual) => Err(Error::DigestMismatch {
            what: shown(url),
            expected: format!("sha256:{}", expected.strip_prefix("sha256:").unwrap_or(expected)),
            actual: actual.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The URL of a source over HTTP.
pub(super) fn http_url(access: &Access) -> Result<Url, Error> {
    let url = Url::parse(&access.url).map_err(|error| {
        // What cannot be parsed cannot be cleaned either.
        let url = access.url.rsplit_once('@').map_or(access.url.as_str(), |(_, rest)| rest);
        Error::InvalidUrl { url: url.to_owned(), message: error.to_string() }
    })?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => {
            Err(Error::InvalidUrl { url: shown(&url), message: format!("scheme '{scheme}' is not http or https") })
        }
    }
}
