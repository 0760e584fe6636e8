//! Downloads over HTTP: limits, redirects, retries, one connection pool for each TLS identity.
//!
//! Credentials go to the repository's own origin (default ports count as written out) and, with `passCredentials`, everywhere; a client
//! certificate follows the same rule. Flux (Go's client) is laxer: it follows from https to http and keeps credentials for subdomains.
//!
//! **Invariant:** never holds more bytes of an answer than its limit, whatever the headers claim.

use std::io::Read as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use moka::sync::Cache;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use reqwest::{Certificate, Identity, Method, Response, StatusCode};
use url::Url;

use super::{Access, Error, Tls};

/// How we name ourselves to servers.
pub(super) const USER_AGENT: &str = concat!("rhumb/", env!("CARGO_PKG_VERSION"));
/// How long to wait for a connection.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often one thing is tried before the caller hears of it.
pub(super) const MAX_ATTEMPTS: u32 = 3;
/// The pause before the second attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause that a server can ask for; for longer ones the caller's own back-off has to do.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// How many redirects are followed, as Go's client does.
const MAX_REDIRECTS: usize = 10;
/// How many TLS identities keep their connections.
const MAX_CLIENTS: u64 = 128;
/// How long connections of an unused identity are kept.
const CLIENT_IDLE: Duration = Duration::from_secs(600);

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
    clients: Cache<[u8; 32], reqwest::Client>,
}

impl Ask<'_> {
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        // Without this header some servers pack archives for the way, which would spoil their digest.
        let encoding = if self.gzip { "gzip" } else { "identity" };
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        let mut add = |name: HeaderName, value: Option<&String>| {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        };
        add(IF_NONE_MATCH, self.known.and_then(|known| known.etag.as_ref()));
        add(IF_MODIFIED_SINCE, self.known.and_then(|known| known.last_modified.as_ref()));
        headers
    }
}

/// A failed attempt, and whether another may help.
struct Failure {
    error: Error,
    retry: Option<Duration>,
}

impl Failure {
    fn last(error: Error) -> Self {
        Self { error, retry: None }
    }

    fn again(error: Error) -> Self {
        Self { error, retry: Some(Duration::ZERO) }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { clients: Cache::builder().max_capacity(MAX_CLIENTS).time_to_idle(CLIENT_IDLE).build() }
    }
}

impl Http {
    /// Fetches a URL in the name of a source; tries again where that may help.
    pub(super) async fn fetch(&self, access: &Access, url: &Url, ask: Ask<'_>) -> Result<Answer, Error> {
        let mut attempt = 1;
        loop {
            let result = tokio::time::timeout(access.timeout, self.attempt(access, url, ask)).await;
            let failure = match result {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::last(Error::Request {
                    url: shown(url),
                    message: format!("no complete answer within {}", crate::api::Duration::from(access.timeout)),
                }),
            };
            match failure.retry {
                Some(asked) if attempt < MAX_ATTEMPTS && asked <= MAX_PAUSE => {
                    tokio::time::sleep(asked.max(pause(attempt))).await;
                }
                _ => return Err(failure.error),
            }
            attempt += 1;
        }
    }

    /// Sends one request in the name of a source; the answer's body is left to the caller, with its limits. A redirect is followed for
    /// GET alone: a body goes nowhere but where it was meant to go.
    ///
    /// # Errors
    /// The server cannot be talked to, or its answer is no success.
    pub(super) async fn open(&self, access: &Access, url: &Url, outgoing: &Outgoing) -> Result<Response, Error> {
        let response = self.follow(access, url, outgoing).await.map_err(|failure| failure.error)?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refusal(access, url, &response).error)
    }

    async fn attempt(&self, access: &Access, url: &Url, ask: Ask<'_>) -> Result<Answer, Failure> {
        let outgoing = Outgoing { method: Method::GET, headers: ask.headers(), body: Bytes::new() };
        let response = self.follow(access, url, &outgoing).await?;
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
        let bytes = read(response, url, ask).await?;
        // Packed archives are what they are; only packing for the way is undone.
        let bytes = if is_packed && ask.gzip { unpack(&bytes, url, ask).map_err(Failure::last)? } else { bytes };
        Ok(Answer::Body(bytes, validators))
    }

    /// Sends the request, and again to wherever the server points.
    async fn follow(&self, access: &Access, url: &Url, outgoing: &Outgoing) -> Result<Response, Failure> {
        let own = Url::parse(&access.url).ok();
        let mut current = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let is_trusted =
                access.pass_credentials || own.as_ref().is_some_and(|own| own.origin() == current.origin());
            let response = self.send(access, &current, is_trusted, outgoing).await?;
            let is_redirect = response.status().is_redirection() && response.status() != StatusCode::NOT_MODIFIED;
            if !is_redirect || outgoing.method != Method::GET {
                return Ok(response);
            }
            let location = text(response.headers(), &LOCATION);
            let next = location.and_then(|location| current.join(&location).ok());
            let failed = |message: String| Failure::last(Error::Request { url: shown(url), message });
            let Some(next) = next else {
                return Err(failed(format!("redirect by {} names no URL", host(&current))));
            };
            if next.scheme() != "https" && next.scheme() != current.scheme() {
                return Err(failed(format!("redirect from {} to {} is refused", current.scheme(), shown(&next))));
            }
            current = next;
        }
        Err(Failure::last(Error::Request { url: shown(url), message: format!("more than {MAX_REDIRECTS} redirects") }))
    }

    async fn send(
        &self,
        access: &Access,
        url: &Url,
        is_trusted: bool,
        outgoing: &Outgoing,
    ) -> Result<Response, Failure> {
        let tls = if is_trusted { access.tls.clone() } else { Tls { ca: access.tls.ca.clone(), client: None } };
        let client = self.client(&tls, url).map_err(Failure::last)?;
        let mut request = client.request(outgoing.method.clone(), url.clone()).headers(outgoing.headers.clone());
        if is_trusted {
            if let Some((username, password)) = access.credentials.basic() {
                request = request.basic_auth(username, Some(password));
            } else if let Some(token) = access.credentials.bearer() {
                request = request.bearer_auth(token);
            }
        }
        if !outgoing.body.is_empty() {
            request = request.body(outgoing.body.clone());
        }
        request.send().await.map_err(|error| Failure::again(request_error(url, error)))
    }

    fn client(&self, tls: &Tls, url: &Url) -> Result<reqwest::Client, Error> {
        let identity = tls.identity();
        if let Some(client) = self.clients.get(&identity) {
            return Ok(client);
        }
        let client = build(tls).map_err(|message| Error::Request { url: shown(url), message })?;
        self.clients.insert(identity, client.clone());
        Ok(client)
    }
}

fn build(tls: &Tls) -> Result<reqwest::Client, String> {
    // Another part of the program may have been first, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    if let Some(ca) = &tls.ca {
        let authorities =
            Certificate::from_pem_bundle(ca).map_err(|_| "ca.crt holds no certificate in PEM".to_owned())?;
        if authorities.is_empty() {
            return Err("ca.crt holds no certificate in PEM".to_owned());
        }
        builder = builder.tls_certs_merge(authorities);
    }
    if let Some(own) = &tls.client {
        let mut pem = own.certificate.clone();
        pem.push(b'\n');
        pem.extend_from_slice(&own.key);
        let identity =
            Identity::from_pem(&pem).map_err(|_| "tls.crt and tls.key are no certificate and key in PEM".to_owned())?;
        builder = builder.identity(identity);
    }
    // The error may quote certificates, which are no secret, but never a key.
    builder.build().map_err(|error| format!("the TLS certificates cannot be used: {}", reasons(&error.without_url())))
}

/// Why the server's answer is of no use.
fn refusal(access: &Access, url: &Url, response: &Response) -> Failure {
    let status = response.status();
    let words = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()).trim_end().to_owned();
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let sent = if access.credentials.basic().is_some() || access.credentials.bearer().is_some() {
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
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        let seconds = text(response.headers(), &RETRY_AFTER).and_then(|text| text.trim().parse().ok());
        return Failure { error, retry: Some(Duration::from_secs(seconds.unwrap_or(0))) };
    }
    Failure::last(error)
}

async fn read(mut response: Response, url: &Url, ask: Ask<'_>) -> Result<Bytes, Failure> {
    let too_large = || Failure::last(Error::TooLarge { what: ask.what, url: shown(url), limit: ask.limit });
    if response.content_length().is_some_and(|length| length > ask.limit) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                if (bytes.len() + chunk.len()) as u64 > ask.limit {
                    return Err(too_large());
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(None) => return Ok(bytes.freeze()),
            Err(error) => return Err(Failure::again(request_error(url, error))),
        }
    }
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

/// The pause after an attempt that failed.
pub(super) fn pause(attempt: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1)))
}

pub(super) fn request_error(url: &Url, error: reqwest::Error) -> Error {
    Error::Request { url: shown(url), message: reasons(&error.without_url()) }
}

/// An error with all that it stems from.
pub(super) fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
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

fn host(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
