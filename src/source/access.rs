//! How a source is reached: its address, credentials, TLS identity and limits.
//!
//! **Invariant:** nothing here prints a password, token or key; `Debug` says only whether there is one.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use sha2::{Digest as _, Sha256};
use url::Url;

/// How long one request may take if the source does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// How a source is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// URL of the repository: http, https or oci.
    pub url: String,
    /// How long one request may take.
    pub timeout: Duration,
    /// Talk to a registry without TLS.
    pub insecure: bool,
    /// Send the credentials to other hosts that an index names.
    pub pass_credentials: bool,
    /// Who we are.
    pub credentials: Credentials,
    /// Whom we trust, and our own certificate.
    pub tls: Tls,
    /// What every connection goes through, if anything.
    pub proxy: Option<Proxy>,
}

/// A proxy that connections go through.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its address: http, https or socks5, without a user.
    pub address: Url,
    /// User and password.
    pub login: Option<(String, String)>,
}

/// Who we are.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody.
    #[default]
    Anonymous,
    /// A user with a password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// A token that is sent as it is.
    Bearer(String),
    /// The entries of a docker configuration, by registry as written there.
    Registries(Vec<RegistryLogin>),
    /// A key for a server that is reached by SSH.
    Ssh(SshIdentity),
    /// An app of GitHub, which gets tokens for where it is installed.
    GitHubApp(GitHubApp),
}

/// An app of GitHub, and where it is installed.
#[derive(Clone, PartialEq, Eq)]
pub struct GitHubApp {
    /// Its number.
    pub id: u64,
    /// Where it is installed.
    pub installation: Installation,
    /// Its private RSA key, in PEM.
    pub key: Vec<u8>,
    /// The address of GitHub's API.
    pub api: Url,
}

/// Where an app of GitHub is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installation {
    /// The number of the installation.
    Id(u64),
    /// The organization or user who has installed it.
    Owner(String),
}

/// What is needed to talk to an SSH server.
#[derive(Clone, PartialEq, Eq)]
pub struct SshIdentity {
    /// The private key, in PEM or OpenSSH's form.
    pub key: Vec<u8>,
    /// What the key is encrypted with.
    pub passphrase: Option<String>,
    /// The keys of the servers that are trusted, as OpenSSH's file `known_hosts` has them.
    pub known_hosts: String,
}

/// One entry of a docker configuration.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RegistryLogin {
    /// The registry, as the entry's key has it.
    pub registry: String,
    /// The user.
    pub username: String,
    /// The password or access token.
    pub password: String,
    /// A token that the registry's token service exchanges; wins over user and password.
    pub identity_token: String,
    /// A token that is sent to the registry as it is; wins over all else.
    pub registry_token: String,
}

/// Whom we trust beside the system's authorities, and our own certificate.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates of further authorities, in PEM.
    pub ca: Option<Vec<u8>>,
    /// Our certificate and its key, in PEM.
    pub client: Option<ClientCertificate>,
}

/// A certificate and its key, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, with those between it and its authority.
    pub certificate: Vec<u8>,
    /// The private key.
    pub key: Vec<u8>,
}

impl Access {
    /// Access for anyone, with the default timeout.
    pub fn anonymous(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            timeout: DEFAULT_TIMEOUT,
            insecure: false,
            pass_credentials: false,
            credentials: Credentials::Anonymous,
            tls: Tls::default(),
            proxy: None,
        }
    }

    /// Whether the source is a registry.
    pub fn is_oci(&self) -> bool {
        self.url.starts_with("oci://")
    }

    /// Tells apart whatever may be answered differently: the address together with who asks.
    pub(super) fn identity(&self) -> Identity {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        add(self.url.as_bytes());
        add(&[u8::from(self.insecure), u8::from(self.pass_credentials)]);
        self.credentials.feed(&mut add);
        add(&self.tls.identity());
        if let Some(proxy) = &self.proxy {
            let (username, password) = proxy.login.as_ref().map_or(("", ""), |(user, secret)| (user, secret));
            for part in ["proxy", proxy.address.as_str(), username, password] {
                add(part.as_bytes());
            }
        }
        Identity(hash.finalize().into())
    }
}

/// A digest of an address together with who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity([u8; 32]);

impl Credentials {
    fn feed(&self, add: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Anonymous => add(b"anonymous"),
            Self::Basic { username, password } => {
                add(b"basic");
                add(username.as_bytes());
                add(password.as_bytes());
            }
            Self::Bearer(token) => {
                add(b"bearer");
                add(token.as_bytes());
            }
            Self::Registries(logins) => {
                add(b"registries");
                for login in logins {
                    let RegistryLogin { registry, username, password, identity_token, registry_token } = login;
                    for part in [registry, username, password, identity_token, registry_token] {
                        add(part.as_bytes());
                    }
                }
            }
            Self::Ssh(identity) => {
                add(b"ssh");
                add(&identity.key);
                add(identity.passphrase.as_deref().unwrap_or_default().as_bytes());
                add(identity.known_hosts.as_bytes());
            }
            Self::GitHubApp(app) => {
                add(b"github app");
                add(&app.id.to_le_bytes());
                match &app.installation {
                    Installation::Id(id) => add(&id.to_le_bytes()),
                    Installation::Owner(owner) => add(format!("@{owner}").as_bytes()),
                }
                add(&app.key);
                add(app.api.as_str().as_bytes());
            }
        }
    }

    /// What is sent to an HTTP server; an empty user or password is not, as in Flux.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        match self {
            Self::Basic { username, password } if !username.is_empty() && !password.is_empty() => {
                basic(username, password)
            }
            Self::Bearer(token) => bearer(token),
            Self::Anonymous | Self::Basic { .. } | Self::Registries(_) | Self::Ssh(_) | Self::GitHubApp(_) => None,
        }
    }
}

/// A URL over HTTP without the user and password in it, and these; another URL as it is. Git takes them there, so they count, although a
/// Secret keeps them better.
pub fn url_login(text: &str) -> (String, Credentials) {
    let as_it_is = || (text.to_owned(), Credentials::Anonymous);
    let Ok(mut url) = url::Url::parse(text) else { return as_it_is() };
    let (username, password) = (url.username().to_owned(), url.password().unwrap_or_default().to_owned());
    if !matches!(url.scheme(), "http" | "https") || username.is_empty() && password.is_empty() {
        return as_it_is();
    }
    // Both fail only for URLs that cannot have a user.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let decoded = |text: String| percent_decoded(&text);
    (url.to_string(), Credentials::Basic { username: decoded(username), password: decoded(password) })
}

/// A part of a URL as it is meant.
fn percent_decoded(text: &str) -> String {
    // A form's rules differ from a URL's only by the plus sign.
    let text = text.replace('+', "%2B");
    url::form_urlencoded::parse(format!("x={text}").as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

/// The header for a user and a password.
pub(super) fn basic(username: &str, password: &str) -> Option<HeaderValue> {
    sensitive(&format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
}

/// The header for a token; none for one that does not fit into a header.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    sensitive(&format!("Bearer {token}"))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl Tls {
    /// Tells TLS identities apart.
    pub(super) fn identity(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let client = self.client.as_ref();
        let parts = [self.ca.as_ref(), client.map(|own| &own.certificate), client.map(|own| &own.key)];
        for part in parts {
            let part = part.map(Vec::as_slice).unwrap_or_default();
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Basic { .. } => f.write_str("Basic(..)"),
            Self::Bearer(_) => f.write_str("Bearer(..)"),
            Self::Registries(logins) => write!(f, "Registries({})", logins.len()),
            Self::Ssh(_) => f.write_str("Ssh(..)"),
            Self::GitHubApp(app) => write!(f, "GitHubApp({}, ..)", app.id),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({:?}, login: {})", self.address.as_str(), self.login.is_some())
    }
}

impl fmt::Debug for RegistryLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistryLogin({:?}, ..)", self.registry)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls {{ ca: {}, client: {} }}", self.ca.is_some(), self.client.is_some())
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_a_url_is_taken_out_of_it() {
        let (url, login) = url_login("https://ann:p%40ss+1@git.local/app.git");
        assert_eq!(url, "https://git.local/app.git");
        assert_eq!(login, Credentials::Basic { username: "ann".to_owned(), password: "p@ss+1".to_owned() });
        for plain in ["https://git.local/app.git", "ssh://git@git.local/app.git", "nonsense"] {
            assert_eq!(url_login(plain), (plain.to_owned(), Credentials::Anonymous));
        }
    }
}
