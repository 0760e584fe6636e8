//! Credentials and certificates out of the data of a Secret, with the key names that Flux's source-controller 1.9 reads.
//!
//! Wider than Flux: an entry of a docker configuration fits a registry under each of the registry's names.
//!
//! **Invariant:** an error names the Secret and the key, never what is in it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;
use url::Url;

use super::access::Proxy;
use super::{ClientCertificate, Credentials, Error, GitHubApp, Installation, RegistryLogin, SshIdentity, Tls};

/// The key of a docker configuration in a Secret of type `kubernetes.io/dockerconfigjson`.
const DOCKER_CONFIG: &str = ".dockerconfigjson";
/// The longest address of a proxy, as in Flux.
const MAX_PROXY_ADDRESS: usize = 2048;
/// Where GitHub's API is.
const GITHUB_API: &str = "https://api.github.com";
/// What the user of an entry is called when its password is an identity token, in some registries' documentation.
const TOKEN_USER: &str = "<token>";

/// The data of a Secret, with its name for errors.
#[derive(Clone, Copy)]
pub struct Secret<'a> {
    /// Namespace and name, split by a slash.
    pub name: &'a str,
    /// The data, decoded.
    pub data: &'a BTreeMap<String, Vec<u8>>,
}

impl Secret<'_> {
    /// The credentials: a docker configuration if there is one, else `username` and `password`, which must come together, else
    /// `bearerToken`. A Secret with none of them (one that holds only certificates) gives none.
    pub fn credentials(&self) -> Result<Credentials, Error> {
        if self.data.contains_key(DOCKER_CONFIG) {
            return Ok(Credentials::Registries(self.registry_logins()?));
        }
        match (self.text("username")?, self.text("password")?) {
            (None, None) => Ok(match self.text("bearerToken")?.filter(|token| !token.is_empty()) {
                Some(token) => Credentials::Bearer(token.trim().to_owned()),
                None => Credentials::Anonymous,
            }),
            (Some(username), Some(password)) => Ok(Credentials::Basic { username, password }),
            (Some(_), None) => Err(self.error("required fields 'username' and 'password': 'password' is missing")),
            (None, Some(_)) => Err(self.error("required fields 'username' and 'password': 'username' is missing")),
        }
    }

    /// The credentials for a Git repository: a private key for an SSH URL, else a bearer token, or a user name and a password.
    ///
    /// # Errors
    /// What the URL's kind of server needs is missing or half there.
    pub fn git_credentials(&self, url: &str) -> Result<Credentials, Error> {
        if url.starts_with("ssh://") {
            let key = self.data.get("identity").filter(|key| !key.is_empty()).cloned();
            let key = key.ok_or_else(|| self.error("an SSH URL needs 'identity', a private key"))?;
            let known_hosts = self.text("known_hosts")?.filter(|text| !text.trim().is_empty());
            let known_hosts =
                known_hosts.ok_or_else(|| self.error("an SSH URL needs 'known_hosts', the keys of trusted servers"))?;
            let passphrase = self.text("password")?.filter(|text| !text.is_empty());
            return Ok(Credentials::Ssh(SshIdentity { key, passphrase, known_hosts }));
        }
        if let Some(token) = self.text("bearerToken")?.filter(|token| !token.is_empty()) {
            return Ok(Credentials::Bearer(token));
        }
        self.credentials()
    }

    /// Whether there are the data of a GitHub App.
    pub fn has_github_app(&self) -> bool {
        self.data.get("githubAppID").is_some_and(|id| !id.is_empty())
    }

    /// A GitHub App: `githubAppID`, `githubAppPrivateKey`, one of `githubAppInstallationID` and `githubAppInstallationOwner` and, for a
    /// server of one's own, `githubAppBaseURL`.
    ///
    /// # Errors
    /// Something of it is missing or cannot be what it should.
    pub fn github_app(&self) -> Result<GitHubApp, Error> {
        let given = |key: &str| -> Result<Option<String>, Error> {
            Ok(self.text(key)?.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
        };
        let number = |key: &str, text: &str| {
            text.parse().map_err(|_| self.error(&format!("'{key}' is not a number of digits only")))
        };
        let id = given("githubAppID")?.ok_or_else(|| self.error("has no 'githubAppID'"))?;
        let owner = given("githubAppInstallationOwner")?;
        let installation = match (given("githubAppInstallationID")?, owner) {
            (Some(id), None) => Installation::Id(number("githubAppInstallationID", &id)?),
            (None, Some(owner)) if owner.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') => {
                Installation::Owner(owner)
            }
            (None, Some(_)) => {
                return Err(self.error("'githubAppInstallationOwner' is not a name of letters, digits and hyphens"));
            }
            (Some(_), Some(_)) => {
                return Err(self.error("has both 'githubAppInstallationID' and 'githubAppInstallationOwner'"));
            }
            (None, None) => {
                return Err(self.error("has neither 'githubAppInstallationID' nor 'githubAppInstallationOwner'"));
            }
        };
        let key = self.data.get("githubAppPrivateKey").filter(|key| !key.is_empty()).cloned();
        let key = key.ok_or_else(|| self.error("has no 'githubAppPrivateKey'"))?;
        let base = given("githubAppBaseURL")?.unwrap_or_else(|| GITHUB_API.to_owned());
        let api = Url::parse(&base).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let api = api.filter(|url| url.username().is_empty() && url.password().is_none() && url.query().is_none());
        let api = api.ok_or_else(|| self.error("'githubAppBaseURL' is no plain URL with http or https"))?;
        Ok(GitHubApp { id: number("githubAppID", &id)?, installation, key, api })
    }

    /// The certificates: `tls.crt` with `tls.key`, `ca.crt`, or all three; the old names `certFile`, `keyFile` and `caFile` will do.
    ///
    /// # Errors
    /// Half of the pair is missing.
    pub fn tls(&self) -> Result<Tls, Error> {
        let bytes = |name: &str, old: &str| {
            let found = self.data.get(name).or_else(|| self.data.get(old));
            found.filter(|bytes| !bytes.is_empty()).cloned()
        };
        let client = match (bytes("tls.crt", "certFile"), bytes("tls.key", "keyFile")) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
            (Some(_), None) => return Err(self.error("'tls.crt' needs 'tls.key'")),
            (None, Some(_)) => return Err(self.error("'tls.key' needs 'tls.crt'")),
        };
        Ok(Tls { ca: bytes("ca.crt", "caFile"), client })
    }

    /// As [`Self::tls`], of a Secret that is there for certificates only.
    ///
    /// # Errors
    /// Half of the pair, or everything, is missing.
    pub fn required_tls(&self) -> Result<Tls, Error> {
        let tls = self.tls()?;
        if tls == Tls::default() {
            return Err(self.error("has neither 'ca.crt' nor 'tls.crt' with 'tls.key'"));
        }
        Ok(tls)
    }

    /// A proxy: its `address` (http, https or socks5), with `username` and `password` if it asks for them.
    ///
    /// # Errors
    /// There is no address, or it is none; or a user name stands without a password.
    pub fn proxy(&self) -> Result<Proxy, Error> {
        let address = self.text("address")?.filter(|address| !address.is_empty());
        let address = address.ok_or_else(|| self.error("has no 'address' of a proxy"))?;
        if address.len() > MAX_PROXY_ADDRESS {
            return Err(self.error(&format!("'address' is longer than {MAX_PROXY_ADDRESS} bytes")));
        }
        // The address may hold a password, so that not even the parser's words are passed on.
        let wrong = || self.error("'address' is no URL of a proxy: it must begin with http://, https:// or socks5://");
        let mut address = Url::parse(&address).map_err(|_| wrong())?;
        if !matches!(address.scheme(), "http" | "https" | "socks5") || address.host_str().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        let written = (!address.username().is_empty())
            .then(|| (address.username().to_owned(), address.password().unwrap_or_default().to_owned()));
        // Both fail only for URLs without a host, which were refused above.
        let _ = address.set_username("");
        let _ = address.set_password(None);
        let login = match (self.text("username")?, self.text("password")?) {
            (None, None) => written,
            (Some(username), Some(password)) => Some((username, password)),
            (Some(_), None) => return Err(self.error("'username' needs 'password'")),
            (None, Some(_)) => return Err(self.error("'password' needs 'username'")),
        };
        Ok(Proxy { address, login })
    }

    fn registry_logins(&self) -> Result<Vec<RegistryLogin>, Error> {
        let bytes = self.data.get(DOCKER_CONFIG).map(Vec::as_slice).unwrap_or_default();
        // The parser's own words may quote what is in the file.
        let config: DockerConfig = serde_json::from_slice(bytes).map_err(|error| {
            self.error(&format!(
                "'{DOCKER_CONFIG}' is not a docker configuration: line {} column {}",
                error.line(),
                error.column()
            ))
        })?;
        let mut logins = Vec::new();
        for (registry, entry) in config.auths {
            logins.push(self.registry_login(registry, entry)?);
        }
        Ok(logins)
    }

    fn registry_login(&self, registry: String, entry: DockerEntry) -> Result<RegistryLogin, Error> {
        let (mut username, mut password) = (entry.username, entry.password);
        if !entry.auth.is_empty() {
            let auth = entry.auth.trim();
            let decoded = STANDARD.decode(auth).or_else(|_| STANDARD_NO_PAD.decode(auth)).ok();
            let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
            let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
            let Some((user, secret)) = pair else {
                return Err(self.error(&format!(
                    "'{DOCKER_CONFIG}': 'auth' of '{registry}' is not base64 of a user name and a password split by a colon"
                )));
            };
            user.clone_into(&mut username);
            secret.trim_end_matches('\0').clone_into(&mut password);
        }
        let mut identity_token = entry.identitytoken;
        if username == TOKEN_USER && identity_token.is_empty() {
            identity_token = std::mem::take(&mut password);
        }
        Ok(RegistryLogin { registry, username, password, identity_token, registry_token: entry.registrytoken })
    }

    fn text(&self, key: &str) -> Result<Option<String>, Error> {
        let Some(bytes) = self.data.get(key) else { return Ok(None) };
        String::from_utf8(bytes.clone()).map(Some).map_err(|_| self.error(&format!("'{key}' is not UTF-8")))
    }

    fn error(&self, message: &str) -> Error {
        Error::Secret { secret: self.name.to_owned(), message: message.to_owned() }
    }
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, DockerEntry>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct DockerEntry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

/// Who we are to one registry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RegistryCredentials<'a> {
    /// A user with a password.
    Password(&'a str, &'a str),
    /// A token that the token service exchanges.
    Identity(&'a str),
    /// A token that is sent as it is.
    Token(&'a str),
}

impl Credentials {
    /// What is known of us for a registry's host.
    pub(super) fn for_registry(&self, host: &str) -> Option<RegistryCredentials<'_>> {
        match self {
            Self::Anonymous | Self::Ssh(_) | Self::GitHubApp(_) => None,
            Self::Basic { username, password } => Some(RegistryCredentials::Password(username, password)),
            Self::Bearer(token) => Some(RegistryCredentials::Token(token)),
            Self::Registries(logins) => {
                let wanted = canonical_host(host);
                let login = logins.iter().find(|login| canonical_host(&login.registry) == wanted)?;
                if !login.registry_token.is_empty() {
                    return Some(RegistryCredentials::Token(&login.registry_token));
                }
                if !login.identity_token.is_empty() {
                    return Some(RegistryCredentials::Identity(&login.identity_token));
                }
                let password = RegistryCredentials::Password(&login.username, &login.password);
                (!login.username.is_empty()).then_some(password)
            }
        }
    }
}

/// A registry by one name: without scheme and path, and Docker Hub by the same name whatever it is called.
fn canonical_host(registry: &str) -> String {
    let rest = registry.split_once("://").map_or(registry, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or(rest).to_ascii_lowercase();
    match host.strip_suffix(":443").unwrap_or(&host) {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" | "registry.docker.io" | "registry.hub.docker.com" => {
            "docker.io".to_owned()
        }
        host => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_login_needs_both_parts_and_the_error_keeps_them_secret() {
        let full = data(&[("username", "joe"), ("password", "hunter2")]);
        let credentials = Secret { name: "ns/s", data: &full }.credentials().unwrap();
        let header = credentials.header().unwrap();
        assert!(header == "Basic am9lOmh1bnRlcjI=" && header.is_sensitive());
        assert!(!format!("{credentials:?}").contains("hunter2"));

        let half = data(&[("password", "hunter2")]);
        let error = Secret { name: "ns/s", data: &half }.credentials().unwrap_err().to_string();
        assert_eq!(error, "secret 'ns/s': required fields 'username' and 'password': 'username' is missing");
    }

    #[test]
    fn an_entry_fits_every_name_of_a_registry() {
        let config = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"am9lOmh1bnRlcjI="},"ghcr.io":{"username":"a","password":"b"}}}"#;
        let data = data(&[(DOCKER_CONFIG, config)]);
        let credentials = Secret { name: "ns/s", data: &data }.credentials().unwrap();
        let is = |host: &str, user, password| {
            credentials.for_registry(host) == Some(RegistryCredentials::Password(user, password))
        };
        assert!(is("registry-1.docker.io", "joe", "hunter2"));
        assert!(is("docker.io", "joe", "hunter2"));
        assert!(is("ghcr.io:443", "a", "b"));
        assert!(credentials.for_registry("quay.io").is_none());
    }

    #[test]
    fn tokens_of_a_docker_configuration_win_over_passwords() {
        let config = r#"{"auths": {
            "a.example": {"auth": "am9lOmh1bnRlcjI=", "identitytoken": "idt"},
            "b.example": {"username": "<token>", "password": "idt"},
            "c.example": {"registrytoken": "regt", "identitytoken": "idt"}
        }}"#;
        let data = data(&[(DOCKER_CONFIG, config)]);
        let credentials = Secret { name: "ns/s", data: &data }.credentials().unwrap();
        assert!(credentials.for_registry("a.example") == Some(RegistryCredentials::Identity("idt")));
        assert!(credentials.for_registry("b.example") == Some(RegistryCredentials::Identity("idt")));
        assert!(credentials.for_registry("c.example") == Some(RegistryCredentials::Token("regt")));
        assert!(!format!("{credentials:?}").contains("idt"));
    }

    #[test]
    fn a_proxy_has_an_address_and_may_ask_for_a_login() {
        let proxy = |pairs: &[(&str, &str)]| Secret { name: "ns/s", data: &data(pairs) }.proxy();
        let plain = proxy(&[("address", "socks5://10.0.0.1:1080")]).unwrap();
        assert_eq!((plain.address.as_str(), plain.login), ("socks5://10.0.0.1:1080", None));
        let full =
            proxy(&[("address", "https://proxy.example"), ("username", "ann"), ("password", "hunter2")]).unwrap();
        assert_eq!(full.login, Some(("ann".to_owned(), "hunter2".to_owned())));
        let written = proxy(&[("address", "http://ann:hunter2@proxy.example")]).unwrap();
        assert_eq!(written.login, full.login);
        assert!(!format!("{written:?}").contains("hunter2"), "{written:?}");
        for (pairs, expected) in [
            (vec![], "has no 'address' of a proxy"),
            (vec![("address", "ftp://hunter2@proxy.example")], "must begin with http://, https:// or socks5://"),
            (vec![("address", "http://proxy"), ("username", "ann")], "'username' needs 'password'"),
            (vec![("address", "hunter2")], "is no URL of a proxy"),
        ] {
            let error = proxy(&pairs).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_broken_docker_configuration_is_not_quoted() {
        for config in [r#"{"auths": "hunter2"}"#, r#"{"auths":{"ghcr.io":{"auth":"aHVudGVyMg=="}}}"#] {
            let data = data(&[(DOCKER_CONFIG, config)]);
            let error = Secret { name: "ns/s", data: &data }.credentials().unwrap_err().to_string();
            assert!(error.contains(DOCKER_CONFIG) && !error.contains("hunter2") && !error.contains("aHVu"), "{error}");
        }
    }

    #[test]
    fn certificates_are_found_under_new_and_old_names() {
        let old = data(&[("caFile", "A"), ("certFile", "B"), ("keyFile", "C"), ("ca.crt", "D")]);
        let tls = Secret { name: "ns/s", data: &old }.tls().unwrap();
        assert_eq!(tls.ca.as_deref(), Some(b"D".as_slice()));
        assert_eq!(tls.client.map(|own| own.key), Some(b"C".to_vec()));

        let half = data(&[("tls.crt", "B")]);
        assert!(Secret { name: "ns/s", data: &half }.tls().is_err());
        let none = data(&[("username", "joe")]);
        assert!(Secret { name: "ns/s", data: &none }.required_tls().is_err());
    }
}
