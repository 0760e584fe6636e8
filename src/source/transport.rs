//! The HTTP clients under everything that is fetched: TLS identities, proxies, the guard of addresses, redirects.
//!
//! Credentials and client certificates go to the source's own origin (default ports count as written out) and nowhere else, unless the
//! source passes them on. Flux (Go's client) is laxer: it follows from https to http and keeps credentials for subdomains.
//!
//! **Invariant:** a connection is used by one source, with one version of its Secrets, only.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use moka::sync::Cache;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Identity, Method, Response, StatusCode};
use url::Url;

use super::access::{Identity as Asker, Proxy};
use super::egress::{Denied, Egress};
use super::http::shown;
use super::{Access, Error, Tls};
use crate::telemetry::causes;

/// How we name ourselves to servers.
pub(super) const USER_AGENT: &str = concat!("rhumb/", env!("CARGO_PKG_VERSION"));
/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often one thing is tried before the caller hears of it.
pub(super) const MAX_ATTEMPTS: u32 = 3;
/// The pause before the second attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause that a server can ask for; for longer ones the caller's own back-off has to do.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// How many redirects are followed, as Go's client does.
const MAX_REDIRECTS: usize = 10;
/// How many bytes are set aside for an answer before any of it has come.
const MAX_RESERVED: u64 = 1024 * 1024;
/// How many sources keep their connections.
const MAX_CLIENTS: u64 = 256;
/// How long connections of an unused source are kept.
const CLIENT_IDLE: Duration = Duration::from_secs(600);

/// Makes and keeps clients.
pub(super) struct Transport {
    /// By source and version of its Secrets, and whether its certificate may be shown.
    clients: Cache<(Asker, bool), reqwest::Client>,
    egress: Egress,
}

/// A request as it is sent, and again to wherever the server points.
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Url,
    pub(super) headers: HeaderMap,
    /// Goes to the own origin only.
    pub(super) authorization: Option<HeaderValue>,
    pub(super) body: Option<Bytes>,
}

/// A failed attempt, and whether another may help.
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) retry: Option<Duration>,
}

impl Failure {
    /// Another attempt does not help.
    pub(super) fn last(error: Error) -> Self {
        Self { error, retry: None }
    }

    /// Another attempt may help.
    pub(super) fn again(error: Error) -> Self {
        Self { error, retry: Some(Duration::ZERO) }
    }

    /// Whether another attempt helps is up to the server's answer, which may also say when.
    pub(super) fn of_status(error: Error, response: &Response) -> Self {
        let status = response.status();
        if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
            return Self::last(error);
        }
        let seconds = text(response.headers(), &RETRY_AFTER).and_then(|text| text.trim().parse().ok());
        Self { error, retry: Some(Duration::from_secs(seconds.unwrap_or(0))) }
    }
}

impl Transport {
    /// A transport that keeps away from some addresses.
    pub(super) fn new(egress: Egress) -> Self {
        Self { clients: Cache::builder().max_capacity(MAX_CLIENTS).time_to_idle(CLIENT_IDLE).build(), egress }
    }

    /// Tries until an attempt succeeds, cannot succeed, or was made often enough; each within the source's timeout.
    pub(super) async fn retried<T, F>(
        &self,
        access: &Access,
        mut attempt: impl FnMut() -> F,
        late: impl Fn(String) -> Error,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut number = 1;
        loop {
            let failure = match tokio::time::timeout(access.timeout, attempt()).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(failure)) => failure,
                Err(_) => {
                    let within = crate::api::Duration::from(access.timeout);
                    return Err(late(format!("no complete answer within {within}")));
                }
            };
            match failure.retry {
                Some(asked) if number < MAX_ATTEMPTS && asked <= MAX_PAUSE => {
                    tokio::time::sleep(asked.max(pause(number))).await;
                }
                _ => return Err(failure.error),
            }
            number += 1;
        }
    }

    /// Sends a request, and again to wherever the server points; `own` is the origin that is trusted with who we are.
    pub(super) async fn send(
        &self,
        access: &Access,
        own: Option<&Url>,
        asked: &Asked<'_>,
    ) -> Result<Response, Failure> {
        let url = asked.url;
        let mut current = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let is_trusted = access.pass_credentials || own.is_some_and(|own| own.origin() == current.origin());
            let response = self.send_once(access, &current, is_trusted, asked).await?;
            if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED {
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

    async fn send_once(
        &self,
        access: &Access,
        url: &Url,
        is_trusted: bool,
        asked: &Asked<'_>,
    ) -> Result<Response, Failure> {
        self.egress.check(url).map_err(Failure::last)?;
        let client = self
            .client(access, is_trusted)
            .map_err(|message| Failure::last(Error::Request { url: shown(url), message }))?;
        let mut request = client.request(asked.method.clone(), url.clone()).headers(asked.headers.clone());
        if let Some(authorization) = asked.authorization.as_ref().filter(|_| is_trusted) {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(body) = &asked.body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(|error| match Denied::in_error(&error) {
            Some(denied) => Failure::last(denied.told(url)),
            None => Failure::again(request_error(url, error)),
        })
    }

    fn client(&self, access: &Access, is_trusted: bool) -> Result<reqwest::Client, String> {
        let key = (access.identity(), is_trusted);
        if let Some(client) = self.clients.get(&key) {
            return Ok(client);
        }
        let tls = if is_trusted { access.tls.clone() } else { Tls { ca: access.tls.ca.clone(), client: None } };
        let client = self.build(&tls, access.proxy.as_ref())?;
        self.clients.insert(key, client.clone());
        Ok(client)
    }

    fn build(&self, tls: &Tls, proxy: Option<&Proxy>) -> Result<reqwest::Client, String> {
        // Another part of the program may have been first, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if !self.egress.is_open() {
            builder = builder.dns_resolver(self.egress.clone());
        }
        if let Some(proxy) = proxy {
            self.egress.check(&proxy.address).map_err(|error| format!("the proxy: {error}"))?;
            builder = builder.proxy(proxied(proxy)?);
        }
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
            let identity = Identity::from_pem(&pem)
                .map_err(|_| "tls.crt and tls.key are no certificate and key in PEM".to_owned())?;
            builder = builder.identity(identity);
        }
        // The error may quote certificates, which are no secret, but never a key.
        builder
            .build()
            .map_err(|error| format!("the TLS certificates cannot be used: {}", causes(&error.without_url())))
    }
}

/// A proxy for everything; for SOCKS the login is part of the address.
fn proxied(proxy: &Proxy) -> Result<reqwest::Proxy, String> {
    let wrong = |_| "the proxy's address cannot be used".to_owned();
    let mut address = proxy.address.clone();
    let login = proxy.login.as_ref();
    if address.scheme() == "socks5" {
        // None of these fails for an address with a host. Names are for the proxy to resolve, as with Go's client.
        let _ = address.set_scheme("socks5h");
        if let Some((username, password)) = login {
            let _ = address.set_username(username);
            let _ = address.set_password(Some(password));
        }
        return reqwest::Proxy::all(address).map_err(wrong);
    }
    let built = reqwest::Proxy::all(address).map_err(wrong)?;
    Ok(match login {
        Some((username, password)) => built.basic_auth(username, password),
        None => built,
    })
}

/// The bytes of an answer, up to a limit.
pub(super) async fn read(
    mut response: Response,
    limit: u64,
    too_large: impl Fn() -> Error,
    broken: impl Fn(reqwest::Error) -> Error,
) -> Result<Bytes, Failure> {
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(Failure::last(too_large()));
    }
    // What is promised may not come, so that no more than some is set aside beforehand.
    let promised = response.content_length().unwrap_or_default().min(MAX_RESERVED);
    let mut bytes = BytesMut::with_capacity(usize::try_from(promised).unwrap_or_default());
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                if (bytes.len() + chunk.len()) as u64 > limit {
                    return Err(Failure::last(too_large()));
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(None) => return Ok(bytes.freeze()),
            Err(error) => return Err(Failure::again(broken(error))),
        }
    }
}

/// The pause after an attempt that failed.
fn pause(attempt: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1)))
}

pub(super) fn request_error(url: &Url, error: reqwest::Error) -> Error {
    Error::Request { url: shown(url), message: causes(&error.without_url()) }
}

/// A host with its port, if that is not the scheme's own.
pub(super) fn host(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    }
}

/// A header's text.
pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
