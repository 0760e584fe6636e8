//! Charts and artifacts in OCI registries: tags, manifests, layers, and what refers to an artifact.
//!
//! Manifests are read by oci-client's types; requests go over the program's one transport instead of oci-client's own, which has no client
//! certificates, identity tokens, limits on answers, nor a way to give it proxies and a guard of addresses, and hides logins that fail.
//! What pulling needs of the distribution specification 1.1 is little.
//!
//! **Invariant:** a layer's bytes have the digest that the manifest gives, and the manifest the digest that was asked for.

mod login;
mod manifest;
mod reference;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use oci_client::manifest::ImageIndexEntry;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, LINK};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use url::Url;

use self::login::{Login, refusal};
use self::manifest::MANIFEST_TYPES;
use super::access::Identity;
use super::transport::{Asked, Failure, Transport, read, text};
use super::{Access, Error, MAX_CHART_ARCHIVE_SIZE, digest};
use crate::telemetry::causes;

pub use self::manifest::CHART_LAYER;
pub(super) use self::manifest::{Descriptor, Manifest};
pub(super) use self::reference::Reference;

/// The most bytes of a manifest, as the specification advises.
const MAX_MANIFEST_SIZE: u64 = 4 * 1024 * 1024;
/// The most bytes of one page of tags.
const MAX_PAGE_SIZE: u64 = 4 * 1024 * 1024;
/// The most bytes that are read of an error.
const MAX_ERROR_SIZE: u64 = 64 * 1024;
/// The longest text of an error that is passed on.
const MAX_ERROR_TEXT: usize = 500;
/// How many tags a page may have.
const PAGE: usize = 1000;
/// The smallest page that a registry is known to answer with when it is asked for larger ones; fewer tags are all there are.
const SMALLEST_PAGE: usize = 50;
/// How many tags of one repository are read.
const MAX_TAGS: usize = 100_000;
/// How many sources keep their tokens.
const MAX_LOGINS: u64 = 1024;
/// How long the tokens of an unused source are kept.
const LOGIN_IDLE: Duration = Duration::from_secs(1800);
/// By which a registry tells a manifest's digest.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Registries.
pub(super) struct Registries {
    transport: Arc<Transport>,
    logins: Cache<Identity, Arc<Login>>,
}

/// What is asked of a repository.
#[derive(Clone, Copy)]
struct Ask<'a> {
    method: &'a Method,
    /// What is accepted.
    accept: &'static str,
    /// What it is, for errors.
    what: &'static str,
    /// The most bytes of the answer.
    limit: u64,
}

/// A registry's answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Bytes,
}

#[derive(Deserialize)]
struct TagsPage {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Registries {
    /// Registries that are reached by a transport.
    pub(super) fn new(transport: Arc<Transport>) -> Self {
        Self { transport, logins: Cache::builder().max_capacity(MAX_LOGINS).time_to_idle(LOGIN_IDLE).build() }
    }

    /// All tags of a repository.
    pub(super) async fn tags(&self, access: &Access, repository: &Reference) -> Result<Vec<String>, Error> {
        let mut tags: Vec<String> = Vec::new();
        let mut url = repository.url(access, &format!("tags/list?n={PAGE}"))?;
        loop {
            let ask =
                Ask { method: &Method::GET, accept: "application/json", what: "list of tags", limit: MAX_PAGE_SIZE };
            let answer = self.ask(access, repository, &url, ask).await?;
            let page: TagsPage = parsed(&answer.bytes, repository, "list of tags")?;
            let page = page.tags.unwrap_or_default();
            let count = page.len();
            // A registry that does not page answers with the same tags again.
            let is_new = page.last().is_some_and(|tag| Some(tag) != tags.last()) && page.first() != tags.first();
            if is_new {
                tags.extend(page);
            }
            let next = next_page(&url, &answer.headers);
            if !is_new || next.is_none() && count < SMALLEST_PAGE {
                return Ok(tags);
            }
            if tags.len() >= MAX_TAGS {
                let message = format!("the repository has more than the limit of {MAX_TAGS} tags");
                return Err(Error::Registry { reference: repository.place(), message });
            }
            url = next.map_or_else(|| page_after(access, repository, tags.last()), Ok)?;
        }
    }

    /// The digest of the manifest that a tag stands for now.
    pub(super) async fn manifest_digest(&self, access: &Access, reference: &Reference) -> Result<String, Error> {
        let url = reference.url(access, &format!("manifests/{}", reference.artifact()))?;
        let ask = Ask { method: &Method::HEAD, accept: MANIFEST_TYPES, what: "manifest", limit: MAX_MANIFEST_SIZE };
        // What is wrong is told by the answer to a GET, for that to a HEAD has no text.
        if let Ok(answer) = self.ask(access, reference, &url, ask).await
            && let Some(digest) = text(&answer.headers, &CONTENT_DIGEST).filter(|digest| is_digest(digest))
        {
            return Ok(digest);
        }
        let answer = self.ask(access, reference, &url, Ask { method: &Method::GET, ..ask }).await?;
        Ok(digest::sha256(&answer.bytes))
    }

    /// A manifest by tag or digest; of a list of manifests, the one for this platform.
    pub(super) async fn manifest(&self, access: &Access, reference: &Reference) -> Result<Manifest, Error> {
        let manifest = self.manifest_or_list(access, reference).await?;
        if manifest.manifests.is_empty() {
            return Ok(manifest);
        }
        let Some(found) = manifest.of_this_platform() else {
            let message = "the artifact is a list of manifests, none of them for this platform".to_owned();
            return Err(Error::Registry { reference: reference.to_string(), message });
        };
        let found = self.manifest_or_list(access, &reference.digested(&found.digest)).await?;
        // A list in a list would have no end.
        Ok(Manifest { manifests: Vec::new(), ..found })
    }

    async fn manifest_or_list(&self, access: &Access, reference: &Reference) -> Result<Manifest, Error> {
        let url = reference.url(access, &format!("manifests/{}", reference.artifact()))?;
        let ask = Ask { method: &Method::GET, accept: MANIFEST_TYPES, what: "manifest", limit: MAX_MANIFEST_SIZE };
        let answer = self.ask(access, reference, &url, ask).await?;
        if let Some(expected) = reference.digest() {
            check(&answer.bytes, expected, || format!("the manifest of {reference}"))?;
        }
        manifest(&answer.bytes, reference, "manifest")
    }

    /// The manifests that refer to one with a digest, by what is kept for them; none where the registry keeps none.
    pub(super) async fn referrers(
        &self,
        access: &Access,
        reference: &Reference,
    ) -> Result<Vec<ImageIndexEntry>, Error> {
        let digest = reference.digest().unwrap_or_default();
        let url = reference.url(access, &format!("referrers/{digest}"))?;
        let accept = "application/vnd.oci.image.index.v1+json";
        let ask = Ask { method: &Method::GET, accept, what: "list of referrers", limit: MAX_MANIFEST_SIZE };
        if let Some(answer) = self.ask_maybe(access, reference, &url, ask).await? {
            return Ok(manifest(&answer.bytes, reference, "list of referrers")?.manifests);
        }
        // Where the registry does not know of referrers, a tag named for the digest has the list.
        let tag = reference.tagged(&digest.replace(':', "-"));
        Ok(self.manifest_if_there(access, &tag).await?.map(|list| list.manifests).unwrap_or_default())
    }

    /// A manifest (or a list of them) if there is one.
    pub(super) async fn manifest_if_there(
        &self,
        access: &Access,
        reference: &Reference,
    ) -> Result<Option<Manifest>, Error> {
        let url = reference.url(access, &format!("manifests/{}", reference.artifact()))?;
        let ask = Ask { method: &Method::GET, accept: MANIFEST_TYPES, what: "manifest", limit: MAX_MANIFEST_SIZE };
        let Some(answer) = self.ask_maybe(access, reference, &url, ask).await? else { return Ok(None) };
        manifest(&answer.bytes, reference, "manifest").map(Some)
    }

    /// The bytes of a layer, which `what` names; larger ones than the limit are refused.
    pub(super) async fn layer(
        &self,
        access: &Access,
        reference: &Reference,
        layer: &Descriptor,
        (what, limit): (&'static str, u64),
    ) -> Result<Bytes, Error> {
        // What is claimed; the bytes themselves are counted when they come.
        if u64::try_from(layer.size).is_ok_and(|size| size > limit) {
            return Err(Error::TooLarge { what, url: reference.to_string(), limit });
        }
        if !is_digest(&layer.digest) {
            let message = format!("the manifest names a layer by '{}', which is no digest", layer.digest);
            return Err(Error::Layer { reference: reference.to_string(), message });
        }
        let url = reference.url(access, &format!("blobs/{}", layer.digest))?;
        let ask = Ask { method: &Method::GET, accept: "*/*", what, limit };
        let answer = self.ask(access, reference, &url, ask).await?;
        check(&answer.bytes, &layer.digest, || format!("the layer of {reference}"))?;
        Ok(answer.bytes)
    }

    /// The bytes of a chart's layer.
    pub(super) async fn chart_layer(
        &self,
        access: &Access,
        reference: &Reference,
        layer: &Descriptor,
    ) -> Result<Bytes, Error> {
        self.layer(access, reference, layer, ("chart", MAX_CHART_ARCHIVE_SIZE)).await
    }

    /// A good answer, if what is asked for is there.
    async fn ask_maybe(
        &self,
        access: &Access,
        reference: &Reference,
        url: &Url,
        ask: Ask<'_>,
    ) -> Result<Option<Answer>, Error> {
        let late = |message| Error::Registry { reference: reference.to_string(), message };
        let answer = self.transport.retried(access, || self.attempt(access, reference, url, ask), late).await?;
        Ok((answer.status != StatusCode::NOT_FOUND).then_some(answer))
    }

    /// A good answer.
    async fn ask(&self, access: &Access, reference: &Reference, url: &Url, ask: Ask<'_>) -> Result<Answer, Error> {
        let late = |message| Error::Registry { reference: reference.to_string(), message };
        let answer = self.transport.retried(access, || self.attempt(access, reference, url, ask), late).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(told(access, reference, answer.status, &answer.bytes));
        }
        Ok(answer)
    }

    /// One attempt; that something is not there is an answer as well.
    async fn attempt(
        &self,
        access: &Access,
        reference: &Reference,
        url: &Url,
        ask: Ask<'_>,
    ) -> Result<Answer, Failure> {
        let login = self.login(access);
        let authorization = login.header(&self.transport, access, reference).await?;
        let mut response = self.send(access, reference, url, ask, authorization).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            // The token may have aged, or nothing was sent yet.
            login.forget(reference);
            let authorization = login.answer(&self.transport, access, reference, &response).await?;
            response = self.send(access, reference, url, ask, authorization).await?;
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let broken = |error: reqwest::Error| Error::Registry {
            reference: reference.to_string(),
            message: causes(&error.without_url()),
        };
        let too_large = || Error::TooLarge { what: ask.what, url: reference.to_string(), limit: ask.limit };
        if status.is_success() {
            // A HEAD's length is that of what a GET would give.
            let limit = if *ask.method == Method::HEAD { u64::MAX } else { ask.limit };
            let bytes = read(response, limit, too_large, broken).await?;
            return Ok(Answer { status, headers, bytes });
        }
        // An error whose text is too long to be read is told by its status.
        let failure = Failure::of_status(told(access, reference, status, &[]), &response);
        let bytes = read(response, MAX_ERROR_SIZE, too_large, broken).await.unwrap_or_default();
        if status == StatusCode::NOT_FOUND {
            return Ok(Answer { status, headers, bytes });
        }
        Err(Failure { error: told(access, reference, status, &bytes), ..failure })
    }

    async fn send(
        &self,
        access: &Access,
        reference: &Reference,
        url: &Url,
        ask: Ask<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<Response, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(ask.accept));
        let asked = Asked { method: ask.method.clone(), url, headers, authorization, body: None };
        // A registry sends us elsewhere for layers; who we are stays with it, whatever the source says of an index's archives.
        let access = Access { pass_credentials: false, ..access.clone() };
        let sent = self.transport.send(&access, Some(url), &asked).await;
        sent.map_err(|failure| match failure.error {
            Error::Request { message, .. } => {
                Failure { error: Error::Registry { reference: reference.to_string(), message }, ..failure }
            }
            _ => failure,
        })
    }

    fn login(&self, access: &Access) -> Arc<Login> {
        self.logins.get_with(access.identity(), Arc::default)
    }
}

/// The next page of a list, as a registry links it; only one of the same registry counts.
fn next_page(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let link = text(headers, &LINK)?;
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| {
        let parameter = parameter.trim().replace('"', "");
        parameter.eq_ignore_ascii_case("rel=next")
    });
    let next = url.join(target).ok()?;
    (is_next && next.origin() == url.origin() && next != *url).then_some(next)
}

/// The page behind a tag, of a registry that links none.
fn page_after(access: &Access, repository: &Reference, last: Option<&String>) -> Result<Url, Error> {
    let mut url = repository.url(access, &format!("tags/list?n={PAGE}"))?;
    if let Some(last) = last {
        url.query_pairs_mut().append_pair("last", last);
    }
    Ok(url)
}

fn parsed<T: serde::de::DeserializeOwned>(bytes: &[u8], reference: &Reference, what: &str) -> Result<T, Error> {
    readable(serde_json::from_slice(bytes), reference, what)
}

fn manifest(bytes: &[u8], reference: &Reference, what: &str) -> Result<Manifest, Error> {
    readable(Manifest::parse(bytes), reference, what)
}

fn readable<T>(read: serde_json::Result<T>, reference: &Reference, what: &str) -> Result<T, Error> {
    read.map_err(|error| Error::Registry {
        reference: reference.to_string(),
        message: format!("the registry's {what} cannot be read: {error}"),
    })
}

/// An algorithm and hex, and nothing that would change the path that it stands in.
fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        let is_word = |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_alphanumeric());
        is_word(algorithm) && is_word(hex)
    })
}

/// Whether bytes have the digest by which they were asked for.
fn check(bytes: &[u8], expected: &str, what: impl Fn() -> String) -> Result<(), Error> {
    let actual = digest::alike(expected, bytes).unwrap_or_else(|| digest::sha256(bytes));
    if digest::equal(&actual, expected) {
        return Ok(());
    }
    Err(Error::DigestMismatch { what: what(), expected: expected.to_owned(), actual })
}

/// An answer that is no success in our words: which artifact was asked for, what the registry says, which credentials were used.
fn told(access: &Access, reference: &Reference, status: StatusCode, bytes: &[u8]) -> Error {
    let answer: Option<ErrorAnswer> = serde_json::from_slice(bytes).ok();
    let entries = answer.map(|answer| answer.errors).unwrap_or_default();
    let words: Vec<String> = entries.iter().map(ErrorEntry::words).collect();
    let message = if words.iter().all(String::is_empty) {
        format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()).trim_end().to_owned()
    } else {
        words.join("; ")
    };
    let is_refused = |entry: &ErrorEntry| matches!(entry.code.as_str(), "UNAUTHORIZED" | "DENIED");
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) || entries.iter().any(is_refused) {
        return refusal(access, reference, &message);
    }
    Error::Registry { reference: reference.to_string(), message }
}

impl ErrorEntry {
    fn words(&self) -> String {
        let text = if self.message.is_empty() { &self.code } else { &self.message };
        text.chars().filter(|letter| !letter.is_control()).take(MAX_ERROR_TEXT).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_same_registry_are_followed() {
        let url = Url::parse("https://ghcr.io/v2/app/tags/list?n=1000").unwrap();
        let next = |link: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, HeaderValue::from_static(link));
            next_page(&url, &headers).map(|next| next.to_string())
        };
        let expected = Some("https://ghcr.io/v2/app/tags/list?last=b&n=2".to_owned());
        assert_eq!(next("</v2/app/tags/list?last=b&n=2>; rel=\"next\""), expected);
        assert_eq!(next("<https://ghcr.io/v2/app/tags/list?last=b&n=2>; rel=next"), expected);
        assert_eq!(next("<https://evil.example/v2/app/tags/list>; rel=\"next\""), None);
        assert_eq!(next("</v2/app/tags/list?n=1000>; rel=\"next\""), None);
        assert_eq!(next("</v2/app/tags/list>; rel=\"prev\""), None);
    }

    #[test]
    fn what_would_leave_its_place_in_a_path_is_no_digest() {
        for (text, expected) in [
            ("sha256:ab01", true),
            ("sha256:../../x", false),
            ("sha256:", false),
            ("ab01", false),
            ("sha256:a?b", false),
        ] {
            assert_eq!(is_digest(text), expected, "{text}");
        }
    }
}
