//! Logins of GitHub Apps: a token for an installation, in exchange for a statement that is signed by the app's key.
//!
//! Counterpart: Flux's `git/github` package as source-controller 1.9 uses it, with the same keys of the Secret and the same user name.
//! Facts: GitHub's documentation of authenticating as an app installation.
//!
//! **Invariant:** a token is kept for one source and version of its Secret, and is never handed out when it is about to end.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use url::Url;

use crate::source::access::{Identity, bearer};
use crate::source::flight::Flights;
use crate::source::transport::{Asked, Failure, Transport, host, read, request_error};
use crate::source::{Access, Credentials, Error, GitHubApp, Installation};

/// The user of a token, as GitHub wants it.
const TOKEN_USER: &str = "x-access-token";
/// The most bytes of an answer.
const MAX_ANSWER: u64 = 1024 * 1024;
/// How many tokens are kept.
const MAX_TOKENS: u64 = 1000;
/// How long before its end a token is made anew, in seconds; a talk that began with it has to be over by then.
const MARGIN: i64 = 300;
/// By how much clocks may differ, in seconds.
const SKEW: i64 = 60;
/// How long a statement is good, in seconds; GitHub takes at most ten minutes.
const STATEMENT_AGE: i64 = 240;
/// The version of GitHub's API that is asked for.
const API_VERSION: &str = "2022-11-28";

/// The tokens of apps.
pub(super) struct Apps {
    transport: Arc<Transport>,
    tokens: Cache<Identity, Token>,
    asking: Flights<Identity, Token>,
}

/// A token for an installation.
#[derive(Clone)]
struct Token {
    text: Arc<str>,
    until: Timestamp,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: String,
    expires_at: String,
}

#[derive(Deserialize)]
struct InstallationAnswer {
    id: u64,
}

impl Apps {
    /// No token yet.
    pub(super) fn new(transport: Arc<Transport>) -> Self {
        Self { transport, tokens: Cache::new(MAX_TOKENS), asking: Flights::default() }
    }

    /// The access with the token of its app in the place of the app; any other access as it is.
    ///
    /// # Errors
    /// GitHub gives none out.
    pub(super) async fn login(&self, access: &Access) -> Result<Access, Error> {
        let Credentials::GitHubApp(app) = &access.credentials else { return Ok(access.clone()) };
        let identity = access.identity();
        let fresh = Timestamp::now() + SignedDuration::from_secs(MARGIN);
        let known = self.tokens.get(&identity).filter(|token| token.until > fresh);
        let token = if let Some(token) = known { token } else { self.ask(access, app).await? };
        let password = token.text.as_ref().to_owned();
        Ok(Access { credentials: Credentials::Basic { username: TOKEN_USER.to_owned(), password }, ..access.clone() })
    }

    /// A new token; whoever wants the same at once shares it.
    async fn ask(&self, access: &Access, app: &GitHubApp) -> Result<Token, Error> {
        let identity = access.identity();
        let (transport, access, app) = (Arc::clone(&self.transport), access.clone(), app.clone());
        let ask = || async move { Asker::new(transport, access, app)?.token().await };
        let token = self.asking.join(identity, ask).await?;
        self.tokens.insert(identity, token.clone());
        Ok(token)
    }

    /// Forgets a token that was refused.
    pub(super) fn forget(&self, access: &Access) {
        self.tokens.invalidate(&access.identity());
    }
}

/// Asks GitHub in the name of an app.
struct Asker {
    transport: Arc<Transport>,
    access: Access,
    app: GitHubApp,
    statement: HeaderValue,
}

impl Asker {
    fn new(transport: Arc<Transport>, access: Access, app: GitHubApp) -> Result<Self, Error> {
        let statement = statement(&app, Timestamp::now()).map_err(|message| failed(&app, message))?;
        // The app's own origin is that of the API; the repository's server gets the token alone.
        let access = Access { url: app.api.to_string(), pass_credentials: false, ..access };
        Ok(Self { transport, access, app, statement })
    }

    async fn token(&self) -> Result<Token, Error> {
        let id = match &self.app.installation {
            Installation::Id(id) => *id,
            Installation::Owner(owner) => self.installation_of(owner).await?,
        };
        let path = format!("app/installations/{id}/access_tokens");
        let answer: Option<TokenAnswer> = self.ask(Method::POST, &path).await?;
        let answer = answer.ok_or_else(|| {
            failed(&self.app, format!("{} knows no installation {id} of it (404 Not Found)", host(&self.app.api)))
        })?;
        let until = answer.expires_at.parse().map_err(|_| {
            let message = format!("{} did not say until when its token is good", host(&self.app.api));
            failed(&self.app, message)
        })?;
        Ok(Token { text: answer.token.into(), until })
    }

    /// The installation of an organization or, failing that, of a user.
    async fn installation_of(&self, owner: &str) -> Result<u64, Error> {
        for kind in ["orgs", "users"] {
            let found: Option<InstallationAnswer> =
                self.ask(Method::GET, &format!("{kind}/{owner}/installation")).await?;
            if let Some(found) = found {
                return Ok(found.id);
            }
        }
        let place = host(&self.app.api);
        Err(failed(&self.app, format!("{place} knows no installation of it by an organization or user '{owner}'")))
    }

    /// An answer of the API; `None` if there is no such thing.
    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<Option<T>, Error> {
        let base = self.app.api.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/{path}")).map_err(|error| failed(&self.app, error.to_string()))?;
        let late = |message: String| failed(&self.app, format!("{}: {message}", host(&url)));
        self.transport.retried(&self.access, || self.attempt(method.clone(), &url), late).await
    }

    async fn attempt<T: DeserializeOwned>(&self, method: Method, url: &Url) -> Result<Option<T>, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-github-api-version"), HeaderValue::from_static(API_VERSION));
        headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
        let body = (method == Method::POST).then(Bytes::new);
        let asked = Asked { method, url, headers, authorization: Some(self.statement.clone()), body };
        let told = |failure: Failure| Failure { error: failed(&self.app, failure.error.to_string()), ..failure };
        let response = self.transport.send(&self.access, Some(&self.app.api), &asked).await.map_err(told)?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            let error = failed(&self.app, refusal(&self.app, status));
            return Err(Failure::of_status(error, &response));
        }
        let large = || failed(&self.app, format!("the answer of {} is too large", host(url)));
        let broken = |error| failed(&self.app, request_error(url, error).to_string());
        let bytes = read(response, MAX_ANSWER, large, broken).await?;
        let malformed = |_| Failure::last(failed(&self.app, format!("{} does not answer as GitHub's API", host(url))));
        serde_json::from_slice(&bytes).map(Some).map_err(malformed)
    }
}

/// What a refusal most likely means; what the server itself says is not passed on, as it may repeat what it was sent.
fn refusal(app: &GitHubApp, status: StatusCode) -> String {
    let words = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let hint = match status {
        StatusCode::UNAUTHORIZED => {
            "; the key is not one of this app, or the clock is wrong: see 'githubAppID' and 'githubAppPrivateKey'"
        }
        StatusCode::FORBIDDEN => "; the installation is suspended, or asked for too often",
        _ => "",
    };
    format!("{} answers {}{hint}", host(&app.api), words.trim_end())
}

fn failed(app: &GitHubApp, message: String) -> Error {
    Error::GitHubApp { app: app.id, message }
}

/// The header by which an app tells who it is: a JSON Web Token, signed with RSA and SHA-256.
fn statement(app: &GitHubApp, now: Timestamp) -> Result<HeaderValue, String> {
    let now = now.as_second();
    let claims = json!({"iat": now - SKEW, "exp": now + STATEMENT_AGE, "iss": app.id.to_string()});
    let packed = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", packed(json!({"alg": "RS256", "typ": "JWT"})), packed(claims));
    let key = key_of(&app.key).ok_or("'githubAppPrivateKey' is no private RSA key in PEM")?;
    let mut signature = vec![0; key.public_modulus_len()];
    let random = SystemRandom::new();
    let done = key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature);
    done.map_err(|_| "'githubAppPrivateKey' cannot sign")?;
    let text = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    bearer(&text).ok_or_else(|| "the signed statement fits into no header".to_owned())
}

/// GitHub gives keys out in the form of PKCS #1; PKCS #8 will do.
fn key_of(pem: &[u8]) -> Option<KeyPair> {
    match PrivateKeyDer::from_pem_slice(pem).ok()? {
        PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()).ok(),
        PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        _ => None,
    }
}
