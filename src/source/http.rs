//! Downloads over HTTP: limits, gzip for the way, what is current already.
//!
//! **Invariant:** never holds more bytes of an answer than its limit, whatever the headers claim.

use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::transport::{Asked, Failure, Transport, host, read, request_error, text};
use super::{Access, Error};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    /// What it is, for errors.
    pub(super) what: &'static str,
    /// The most bytes that are accepted, unpacked.
    pub(super) limit: u64,
    /// Whether the answer may be packed by gzip for the way.
    pub(super) gzip: bool,
    /// What is at hand already.
    pub(super) known: Option<&'a Validators>,
}

/// By what a server tells whether what is at hand is still current.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    etag: Option<String>,
    last_modified: Option<String>,
}

/// A request as it goes out, without what tells who asks.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What a server answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// What is at hand is still current.
    NotModified,
    /// Something else.
    Body(Bytes, Validators),
}

/// Downloads.
pub(super) struct Http {
    transport: Arc<Transport>,
}

impl Http {
    /// Downloads by a transport.
    pub(super) fn new(transport: Arc<Transport>) -> Self {
        Self { transport }
    }

    /// Fetches a URL in the name of a source; tries again where that may help.
    pub(super) async fn fetch(&self, access: &Access, url: &Url, ask: Ask<'_>) -> Result<Answer, Error> {
        let late = |message| Error::Request { url: shown(url), message };
        self.transport.retried(access, || self.attempt(access, url, ask), late).await
    }

    /// Sends one request in the name of a source; the answer's body is left to the caller, with its limits.
    ///
    /// # Errors
    /// The server cannot be talked to, or its answer is no success.
    pub(super) async fn open(&self, access: &Access, url: &Url, outgoing: &Outgoing) -> Result<Response, Error> {
        let own = Url::parse(&access.url).ok();
        let Outgoing { method, headers, body } = outgoing.clone();
        let body = (!body.is_empty()).then_some(body);
        let asked = Asked { method, url, headers, authorization: access.credentials.header(), body };
        let sent = self.transport.send(access, own.as_ref(), &asked).await;
        let response = sent.map_err(|failure| failure.error)?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refusal(access, url, &response).error)
    }

    async fn attempt(&self, access: &Access, url: &Url, ask: Ask<'_>) -> Result<Answer, Failure> {
        let own = Url::parse(&access.url).ok();
        let authorization = access.credentials.header();
        let asked = Asked { method: Method::GET, url, headers: headers(ask), authorization, body: None };
        let response = self.transport.send(access, own.as_ref(), &asked).await?;
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED && ask.known.is_some() {
            return Ok(Answer::NotModified);
        }
        if !status.is_success() {
            return Err(refusal(access, url, &response));
        }
        let header = |name: HeaderName| text(response.headers(), &name);
        let validators = Validators { etag: header(ETAG), last_modified: header(LAST_MODIFIED) };
        let is_packed = header(CONTENT_ENCODING).is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"));
        let too_large = || Error::TooLarge { what: ask.what, url: shown(url), limit: ask.limit };
        let bytes = read(response, ask.limit, too_large, |error| request_error(url, error)).await?;
        // Packed archives are what they are; only packing for the way is undone.
        let bytes = if is_packed && ask.gzip { unpack(&bytes, url, ask).map_err(Failure::last)? } else { bytes };
        Ok(Answer::Body(bytes, validators))
    }
}

fn headers(ask: Ask<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // Without this header some servers pack archives for the way, which would spoil their digest.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(if ask.gzip { "gzip" } else { "identity" }));
    let known = ask.known;
    let etag = known.and_then(|known| known.etag.as_ref());
    let modified = known.and_then(|known| known.last_modified.as_ref());
    for (name, value) in [(IF_NONE_MATCH, etag), (IF_MODIFIED_SINCE, modified)] {
        // What came in a header fits into one.
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Why the server's answer is of no use.
fn refusal(access: &Access, url: &Url, response: &Response) -> Failure {
    let status = response.status();
    let words = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()).trim_end().to_owned();
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let sent = if access.credentials.header().is_some() {
            let foreign = Url::parse(&access.url).is_ok_and(|own| own.origin() != response.url().origin());
            if foreign && !access.pass_credentials {
                "the credentials were not sent to another host than the repository's; passCredentials would"
            } else {
                "with the credentials of the Secret"
            }
        } else {
            "no credentials are given"
        };
        let message = format!("{words} ({sent})");
        return Failure::last(Error::Unauthorized { server: host(response.url()), url: shown(url), message });
    }
    let error = Error::Status { url: shown(url), status: words };
    Failure::of_status(error, response)
}

fn unpack(packed: &[u8], url: &Url, ask: Ask<'_>) -> Result<Bytes, Error> {
    let mut bytes = Vec::new();
    let mut reader = MultiGzDecoder::new(packed).take(ask.limit + 1);
    reader.read_to_end(&mut bytes).map_err(|error| Error::Request {
        url: shown(url),
        message: format!("the answer is no gzip stream: {error}"),
    })?;
    if bytes.len() as u64 > ask.limit {
        return Err(Error::TooLarge { what: ask.what, url: shown(url), limit: ask.limit });
    }
    Ok(bytes.into())
}

/// A URL fit to be shown: without user, password and query, where tokens stand.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs that cannot have a user.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}
