//! Who we are to a registry: challenges, and tokens of its token service.
//!
//! Of the distribution specification's ways: basic authentication, tokens for a user and password, tokens for an identity token (a
//! refresh token of OAuth 2), and tokens that are given as they are. A login that fails is told, never replaced by none.
//!
//! **Invariant:** a token is kept for one source and version of its Secret, and for one repository.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use super::reference::Reference;
use crate::source::access::{basic, bearer};
use crate::source::http::shown;
use crate::source::secret::RegistryCredentials;
use crate::source::transport::{Asked, Failure, Transport, host, read, request_error};
use crate::source::{Access, Credentials, Error};

/// The most bytes of a token service's answer.
const MAX_TOKEN_ANSWER: u64 = 1024 * 1024;
/// How long a token is good that does not say.
const TOKEN_AGE: Duration = Duration::from_secs(60);
/// The longest that a token is kept, whatever it says.
const MAX_TOKEN_AGE: Duration = Duration::from_secs(3600);
/// How much earlier than it says a token is taken for stale.
const TOKEN_MARGIN: Duration = Duration::from_secs(10);

/// What is known of a source's login.
#[derive(Default)]
pub(super) struct Login {
    /// By repository; a challenge that was met once is met again beforehand.
    known: Mutex<HashMap<String, Known>>,
}

/// How a repository is asked.
#[derive(Clone)]
struct Known {
    header: Option<HeaderValue>,
    /// When it has to be made anew; never for what does not age.
    until: Option<Instant>,
}

/// What a registry asks for.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Login {
    /// The header to send to a repository; a registry that is asked in somebody's name for the first time tells first what it wants.
    pub(super) async fn header(
        &self,
        transport: &Transport,
        access: &Access,
        reference: &Reference,
    ) -> Result<Option<HeaderValue>, Failure> {
        if let Some(known) = self.get(reference) {
            return Ok(known.header);
        }
        if access.credentials.for_registry(reference.registry()).is_none() {
            return Ok(None);
        }
        // Without this, a registry that lets anybody read some things would hide a wrong password.
        let url = base(access, reference)?;
        let asked =
            Asked { method: Method::GET, url: &url, headers: HeaderMap::new(), authorization: None, body: None };
        let response = transport.send(access, Some(&url), &asked).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return self.answer(transport, access, reference, &response).await;
        }
        self.keep(reference, None, None);
        Ok(None)
    }

    /// Meets the challenge of an answer.
    pub(super) async fn answer(
        &self,
        transport: &Transport,
        access: &Access,
        reference: &Reference,
        response: &Response,
    ) -> Result<Option<HeaderValue>, Failure> {
        let credentials = access.credentials.for_registry(reference.registry());
        let refused = |message: &str| Failure::last(refusal(access, reference, message));
        match (Challenge::of(response.headers()), credentials) {
            (_, Some(RegistryCredentials::Token(token))) => {
                let header = bearer(token).ok_or_else(|| refused("the token fits into no header"))?;
                self.keep(reference, Some(header.clone()), None);
                Ok(Some(header))
            }
            (Some(Challenge::Basic), Some(RegistryCredentials::Password(username, password))) => {
                let header = basic(username, password).ok_or_else(|| refused("the login fits into no header"))?;
                self.keep(reference, Some(header.clone()), None);
                Ok(Some(header))
            }
            (Some(Challenge::Basic), Some(RegistryCredentials::Identity(_))) => {
                Err(refused("the registry asks for a password and the Secret has an identity token"))
            }
            (Some(Challenge::Basic), None) | (None, _) => Err(refused("401 Unauthorized")),
            (Some(Challenge::Bearer { realm, service, scope }), credentials) => {
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", reference.repository()));
                let url = realm_url(access, reference, &realm)?;
                let wanted = Wanted { url, service, scope };
                let token = wanted.token(transport, access, reference, credentials).await?;
                let header =
                    bearer(&token.0).ok_or_else(|| refused("the token service's token fits into no header"))?;
                self.keep(reference, Some(header.clone()), Some(Instant::now() + token.1));
                Ok(Some(header))
            }
        }
    }

    /// Forgets what did not do.
    pub(super) fn forget(&self, reference: &Reference) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(reference.repository());
    }

    fn get(&self, reference: &Reference) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(reference.repository())?;
        found.until.is_none_or(|until| until > Instant::now()).then(|| found.clone())
    }

    fn keep(&self, reference: &Reference, header: Option<HeaderValue>, until: Option<Instant>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(reference.repository().to_owned(), Known { header, until });
    }
}

/// A token that is wanted of a token service.
struct Wanted {
    url: Url,
    service: Option<String>,
    scope: String,
}

impl Wanted {
    /// The token, and how long it is good.
    async fn token(
        &self,
        transport: &Transport,
        access: &Access,
        reference: &Reference,
        credentials: Option<RegistryCredentials<'_>>,
    ) -> Result<(String, Duration), Failure> {
        let mut url = self.url.clone();
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let (mut method, mut authorization, mut body) = (Method::GET, None, None);
        if let Some(RegistryCredentials::Identity(token)) = credentials {
            let mut form = Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token").append_pair("client_id", "rhumb");
            form.append_pair("refresh_token", token).append_pair("scope", &self.scope);
            if let Some(service) = &self.service {
                form.append_pair("service", service);
            }
            method = Method::POST;
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            body = Some(Bytes::from(form.finish()));
        } else {
            url.query_pairs_mut().append_pair("scope", &self.scope);
            if let Some(service) = &self.service {
                url.query_pairs_mut().append_pair("service", service);
            }
            if let Some(RegistryCredentials::Password(username, password)) = credentials {
                authorization = basic(username, password);
            }
        }
        // Where a registry sends us for tokens is where it wants the login to go; a redirect from there is not.
        let asked = Asked { method, url: &url, headers, authorization, body };
        let trusting = Access { pass_credentials: false, ..access.clone() };
        let response = transport.send(&trusting, Some(&url), &asked).await?;
        let status = response.status();
        if !status.is_success() {
            let error = if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
                // The service's own words may be anything, and are nothing to show.
                refusal(access, reference, "login failed")
            } else {
                Error::Status { url: shown(&url), status: status.to_string() }
            };
            return Err(Failure::of_status(error, &response));
        }
        let too_large = || Error::TooLarge { what: "token", url: shown(&url), limit: MAX_TOKEN_ANSWER };
        let bytes = read(response, MAX_TOKEN_ANSWER, too_large, |error| request_error(&url, error)).await?;
        let answer: Option<TokenAnswer> = serde_json::from_slice(&bytes).ok();
        let token =
            answer.as_ref().map(|answer| if answer.token.is_empty() { &answer.access_token } else { &answer.token });
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            let message = "the token service's answer holds no token".to_owned();
            return Err(Failure::last(Error::Request { url: shown(&url), message }));
        };
        let age = answer.as_ref().and_then(|answer| answer.expires_in).map_or(TOKEN_AGE, Duration::from_secs);
        Ok((token.clone(), age.min(MAX_TOKEN_AGE).saturating_sub(TOKEN_MARGIN)))
    }
}

impl Challenge {
    /// The challenge that can be met best: for a token, else for a password.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let all = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let mut found = None;
        for text in all {
            match Self::parse(text) {
                Some(bearer @ Self::Bearer { .. }) => return Some(bearer),
                other => found = found.or(other),
            }
        }
        found
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let parameters = parameters(rest);
        let get = |name: &str| parameters.get(name).cloned().filter(|value| !value.is_empty());
        Some(Self::Bearer { realm: get("realm")?, service: get("service"), scope: get("scope") })
    }
}

/// Pairs of `name="value"`, split by commas; a value without quotes ends at a comma.
fn parameters(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',']).to_ascii_lowercase();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.insert(name, value.to_owned());
        rest = left;
    }
    found
}

/// The root of a registry's API.
fn base(access: &Access, reference: &Reference) -> Result<Url, Failure> {
    let scheme = if access.insecure { "http" } else { "https" };
    let url = format!("{scheme}://{}/v2/", reference.registry());
    Url::parse(&url).map_err(|error| Failure::last(Error::InvalidUrl { url, message: error.to_string() }))
}

/// The token service's URL; never without TLS where the registry itself has it.
fn realm_url(access: &Access, reference: &Reference, realm: &str) -> Result<Url, Failure> {
    let failed = |message: String| Failure::last(Error::Registry { reference: reference.to_string(), message });
    let url = Url::parse(realm).map_err(|_| failed("the registry's challenge names no token service".to_owned()))?;
    let is_allowed = url.scheme() == "https" || url.scheme() == "http" && access.insecure;
    if is_allowed {
        return Ok(url);
    }
    Err(failed(format!("the registry's token service {} is without TLS, which is refused", host(&url))))
}

/// The error of a login that was refused, with what was sent.
pub(super) fn refusal(access: &Access, reference: &Reference, message: &str) -> Error {
    let registry = reference.registry();
    let described = match access.credentials.for_registry(registry) {
        Some(_) => "with the credentials of the Secret".to_owned(),
        None => access.credentials.absence(registry),
    };
    Error::Unauthorized {
        server: registry.to_owned(),
        url: reference.to_string(),
        message: format!("{message} ({described})"),
    }
}

impl Credentials {
    fn absence(&self, host: &str) -> String {
        match self {
            Self::Anonymous | Self::Basic { .. } | Self::Bearer(_) | Self::Ssh(_) | Self::GitHubApp(_) => {
                "no credentials are given".to_owned()
            }
            Self::Registries(logins) => {
                let known: Vec<_> = logins.iter().map(|login| login.registry.as_str()).collect();
                format!("the Secret has no credentials for '{host}', only for: {}", known.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_in_every_form() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            Some(Challenge::Bearer { realm: realm.to_owned(), service: own(service), scope: own(scope) })
        };
        for (text, expected) in [
            ("Basic realm=\"r\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull,push\"",
                bearer("https://a/t", Some("s"), Some("repository:x:pull,push")),
            ),
            ("bearer realm=https://a/t, service=s", bearer("https://a/t", Some("s"), None)),
            ("Bearer realm=\"https://a/t\", error=\"invalid\"", bearer("https://a/t", None, None)),
            ("Bearer service=\"s\"", None),
            ("Negotiate", None),
            ("", None),
            ("Bearer realm=\"unfinished", bearer("unfinished", None, None)),
        ] {
            assert_eq!(Challenge::parse(text), expected, "{text}");
        }
    }
}
