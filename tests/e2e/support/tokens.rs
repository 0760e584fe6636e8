//! A token service for a registry, on loopback: gives whoever knows the password what the request asks for.
//!
//! In: a user and a password. Out: signed tokens (JWT with ES256) in the form that the distribution registry checks. Never gives anything
//! to others.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;

use super::http_server::HttpServer;

/// The service that tokens are for.
pub(crate) const SERVICE: &str = "charts";
/// Who gives them.
pub(crate) const ISSUER: &str = "rhumb tests";
/// How long a token is good, in seconds.
const AGE: i64 = 300;

/// A running service; dropping it stops it.
pub(crate) struct TokenService {
    server: HttpServer,
    certificate: String,
    given: Arc<AtomicUsize>,
}

struct Shared {
    login: String,
    key: EcdsaKeyPair,
    certificate: String,
    given: Arc<AtomicUsize>,
}

impl TokenService {
    /// Starts a service for one user.
    pub(crate) fn start(user: &str, password: &str) -> Result<Self> {
        let pair = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&pair)?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair.serialize_der());
        let given = Arc::<AtomicUsize>::default();
        let shared = Shared {
            login: format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
            key: key.map_err(|error| anyhow!("the key is of no use: {error}"))?,
            certificate: STANDARD.encode(certificate.der()),
            given: Arc::clone(&given),
        };
        // helm is waited for on the test's runtime, and asks for tokens meanwhile.
        let router = Router::new().route("/token", get(token)).with_state(Arc::new(shared));
        let server = HttpServer::start(router)?;
        Ok(Self { server, certificate: certificate.pem(), given })
    }

    /// Where tokens are given.
    pub(crate) fn realm(&self) -> String {
        format!("{}/token", self.server.url())
    }

    /// The certificate by which tokens are checked, in PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// How many tokens were given.
    pub(crate) fn given(&self) -> usize {
        self.given.load(Ordering::Relaxed)
    }
}

async fn token(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Result<String, StatusCode> {
    let given = headers.get("authorization").and_then(|given| given.to_str().ok());
    if given != Some(shared.login.as_str()) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let query: HashMap<String, String> = query.into_owned().collect();
    // `repository:NAME:ACTION,ACTION`
    let scope = query.get("scope").map(String::as_str).unwrap_or_default();
    let parts: Vec<&str> = scope.splitn(3, ':').collect();
    let access = match parts.as_slice() {
        [kind, name, actions] => {
            json!([{"type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>()}])
        }
        _ => json!([]),
    };
    let now = jiff::Timestamp::now().as_second();
    let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [shared.certificate]});
    let claims = json!({
        "iss": ISSUER,
        "sub": "somebody",
        "aud": SERVICE,
        "exp": now + AGE,
        "nbf": now - AGE,
        "iat": now,
        "jti": format!("{now}"),
        "access": access,
    });
    let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = shared.key.sign(&SystemRandom::new(), signed.as_bytes());
    let signature = signature.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    shared.given.fetch_add(1, Ordering::Relaxed);
    Ok(json!({"token": format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)), "expires_in": AGE}).to_string())
}
