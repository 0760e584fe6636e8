//! The content of sources: from an object to its chart, at hand or fetched again.
//!
//! **Invariant:** a HelmChart's chart has the digest of its artifact; when the source gives something else by now, the HelmChart is
//! looked at again before anybody gets it.

use std::sync::Arc;

use futures::FutureExt as _;
use kube_runtime::reflector::{ObjectRef, Store};

use super::kind::{Watched, identity};
use super::suspects::Suspects;
use super::{SourceStores, access, bucket, files};
use crate::api::source::{ANY_VERSION, Artifact, ReconcileStrategy, SourceKind, Verification};
use crate::api::{ExternalArtifact, HelmChart, HelmRepository, InlineChart, OciRepository};
use crate::chart::Chart;
use crate::controller::config;
use crate::source::{self, Access, ArtifactReference, BuildRequest, Error, Fetched, GitRevision, Library, Tree};
use crate::telemetry::Metrics;
use crate::version::Version;

/// Hex digits of a commit that become a chart's build metadata, as in Flux.
const REVISION_METADATA: usize = 12;

/// The content of sources. Cheap to clone.
#[derive(Clone)]
pub(in crate::controller) struct Sources {
    /// The objects.
    pub(in crate::controller) stores: SourceStores,
    pub(super) library: Library,
    pub(super) client: kube::Client,
    pub(super) mode: config::Sources,
    /// Wakes HelmCharts whose source gives other bytes than their artifact's.
    pub(super) suspects: Suspects,
    pub(super) metrics: Arc<Metrics>,
}

/// Where a HelmChart's chart is.
pub(super) enum Place {
    /// In a repository or registry, packed.
    Archive(Box<ArchivePlace>),
    /// Among the files of a source.
    Files(FilesPlace),
}

/// A chart in a repository or registry.
pub(super) struct ArchivePlace {
    access: Access,
    name: String,
    version: String,
    is_registry: bool,
    /// How its signature is checked, if at all.
    pub(super) verification: Option<Verification>,
    /// The digest of the manifest that was verified, which is the one to pull.
    verified: Option<String>,
}

/// A chart among the files of a source.
pub(super) struct FilesPlace {
    tree: Arc<Tree>,
    request: BuildRequest,
}

impl Sources {
    /// The chart of this digest, if it is at hand for an object.
    fn kept<K: Watched>(&self, object: &K, digest: &str) -> Option<Arc<Chart>> {
        let kept = self.library.get(digest);
        let (namespace, name) = identity(object);
        self.metrics.cache_asked(namespace, name, kept.is_some());
        kept
    }

    /// The chart of a HelmChart that has an artifact: at hand, or fetched again.
    ///
    /// # Errors
    /// The HelmChart has no artifact, its source is gone, or what the source now gives is not the artifact.
    pub(in crate::controller) async fn helm_chart(&self, chart: &HelmChart) -> Result<Arc<Chart>, Error> {
        let artifact = artifact_of(chart, chart.status.as_ref().and_then(|status| status.artifact.as_ref()))?;
        let digest = artifact.digest.as_deref().unwrap_or_default();
        if let Some(chart) = self.kept(chart, digest) {
            return Ok(chart);
        }
        if self.mode == config::Sources::External {
            return self.artifact(&artifact.url, digest).await;
        }
        let revision = chart.status.as_ref().and_then(|status| status.observed_source_artifact_revision.as_deref());
        let mut place = self.place(chart, revision).await?;
        if let Place::Archive(place) = &mut place
            && !source::is_override(&values_files(chart))
        {
            place.version.clone_from(&artifact.revision);
        }
        let fetched = self.build(chart, place).await?.fetched;
        if fetched.digest == digest {
            return Ok(fetched.chart);
        }
        // Nobody waits for this: the HelmChart's controller settles what its artifact is.
        self.suspects.add(chart);
        Err(Error::DigestMismatch { what: named(chart), expected: digest.to_owned(), actual: fetched.digest })
    }

    /// The chart in an OCIRepository that has an artifact: at hand, or fetched again by the digest of its revision.
    ///
    /// # Errors
    /// The OCIRepository has no artifact, or it is no chart.
    pub(in crate::controller) async fn oci_repository(&self, repository: &OciRepository) -> Result<Arc<Chart>, Error> {
        let artifact = artifact_of(repository, repository.status.as_ref().and_then(|status| status.artifact.as_ref()))?;
        let digest = artifact.digest.as_deref().unwrap_or_default();
        if let Some(chart) = self.kept(repository, digest) {
            return Ok(chart);
        }
        if self.mode == config::Sources::External {
            return self.artifact(&artifact.url, digest).await;
        }
        let access = access::of_oci(&self.client, repository).await?;
        let manifest = artifact.revision.rsplit_once('@').map_or(artifact.revision.as_str(), |(_, digest)| digest);
        let selector = repository.spec.layer_selector.as_ref().and_then(|selector| selector.media_type.as_deref());
        Ok(self.library.chart_from_artifact(&access, manifest, selector).await?.chart)
    }

    /// The chart in an ExternalArtifact that has an artifact: at hand, or fetched from where its maker serves it.
    ///
    /// # Errors
    /// The ExternalArtifact has no artifact, the bytes at its URL have another digest, or they are no chart.
    pub(in crate::controller) async fn external_artifact(
        &self,
        external: &ExternalArtifact,
    ) -> Result<Arc<Chart>, Error> {
        let artifact = artifact_of(external, external.status.as_ref().and_then(|status| status.artifact.as_ref()))?;
        self.artifact(&artifact.url, artifact.digest.as_deref().unwrap_or_default()).await
    }

    /// A chart by URL, name and exact version, asked for by nobody in particular.
    ///
    /// # Errors
    /// The version is a range, or there is no such chart.
    pub(in crate::controller) async fn inline(&self, namespace: &str, chart: &InlineChart) -> Result<Fetched, Error> {
        if Version::parse_three_part(&chart.version).is_err() {
            let message = format!("'{}' of chart '{}' is no exact version", chart.version, chart.name);
            return Err(Error::InvalidReference { message });
        }
        tracing::debug!(namespace, repository = chart.repo, chart = chart.name, "fetching an inline chart");
        let access = Access::anonymous(&chart.repo);
        if chart.is_oci() {
            return self.library.chart_from_registry(&access, &chart.name, &chart.version).await;
        }
        match self.library.chart_from_repository(&access, &chart.name, &chart.version).await {
            // Nothing else looks at this index again, and the version may be newer than it.
            Err(Error::NotFound { in_registry: false, .. }) => {
                self.library.index(&access).await?;
                self.library.chart_from_repository(&access, &chart.name, &chart.version).await
            }
            result => result,
        }
    }

    /// The chart at a URL at which somebody else serves it, checked by its digest.
    ///
    /// # Errors
    /// It cannot be fetched, has another digest, or is no chart.
    async fn artifact(&self, url: &str, digest: &str) -> Result<Arc<Chart>, Error> {
        self.library.chart_from_url(url, digest).await.map(|fetched| fetched.chart)
    }

    /// Where the chart of a HelmChart is to be found; among the files of a source, at a revision of it, the newest if none is given.
    pub(super) async fn place(&self, chart: &HelmChart, revision: Option<&str>) -> Result<Place, Error> {
        let source = &chart.spec.source_ref;
        let (namespace, _) = identity(chart);
        let (name, version) = (chart.spec.chart.clone(), chart.spec.version.clone());
        match source.kind {
            SourceKind::HelmRepository => {
                check_name(&name)?;
                let repository = find(&self.stores.repositories, namespace, &source.name)?;
                let access = access::of_repository(&self.client, &repository).await?;
                let is_registry = repository.spec.is_oci();
                let verification = chart.spec.verify.clone();
                Ok(Place::Archive(Box::new(ArchivePlace {
                    access,
                    name,
                    version,
                    is_registry,
                    verification,
                    verified: None,
                })))
            }
            SourceKind::OciRepository => {
                check_name(&name)?;
                let repository = find(&self.stores.oci, namespace, &source.name)?;
                let access = access::of_oci(&self.client, &repository).await?;
                let reference = reference_of(&repository);
                let place = in_oci_repository(&access, name, version, &reference);
                // Whoever takes a chart out of an OCIRepository takes it as the OCIRepository would.
                Ok(Place::Archive(Box::new(ArchivePlace { verification: repository.spec.verify.clone(), ..place })))
            }
            SourceKind::GitRepository => {
                let repository = find(&self.stores.git, namespace, &source.name)?;
                let artifact = repository.status.as_ref().and_then(|status| status.artifact.as_ref());
                let newest = artifact_of(&*repository, artifact)?.revision.as_str();
                let revision = revision.unwrap_or(newest);
                let tree = Arc::new(files::at(self, &repository, revision).await?);
                Ok(Place::Files(FilesPlace { tree, request: build_request(chart, revision) }))
            }
            SourceKind::Bucket => {
                let bucket = find(&self.stores.buckets, namespace, &source.name)?;
                let tree = bucket::files(&self.library, &bucket).await?;
                let revision = &bucket::artifact(&bucket)?.revision;
                Ok(Place::Files(FilesPlace { tree, request: build_request(chart, revision) }))
            }
        }
    }

    /// The version that [`Self::build`] would give, before values files are merged into an archive, and the archive's digest if an index
    /// tells it.
    pub(super) async fn resolve(&self, place: &Place) -> Result<(String, Option<String>), Error> {
        match place {
            Place::Archive(place) if place.is_registry => {
                let version = self.library.find_in_registry(&place.access, &place.name, &place.version).await?;
                Ok((version, None))
            }
            Place::Archive(place) => self.library.find_in_repository(&place.access, &place.name, &place.version).await,
            Place::Files(place) => {
                source::chart_version(&place.tree, &place.request).map(|(_, version)| (version, None))
            }
        }
    }

    /// Checks the signature of the artifact at a place, which is then the one to pull.
    ///
    /// # Errors
    /// It is not signed by the keys of the Secret, or signatures of this kind cannot be checked.
    pub(super) async fn verify(&self, namespace: &str, place: &mut ArchivePlace, version: &str) -> Result<(), Error> {
        let Some(verification) = &place.verification else { return Ok(()) };
        if !place.is_registry {
            let what = "spec.verify for a HelmRepository over HTTP (signatures lie in registries: take one of type oci, or an OCIRepository)";
            return Err(Error::Unsupported { what: what.to_owned() });
        }
        let keys = access::keys(&self.client, namespace, verification).await?;
        let digest = self.library.manifest_of_chart(&place.access, &place.name, version).await?;
        self.library.verify(&place.access, Some(&place.name), &digest, &keys).await?;
        place.verified = Some(digest);
        version.clone_into(&mut place.version);
        Ok(())
    }

    /// The chart at a place with the HelmChart's values files, kept under the digest that stands for it.
    pub(super) async fn build(&self, chart: &HelmChart, place: Place) -> Result<source::Merged, Error> {
        let place = match place {
            Place::Archive(place) => place,
            Place::Files(FilesPlace { tree, request }) => {
                let (namespace, _) = identity(chart);
                let access_to = move |url: String| self.dependency_access(namespace, url).boxed();
                return source::build_chart(tree, request, &self.library, &access_to).await;
            }
        };
        let fetched = if let Some(digest) = &place.verified {
            self.library.chart_from_manifest(&place.access, &place.name, &place.version, digest).await?
        } else if place.is_registry {
            self.library.chart_from_registry(&place.access, &place.name, &place.version).await?
        } else {
            self.library.chart_from_repository(&place.access, &place.name, &place.version).await?
        };
        let files = values_files(chart);
        if !source::is_override(&files) {
            return Ok(source::Merged { fetched, files: Vec::new(), is_packaged: false });
        }
        let generation = chart.metadata.generation.unwrap_or_default();
        let merged = source::merge(&fetched, &files, chart.spec.ignore_missing_values_files, generation)?;
        self.library.keep(Arc::clone(&merged.fetched.chart), &merged.fetched.digest, merged.fetched.size);
        Ok(merged)
    }

    /// How the repository of a dependency is reached: as the HelmRepository of the namespace with its URL, else as anybody.
    async fn dependency_access(&self, namespace: &str, url: String) -> Result<Access, Error> {
        let is_same = |repository: &HelmRepository| {
            repository.metadata.namespace.as_deref() == Some(namespace)
                && source::normalise(&repository.spec.url).is_ok_and(|own| own == url)
        };
        match self.stores.repositories.find(is_same) {
            Some(repository) => access::of_repository(&self.client, &repository).await,
            None => Ok(Access::anonymous(url)),
        }
    }
}

/// What a HelmChart asks for of the files of a source at a revision.
fn build_request(chart: &HelmChart, revision: &str) -> BuildRequest {
    let values_files = values_files(chart);
    let mut metadata = Vec::new();
    if chart.spec.reconcile_strategy == ReconcileStrategy::Revision {
        let plain = || revision.rsplit_once(':').map_or(revision, |(_, digest)| digest).to_owned();
        let hash = GitRevision::parse(revision).map_or_else(plain, |revision| revision.hash());
        metadata.push(hash.chars().take(REVISION_METADATA).collect());
    }
    if !values_files.is_empty() {
        metadata.push(chart.metadata.generation.unwrap_or_default().to_string());
    }
    BuildRequest {
        path: chart.spec.chart.clone(),
        metadata: (!metadata.is_empty()).then(|| metadata.join(".")),
        values_files,
        ignore_missing: chart.spec.ignore_missing_values_files,
    }
}

/// The values files of a HelmChart, that of the old field first.
pub(super) fn values_files(chart: &HelmChart) -> Vec<String> {
    let old = chart.spec.values_file.iter().filter(|file| !file.is_empty());
    old.chain(&chart.spec.values_files).cloned().collect()
}

/// Which artifact an OCIRepository asks for.
pub(super) fn reference_of(repository: &OciRepository) -> ArtifactReference {
    let reference = repository.spec.reference.clone().unwrap_or_default();
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    ArtifactReference {
        digest: given(reference.digest),
        semver: given(reference.semver),
        semver_filter: given(reference.semver_filter),
        tag: given(reference.tag),
    }
}

/// An OCIRepository holds the chart itself if its URL ends with the chart's name, else charts below it. A HelmChart that takes any
/// version takes what the OCIRepository refers to.
fn in_oci_repository(access: &Access, name: String, version: String, reference: &ArtifactReference) -> ArchivePlace {
    let url = access.url.trim_end_matches('/');
    let (parent, last) = url.rsplit_once('/').unwrap_or((url, ""));
    let access = if last == name { access::moved(access, parent) } else { access.clone() };
    let version = if version.is_empty() || version == ANY_VERSION {
        reference.semver.clone().or_else(|| reference.tag.clone()).unwrap_or(version)
    } else {
        version
    };
    ArchivePlace { access, name, version, is_registry: true, verification: None, verified: None }
}

/// Letters, digits, dots, hyphens, underscores and slashes; Flux asks for small letters.
fn check_name(name: &str) -> Result<(), Error> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | '/');
    let is_name = !name.is_empty() && name.chars().all(fits) && !name.split('/').any(|part| part == "..");
    if is_name {
        return Ok(());
    }
    Err(Error::InvalidReference { message: format!("invalid chart name '{name}'") })
}

pub(super) fn find<K: Watched>(store: &Store<K>, namespace: &str, name: &str) -> Result<Arc<K>, Error> {
    store.get(&ObjectRef::new(name).within(namespace)).ok_or_else(|| Error::Object {
        object: format!("{} {namespace}/{name}", K::KIND),
        message: "not found".to_owned(),
    })
}

fn artifact_of<'a, K: Watched>(object: &K, artifact: Option<&'a Artifact>) -> Result<&'a Artifact, Error> {
    artifact.ok_or_else(|| Error::Object { object: named(object), message: "has no artifact".to_owned() })
}

fn named<K: Watched>(object: &K) -> String {
    let (namespace, name) = identity(object);
    format!("{} {namespace}/{name}", K::KIND)
}

/// Whether the store has the HelmRepository, and it has what charts are taken from.
pub(super) fn has_artifact(repository: &HelmRepository) -> bool {
    repository.spec.is_oci() || repository.status.as_ref().is_some_and(|status| status.artifact.is_some())
}
