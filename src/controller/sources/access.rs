//! From a source object and its Secrets to the way the source is reached.
//!
//! **Invariant:** Secrets are read from the namespace of the source itself, whoever asks for its content.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::Api;

use super::kind::identity;
use crate::api::git_repository::{GitProvider, GitVerification};
use crate::api::source::{LocalObjectReference, RegistryProvider, Verification, VerifyProvider};
use crate::api::{GitRepository, HelmRepository, OciRepository};
use crate::source::{self, Access, AuthorKeys, Credentials, DEFAULT_TIMEOUT, Error, PublicKeys, Tls};

/// What Flux says of a provider `github` without the data of an app.
const NO_GITHUB_APP: &str = "secretRef with github app data must be specified when provider is set to github";

/// How a HelmRepository is reached.
pub(super) async fn of_repository(client: &kube::Client, repository: &HelmRepository) -> Result<Access, Error> {
    let (namespace, _) = identity(repository);
    let spec = &repository.spec;
    let mut access = Access {
        timeout: spec.timeout.map_or(DEFAULT_TIMEOUT, crate::api::Duration::as_std),
        insecure: spec.insecure,
        pass_credentials: spec.pass_credentials,
        ..Access::anonymous(&spec.url)
    };
    if let Some(reference) = &spec.secret_ref {
        let secret = read_secret(client, namespace, reference).await?;
        access.credentials = secret.view().credentials()?;
        // The flux program writes certificates into this Secret, so they count; Flux calls it deprecated.
        access.tls = secret.view().tls()?;
    } else if spec.is_oci() {
        check_provider(spec.provider)?;
    }
    if let Some(reference) = &spec.cert_secret_ref {
        access.tls = read_secret(client, namespace, reference).await?.view().required_tls()?;
    }
    Ok(access)
}

/// How an OCIRepository is reached.
pub(super) async fn of_oci(client: &kube::Client, repository: &OciRepository) -> Result<Access, Error> {
    let (namespace, _) = identity(repository);
    let spec = &repository.spec;
    let mut access = Access { timeout: spec.timeout.as_std(), insecure: spec.insecure, ..Access::anonymous(&spec.url) };
    if let Some(reference) = &spec.secret_ref {
        access.credentials = read_secret(client, namespace, reference).await?.view().credentials()?;
    } else if let Some(account) = &spec.service_account_name {
        access.credentials = pull_secrets(client, namespace, account).await?;
    }
    if access.credentials == Credentials::Anonymous {
        check_provider(spec.provider)?;
    }
    if let Some(reference) = &spec.cert_secret_ref {
        access.tls = read_secret(client, namespace, reference).await?.view().required_tls()?;
    }
    if let Some(reference) = &spec.proxy_secret_ref {
        access.proxy = Some(read_secret(client, namespace, reference).await?.view().proxy()?);
    }
    Ok(access)
}

/// How a GitRepository is reached.
pub(super) async fn of_git(client: &kube::Client, repository: &GitRepository) -> Result<Access, Error> {
    let (namespace, _) = identity(repository);
    let spec = &repository.spec;
    let unsupported = |what: &str| Err(Error::Unsupported { what: what.to_owned() });
    match spec.provider {
        None | Some(GitProvider::Generic | GitProvider::GitHub) => {}
        Some(GitProvider::Aws) => return unsupported("spec.provider 'aws'"),
        Some(GitProvider::Azure) => return unsupported("spec.provider 'azure'"),
    }
    let is_github = spec.provider == Some(GitProvider::GitHub);
    if is_github && spec.secret_ref.is_none() {
        return Err(Error::Provider { message: NO_GITHUB_APP.to_owned(), is_spec: true });
    }
    let (url, login) = source::url_login(&spec.url);
    let mut access = Access { timeout: spec.timeout.as_std(), credentials: login, ..Access::anonymous(url) };
    if let Some(reference) = &spec.secret_ref {
        let secret = read_secret(client, namespace, reference).await?;
        access.credentials = match (is_github, secret.view().has_github_app()) {
            (true, true) => github_credentials(&secret, &spec.url)?,
            (true, false) => return Err(Error::Provider { message: NO_GITHUB_APP.to_owned(), is_spec: false }),
            (false, true) => {
                let name = &secret.name;
                let message = format!("secretRef '{name}' has github app data but provider is not set to github");
                return Err(Error::Provider { message, is_spec: false });
            }
            (false, false) => secret.view().git_credentials(&spec.url)?,
        };
        access.tls = secret.view().tls()?;
    }
    if let Some(reference) = &spec.proxy_secret_ref {
        if spec.url.starts_with("ssh://") {
            return unsupported("spec.proxySecretRef with an SSH URL");
        }
        access.proxy = Some(read_secret(client, namespace, reference).await?.view().proxy()?);
    }
    Ok(access)
}

/// A GitHub App's tokens are for HTTP alone.
fn github_credentials(secret: &Named, url: &str) -> Result<Credentials, Error> {
    if url.starts_with("ssh://") {
        let message = "provider 'github' needs a URL with https, not ssh".to_owned();
        return Err(Error::Provider { message, is_spec: true });
    }
    Ok(Credentials::GitHubApp(secret.view().github_app()?))
}

/// The keys that signatures of an object's artifact are checked with.
pub(super) async fn keys(
    client: &kube::Client,
    namespace: &str,
    verification: &Verification,
) -> Result<PublicKeys, Error> {
    let unsupported = |what: &str| Error::Unsupported { what: what.to_owned() };
    if verification.provider == VerifyProvider::Notation {
        return Err(unsupported(
            "spec.verify.provider 'notation' (only cosign with public keys, in spec.verify.secretRef, is checked)",
        ));
    }
    let Some(reference) = &verification.secret_ref else {
        return Err(unsupported(
            "keyless verification (spec.verify without spec.verify.secretRef, a Secret with public keys)",
        ));
    };
    let secret = read_secret(client, namespace, reference).await?;
    PublicKeys::of_secret(&secret.name, &secret.data)
}

/// The keys that signatures of commits and tags are checked with.
pub(super) async fn author_keys(
    client: &kube::Client,
    namespace: &str,
    verification: &GitVerification,
) -> Result<AuthorKeys, Error> {
    let secret = read_secret(client, namespace, &verification.secret_ref).await?;
    AuthorKeys::of_secret(&secret.name, &secret.data)
}

/// A cloud's identity cannot be used; its Secrets can.
fn check_provider(provider: RegistryProvider) -> Result<(), Error> {
    let name = match provider {
        RegistryProvider::Generic => return Ok(()),
        RegistryProvider::Aws => "aws",
        RegistryProvider::Azure => "azure",
        RegistryProvider::Gcp => "gcp",
    };
    Err(Error::Unsupported { what: format!("spec.provider '{name}' without spec.secretRef") })
}

/// A Secret with its name for errors.
struct Named {
    name: String,
    data: BTreeMap<String, Vec<u8>>,
}

impl Named {
    fn view(&self) -> source::Secret<'_> {
        source::Secret { name: &self.name, data: &self.data }
    }
}

async fn read_secret(client: &kube::Client, namespace: &str, reference: &LocalObjectReference) -> Result<Named, Error> {
    let name = format!("{namespace}/{}", reference.name);
    let failed = |message: String| Error::Secret { secret: name.clone(), message };
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let found = api.get_opt(&reference.name).await.map_err(|error| failed(format!("cannot be read: {error}")))?;
    let secret = found.ok_or_else(|| failed("not found".to_owned()))?;
    let data = secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect();
    Ok(Named { name, data })
}

/// The logins of all image pull secrets of a ServiceAccount.
async fn pull_secrets(client: &kube::Client, namespace: &str, account: &str) -> Result<Credentials, Error> {
    let object = format!("ServiceAccount {namespace}/{account}");
    let failed = |message: String| Error::Secret { secret: object.clone(), message };
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let found = api.get_opt(account).await.map_err(|error| failed(format!("cannot be read: {error}")))?;
    let account = found.ok_or_else(|| failed("not found".to_owned()))?;
    let mut logins = Vec::new();
    for reference in account.image_pull_secrets.unwrap_or_default() {
        let secret = read_secret(client, namespace, &LocalObjectReference { name: reference.name }).await?;
        if let Credentials::Registries(more) = secret.view().credentials()? {
            logins.extend(more);
        }
    }
    Ok(if logins.is_empty() { Credentials::Anonymous } else { Credentials::Registries(logins) })
}

/// Access to what is below an OCIRepository's URL, under another URL.
pub(super) fn moved(access: &Access, url: &str) -> Access {
    Access { url: url.to_owned(), tls: Tls::clone(&access.tls), ..access.clone() }
}
