//! Charts and artifacts in OCI registries: tags, manifests, layers.
//!
//! One oci-client `Client` a source and version of its Secret, for a client keeps the first credentials that it is given for a host.
//! What it lacks is added here: limits on layers, deadlines, retries, paging of tags to the end, and a login whose failure is told.
//!
//! **Invariant:** a layer's bytes have the digest that the manifest gives, and the manifest the digest that was asked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use moka::sync::Cache;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};

use super::access::Identity;
use super::http::{CONNECT_TIMEOUT, MAX_ATTEMPTS, USER_AGENT, pause, reasons};
use super::{Access, Error, MAX_CHART_ARCHIVE_SIZE, digest};

/// The media type of a chart's layer.
pub const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// The media type that Helm gave it before version 3.7.
const LEGACY_CHART_LAYER: &str = "application/tar+gzip";
/// How many tags a page may have.
const PAGE: usize = 1000;
/// The smallest page that a registry is known to answer with when it is asked for larger ones; fewer tags are all there are.
const SMALLEST_PAGE: usize = 50;
/// How many tags of one repository are read.
const MAX_TAGS: usize = 100_000;
/// How many sources keep their connections and tokens.
const MAX_CLIENTS: u64 = 256;
/// How long the connections of an unused source are kept.
const CLIENT_IDLE: Duration = Duration::from_secs(1800);

/// Registries.
pub(super) struct Registries {
    clients: Cache<Identity, Arc<Login>>,
}

/// A client with the credentials that it is used with.
struct Login {
    client: Client,
    auth: RegistryAuth,
    /// What to say of the credentials when they are refused.
    described: String,
    is_proven: AtomicBool,
}

/// A manifest as far as it matters here.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    pub(super) layers: Vec<OciDescriptor>,
    pub(super) annotations: BTreeMap<String, String>,
}

impl Default for Registries {
    fn default() -> Self {
        Self { clients: Cache::builder().max_capacity(MAX_CLIENTS).time_to_idle(CLIENT_IDLE).build() }
    }
}

/// The registry and repository of a source, with a name below it if one is given.
pub(super) fn repository(access: &Access, name: Option<&str>) -> Result<Reference, Error> {
    let invalid = |message: String| Error::InvalidUrl { url: shown(&access.url), message };
    let Some(rest) = access.url.strip_prefix("oci://") else {
        return Err(invalid("the URL of a registry begins with oci://".to_owned()));
    };
    let mut path = rest.trim_end_matches('/').to_owned();
    if let Some(name) = name {
        path = format!("{path}/{}", name.trim_matches('/'));
    }
    if path.contains(['@', '?', '#']) {
        return Err(invalid("neither credentials, digest nor query may stand in it".to_owned()));
    }
    let reference = Reference::try_from(path.as_str()).map_err(|error| invalid(error.to_string()))?;
    let has_tag = path.rsplit('/').next().is_some_and(|last| last.contains(':')) && path.contains('/');
    if has_tag {
        return Err(invalid("a tag may not stand in it".to_owned()));
    }
    Ok(Reference::with_tag(reference.registry().to_owned(), reference.repository().to_owned(), "latest".to_owned()))
}

/// The same repository with another tag; a version's `+` is `_` in tags.
pub(super) fn tagged(repository: &Reference, tag: &str) -> Reference {
    Reference::with_tag(repository.registry().to_owned(), repository.repository().to_owned(), tag.replace('+', "_"))
}

/// The same repository by digest.
pub(super) fn digested(repository: &Reference, digest: &str) -> Reference {
    Reference::with_digest(repository.registry().to_owned(), repository.repository().to_owned(), digest.to_owned())
}

impl Registries {
    /// All tags of a repository.
    pub(super) async fn tags(&self, access: &Access, repository: &Reference) -> Result<Vec<String>, Error> {
        let login = self.login(access, repository).await?;
        let mut tags: Vec<String> = Vec::new();
        loop {
            let last = tags.last().cloned();
            let page = retried(access, repository, &login, || async {
                login.client.list_tags(repository, &login.auth, Some(PAGE), last.as_deref()).await
            });
            let page = page.await?.tags;
            let count = page.len();
            // A registry that does not page answers with the same tags again.
            let is_new = page.last().is_some_and(|tag| Some(tag) != last.as_ref()) && page.first() != tags.first();
            if is_new {
                tags.extend(page);
            }
            if !is_new || count < SMALLEST_PAGE {
                return Ok(tags);
            }
            if tags.len() >= MAX_TAGS {
                let message = format!("the repository has more than the limit of {MAX_TAGS} tags");
                return Err(Error::Registry { reference: place(repository), message });
            }
        }
    }

    /// The digest of the manifest that a tag stands for now.
    pub(super) async fn manifest_digest(&self, access: &Access, reference: &Reference) -> Result<String, Error> {
        let login = self.login(access, reference).await?;
        retried(access, reference, &login, || login.client.fetch_manifest_digest(reference, &login.auth)).await
    }

    /// A manifest by tag or digest.
    pub(super) async fn manifest(&self, access: &Access, reference: &Reference) -> Result<Manifest, Error> {
        let login = self.login(access, reference).await?;
        let pulled = retried(access, reference, &login, || login.client.pull_image_manifest(reference, &login.auth));
        let (manifest, _): (OciImageManifest, String) = pulled.await?;
        Ok(Manifest { layers: manifest.layers, annotations: manifest.annotations.unwrap_or_default() })
    }

    /// The bytes of a layer.
    pub(super) async fn layer(
        &self,
        access: &Access,
        reference: &Reference,
        layer: &OciDescriptor,
    ) -> Result<Bytes, Error> {
        let too_large = || Error::TooLarge { what: "chart", url: whole(reference), limit: MAX_CHART_ARCHIVE_SIZE };
        if u64::try_from(layer.size).is_ok_and(|size| size > MAX_CHART_ARCHIVE_SIZE) {
            return Err(too_large());
        }
        let login = self.login(access, reference).await?;
        let bytes = retried(access, reference, &login, || async {
            let mut stream = login.client.pull_blob_stream(reference, layer).await?;
            let mut bytes = BytesMut::new();
            while let Some(chunk) = stream.next().await {
                bytes.extend_from_slice(&chunk?);
                if bytes.len() as u64 > MAX_CHART_ARCHIVE_SIZE {
                    return Ok(None);
                }
            }
            Ok(Some(bytes.freeze()))
        });
        let bytes = bytes.await?.ok_or_else(too_large)?;
        let actual = digest::sha256(&bytes);
        if layer.digest.starts_with("sha256:") && !digest::equal(&actual, &layer.digest) {
            let what = format!("the layer of {}", whole(reference));
            return Err(Error::DigestMismatch { what, expected: layer.digest.clone(), actual });
        }
        Ok(bytes)
    }

    async fn login(&self, access: &Access, reference: &Reference) -> Result<Arc<Login>, Error> {
        let identity = access.identity();
        let login = if let Some(login) = self.clients.get(&identity) {
            login
        } else {
            let login = Arc::new(Login::new(access, reference)?);
            self.clients.insert(identity, Arc::clone(&login));
            login
        };
        // The client hides a login that fails and goes on as nobody, so it is tried once where its failure can be told.
        if !login.is_proven.load(Ordering::Relaxed) && login.auth != RegistryAuth::Anonymous {
            let proof = || login.client.auth(reference, &login.auth, RegistryOperation::Pull);
            retried(access, reference, &login, proof).await?;
            login.is_proven.store(true, Ordering::Relaxed);
        }
        Ok(login)
    }
}

impl Login {
    fn new(access: &Access, reference: &Reference) -> Result<Self, Error> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        if access.tls.client.is_some() {
            return Err(Error::Unsupported { what: "a client certificate (tls.crt) for an OCI registry".to_owned() });
        }
        let authority = |pem: &Vec<u8>| Certificate { encoding: CertificateEncoding::Pem, data: pem.clone() };
        let config = ClientConfig {
            protocol: if access.insecure { ClientProtocol::Http } else { ClientProtocol::Https },
            extra_root_certificates: access.tls.ca.iter().map(authority).collect(),
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(access.timeout),
            user_agent: USER_AGENT,
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|_| Error::Registry {
            reference: place(reference),
            message: "no client can be made: ca.crt holds no certificate in PEM".to_owned(),
        })?;
        let host = reference.registry();
        let (auth, described) = match access.credentials.for_registry(host) {
            Some((username, password)) => (
                RegistryAuth::Basic(username.to_owned(), password.to_owned()),
                "with the credentials of the Secret".to_owned(),
            ),
            None => (RegistryAuth::Anonymous, access.credentials.absence(host)),
        };
        Ok(Self { client, auth, described, is_proven: AtomicBool::new(false) })
    }
}

impl super::Credentials {
    fn absence(&self, host: &str) -> String {
        match self {
            Self::Anonymous | Self::Basic { .. } | Self::Bearer(_) | Self::Ssh(_) => {
                "no credentials are given".to_owned()
            }
            Self::Registries(logins) => {
                let known: Vec<_> = logins.iter().map(|login| login.registry.as_str()).collect();
                format!("the Secret has no credentials for '{host}', only for: {}", known.join(", "))
            }
        }
    }
}

/// Tries a request until it succeeds, cannot succeed, or was tried often enough; each try within the source's timeout.
async fn retried<T, F>(
    access: &Access,
    reference: &Reference,
    login: &Login,
    mut request: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, OciDistributionError>>,
{
    let mut attempt = 1;
    loop {
        let error = match tokio::time::timeout(access.timeout, request()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(_) => {
                let within = crate::api::Duration::from(access.timeout);
                let message = format!("no complete answer within {within}");
                return Err(Error::Registry { reference: whole(reference), message });
            }
        };
        if attempt >= MAX_ATTEMPTS || !may_pass(&error) {
            return Err(told(&error, reference, login));
        }
        tokio::time::sleep(pause(attempt)).await;
        attempt += 1;
    }
}

/// Whether another try may help.
fn may_pass(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::RequestError(_) | OciDistributionError::IoError(_) => true,
        OciDistributionError::ServerError { code, .. } => *code >= 500 || *code == 429,
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.iter().any(|error| error.code == OciErrorCode::Toomanyrequests)
        }
        _ => false,
    }
}

/// The error in our words: which repository was asked, what the registry says, which credentials were used.
fn told(error: &OciDistributionError, reference: &Reference, login: &Login) -> Error {
    let unauthorized = |message: &str| Error::Unauthorized {
        server: reference.registry().to_owned(),
        url: whole(reference),
        message: format!("{message} ({})", login.described),
    };
    let registry = |message: String| Error::Registry { reference: whole(reference), message };
    match error {
        // The text of a refused login is the token server's whole answer, which is nothing to show.
        OciDistributionError::AuthenticationFailure(_) => unauthorized("login failed"),
        OciDistributionError::UnauthorizedError { .. } => unauthorized("401 Unauthorized"),
        OciDistributionError::RegistryError { envelope, .. } => {
            let refused = |code: &OciErrorCode| matches!(code, OciErrorCode::Unauthorized | OciErrorCode::Denied);
            let messages: Vec<_> = envelope.errors.iter().map(describe).collect();
            let messages = messages.join("; ");
            if envelope.errors.iter().any(|error| refused(&error.code)) {
                return unauthorized(&messages);
            }
            registry(messages)
        }
        OciDistributionError::ServerError { code: 403, .. } => unauthorized("403 Forbidden"),
        OciDistributionError::ServerError { code, .. } => {
            let words = http::StatusCode::from_u16(*code).ok().and_then(|status| status.canonical_reason());
            registry(format!("{code} {}", words.unwrap_or_default()).trim_end().to_owned())
        }
        OciDistributionError::RequestError(error) => {
            // The error's own text has the URL, whose query may hold a token.
            let text = reasons(error);
            let url = error.url().map(|url| format!(" for url ({url})")).unwrap_or_default();
            registry(text.replace(&url, ""))
        }
        other => registry(other.to_string()),
    }
}

fn describe(error: &oci_client::errors::OciError) -> String {
    if !error.message.is_empty() {
        return error.message.clone();
    }
    match &error.code {
        OciErrorCode::Other(code) => code.clone(),
        code => format!("{code:?}"),
    }
}

impl Manifest {
    /// The layer of a media type; without one the chart's layer, else the first.
    pub(super) fn layer(&self, media_type: Option<&str>, reference: &Reference) -> Result<&OciDescriptor, Error> {
        let of = |wanted: &str| self.layers.iter().find(|layer| layer.media_type == wanted);
        let found = match media_type.filter(|wanted| !wanted.is_empty()) {
            Some(wanted) => of(wanted),
            None => of(CHART_LAYER).or_else(|| of(LEGACY_CHART_LAYER)).or_else(|| self.layers.first()),
        };
        found.ok_or_else(|| {
            let types: Vec<_> = self.layers.iter().map(|layer| layer.media_type.as_str()).collect();
            let wanted = media_type.map(|wanted| format!(" with media type '{wanted}'")).unwrap_or_default();
            let message =
                format!("failed to find layer{wanted}: the artifact has {} layers: {}", types.len(), types.join(", "));
            Error::Layer { reference: whole(reference), message }
        })
    }
}

/// Registry and repository.
pub(super) fn place(reference: &Reference) -> String {
    format!("oci://{}/{}", reference.registry(), reference.repository())
}

/// Registry, repository, and tag or digest.
pub(super) fn whole(reference: &Reference) -> String {
    match (reference.digest(), reference.tag()) {
        (Some(digest), _) => format!("{}@{digest}", place(reference)),
        (None, Some(tag)) => format!("{}:{tag}", place(reference)),
        (None, None) => place(reference),
    }
}

/// A registry's URL fit to be shown: without whatever stands before an `@`.
fn shown(url: &str) -> String {
    let rest = url.strip_prefix("oci://").unwrap_or(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() { format!("oci://{host}") } else { format!("oci://{host}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_url_names_a_repository_and_nothing_more() {
        let parsed = |url: &str, name| repository(&Access::anonymous(url), name).map(|found| place(&found));
        assert_eq!(parsed("oci://ghcr.io/org/charts/", Some("app")).unwrap(), "oci://ghcr.io/org/charts/app");
        assert_eq!(parsed("oci://127.0.0.1:5000", Some("charts/app")).unwrap(), "oci://127.0.0.1:5000/charts/app");
        assert_eq!(parsed("oci://localhost:5000/app", None).unwrap(), "oci://localhost:5000/app");
        for url in [
            "oci://ghcr.io/org/app:1.0.0",
            "oci://u:pw@ghcr.io/app",
            "https://ghcr.io/app",
            "oci://",
            "oci://ghcr.io/Up",
        ] {
            let error = parsed(url, None).unwrap_err();
            assert!(matches!(error, Error::InvalidUrl { .. }), "{url}");
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }

    #[test]
    fn the_charts_layer_is_found_behind_a_signature() {
        let layer = |media_type: &str| OciDescriptor { media_type: media_type.to_owned(), ..OciDescriptor::default() };
        let provenance = "application/vnd.cncf.helm.chart.provenance.v1.prov";
        let manifest = Manifest { layers: vec![layer(provenance), layer(CHART_LAYER)], annotations: BTreeMap::new() };
        let reference = repository(&Access::anonymous("oci://ghcr.io/app"), None).unwrap();
        let chosen = |wanted| manifest.layer(wanted, &reference).map(|layer| layer.media_type.clone());
        assert_eq!(chosen(None).unwrap(), CHART_LAYER);
        assert_eq!(chosen(Some(provenance)).unwrap(), provenance);
        let error = chosen(Some("other")).unwrap_err().to_string();
        assert!(error.contains("'other'") && error.contains(provenance), "{error}");
    }
}
