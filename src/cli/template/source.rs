//! Where the chart comes from: a path, a URL, a registry, or a repository.
//!
//! Counterpart: `LocateChart` in `pkg/action/install.go` of Helm 4.3.1. Repositories that were added to helm by name are not known.
//! Invariant: downloads are those of the operator, with its limits and its checks of digests and certificates.

use std::fs;
use std::path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::runtime::Builder;

use super::local_chart;
use super::log::Log;
use super::values::read_file;
use crate::chart::Chart;
use crate::cli::flags::Arguments;
use crate::source::{Access, ArtifactReference, ClientCertificate, Credentials, Error, Fetched, Library, Tls};

/// A chart that was found.
pub(super) enum Located {
    /// It lies at this absolute path.
    Path(String),
    /// It was fetched from this place.
    Fetched(String, Arc<Chart>),
}

impl Located {
    /// The place.
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Path(path) | Self::Fetched(path, _) => path,
        }
    }

    /// The chart.
    pub(super) fn load(self, log: &mut Log<'_>) -> Result<Arc<Chart>> {
        match self {
            Self::Path(path) => Ok(Arc::new(local_chart::load(&path, log)?)),
            Self::Fetched(_, chart) => Ok(chart),
        }
    }
}

/// Whom we trust and who we are, by the flags.
pub(super) fn tls(arguments: &Arguments) -> Result<Tls> {
    let failed = |what: &str| format!("missing registry client: can't create TLS config for client: {what}");
    let mut tls = Tls::default();
    let authorities = arguments.text("ca-file");
    if !authorities.is_empty() {
        let read = read_file(authorities).with_context(|| failed(&format!("can't read CA file: {authorities:?}")));
        tls.ca = Some(read?);
    }
    let (certificate, key) = (arguments.text("cert-file"), arguments.text("key-file"));
    if !certificate.is_empty() && !key.is_empty() {
        let read = |place: &str| {
            let what = format!("unable to load cert/key pair from file {certificate:?} and {key:?}");
            read_file(place).with_context(|| failed(&what))
        };
        tls.client = Some(ClientCertificate { certificate: read(certificate)?, key: read(key)? });
    }
    Ok(tls)
}

/// Finds a chart. A path that exists wins, unless a repository is named.
pub(super) fn locate(reference: &str, arguments: &Arguments, tls: Tls, log: &mut Log<'_>) -> Result<Located> {
    let reference = reference.trim();
    let repository = arguments.text("repo");
    if repository.is_empty() {
        if fs::metadata(reference).is_ok() {
            return local(reference, arguments);
        }
        if reference.starts_with(['/', '.']) {
            bail!("path {reference:?} not found");
        }
    }
    refuse_laxity(arguments)?;
    let fetch = Fetch { arguments, tls, library: Library::default() };
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    if !repository.is_empty() {
        return runtime.block_on(fetch.repository_chart(repository, reference));
    }
    match reference.split_once("://") {
        Some(("http" | "https", _)) => runtime.block_on(fetch.chart_at(reference)),
        Some(("oci", place)) => runtime.block_on(fetch.registry_chart(place, log)),
        Some((scheme, _)) => bail!("scheme {scheme:?} not supported"),
        None => match reference.split_once('/') {
            Some((name, _)) => bail!("repo {name} not found"),
            None => bail!("non-absolute URLs should be in form of repo_name/path_to_chart, got: {reference}"),
        },
    }
}

/// What lies at a URL, as a whole.
pub(super) fn download(url: &str, arguments: &Arguments) -> Result<Vec<u8>> {
    refuse_laxity(arguments)?;
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    Ok(runtime.block_on(Library::default().file(&Access::anonymous(url)))?)
}

fn local(reference: &str, arguments: &Arguments) -> Result<Located> {
    if arguments.is_on("verify") {
        if fs::metadata(reference).is_ok_and(|metadata| metadata.is_dir()) {
            bail!("unpacked charts cannot be verified");
        }
        refuse_laxity(arguments)?;
    }
    let absolute = path::absolute(reference)?.components().collect::<path::PathBuf>();
    Ok(Located::Path(absolute.to_string_lossy().into_owned()))
}

fn refuse_laxity(arguments: &Arguments) -> Result<()> {
    if arguments.is_on("verify") {
        bail!("--verify is not possible here: signatures of charts are not checked");
    }
    if arguments.is_on("insecure-skip-tls-verify") {
        bail!("--insecure-skip-tls-verify is not possible here: name the server's authority with --ca-file");
    }
    Ok(())
}

struct Fetch<'a> {
    arguments: &'a Arguments,
    tls: Tls,
    library: Library,
}

impl Fetch<'_> {
    fn access(&self, url: &str) -> Access {
        let (username, password) = (self.arguments.text("username"), self.arguments.text("password"));
        let credentials = match (username, password) {
            ("", "") => Credentials::Anonymous,
            _ => Credentials::Basic { username: username.to_owned(), password: password.to_owned() },
        };
        Access {
            credentials,
            tls: self.tls.clone(),
            insecure: self.arguments.is_on("plain-http"),
            pass_credentials: self.arguments.is_on("pass-credentials"),
            ..Access::anonymous(url)
        }
    }

    /// The version or range asked for; empty for the newest that is no pre-release.
    fn version(&self) -> &str {
        match self.arguments.text("version").trim() {
            "" if self.arguments.is_on("devel") => ">0.0.0-0",
            version => version,
        }
    }

    async fn repository_chart(&self, repository: &str, name: &str) -> Result<Located> {
        let access = self.access(repository);
        self.library.index(&access).await.map_err(|error| {
            anyhow!("looks like {repository:?} is not a valid chart repository or cannot be reached: {error}")
        })?;
        let fetched = self.library.chart_from_repository(&access, name, self.version()).await;
        let fetched = fetched.map_err(|error| match error {
            Error::NotFound { .. } => {
                let version = self.version();
                let asked = if version.is_empty() { String::new() } else { format!(" version {version:?}") };
                anyhow!("chart {name:?}{asked} not found in {repository} repository")
            }
            error => error.into(),
        })?;
        Ok(located(repository, fetched))
    }

    async fn chart_at(&self, url: &str) -> Result<Located> {
        Ok(located(url, self.library.chart_at(&self.access(url)).await?))
    }

    /// `HOST/PATH`, with a tag or digest if one is wanted.
    async fn registry_chart(&self, place: &str, log: &mut Log<'_>) -> Result<Located> {
        let (place, digest) = place.split_once('@').map_or((place, None), |(place, digest)| (place, Some(digest)));
        let name_start = place.rfind('/').map_or(0, |slash| slash + 1);
        let tag_mark = place.get(name_start..).and_then(|name| name.find(':')).map(|mark| name_start + mark);
        let (place, tag) = match tag_mark {
            Some(mark) => (place.get(..mark).unwrap_or(place), place.get(mark + 1..).unwrap_or_default()),
            None => (place, ""),
        };
        let asked = self.version();
        if !tag.is_empty() && !asked.is_empty() && tag != asked {
            bail!("chart reference and version mismatch: {asked} is not {tag}");
        }
        let (parent, name) = place.rsplit_once('/').unwrap_or((place, ""));
        let access = self.access(&format!("oci://{place}"));
        let mut wanted = ArtifactReference { digest: digest.map(str::to_owned), ..ArtifactReference::default() };
        if digest.is_none() {
            let version = if tag.is_empty() { asked } else { tag };
            let parent = self.access(&format!("oci://{parent}"));
            wanted.tag = Some(self.library.find_in_registry(&parent, name, version).await?);
        }
        let revision = self.library.find_artifact(&access, &wanted).await?;
        let fetched = self.library.chart_from_artifact(&access, &revision.digest, None).await?;
        let version = revision.tag.as_deref().map_or(String::new(), |tag| format!(":{}", tag.replace('+', "_")));
        log.plain(&format!("Pulled: {place}{version}\nDigest: {}", revision.digest));
        Ok(located(place, fetched))
    }
}

fn located(place: &str, fetched: Fetched) -> Located {
    Located::Fetched(place.to_owned(), fetched.chart)
}
