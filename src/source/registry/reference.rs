//! Which repository of which registry, and which artifact in it.
//!
//! **Invariant:** a reference's parts fit into a URL path as they are.

use std::fmt;

use url::Url;

use crate::source::{Access, Error};

/// The longest name of a repository.
const MAX_REPOSITORY: usize = 255;
/// What Docker Hub is called, and where it answers.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// An artifact in a registry, by tag or digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) struct Reference {
    registry: String,
    repository: String,
    /// A tag or a digest; empty for the repository as a whole.
    artifact: String,
}

impl Reference {
    /// The registry and repository of a source, with a name below it if one is given, and no artifact yet.
    pub(in crate::source) fn of(access: &Access, name: Option<&str>) -> Result<Self, Error> {
        let invalid = |message: &str| Error::InvalidUrl { url: shown(&access.url), message: message.to_owned() };
        let Some(rest) = access.url.strip_prefix("oci://") else {
            return Err(invalid("the URL of a registry begins with oci://"));
        };
        let mut path = rest.trim_end_matches('/').to_owned();
        if let Some(name) = name {
            path = format!("{path}/{}", name.trim_matches('/'));
        }
        if path.contains(['@', '?', '#']) {
            return Err(invalid("neither credentials, digest nor query may stand in it"));
        }
        let Some((registry, repository)) = path.split_once('/') else {
            return Err(invalid("it names no repository behind the registry's host"));
        };
        if repository.rsplit('/').next().is_some_and(|last| last.contains(':')) {
            return Err(invalid("a tag may not stand in it"));
        }
        if !is_host(registry) {
            return Err(invalid("the registry is no host, with a port if need be"));
        }
        if repository.len() > MAX_REPOSITORY || !repository.split('/').all(is_name) {
            return Err(invalid(
                "a repository has small letters and digits, with single dots, hyphens and underscores",
            ));
        }
        let is_hub = registry == DOCKER_HUB.0 || registry == "index.docker.io";
        let registry = if is_hub { DOCKER_HUB.1 } else { registry };
        let is_library = registry == DOCKER_HUB.1 && !repository.contains('/');
        let repository = if is_library { format!("library/{repository}") } else { repository.to_owned() };
        Ok(Self { registry: registry.to_owned(), repository, artifact: String::new() })
    }

    /// The same repository with another tag; a version's `+` is `_` in tags.
    pub(in crate::source) fn tagged(&self, tag: &str) -> Self {
        Self { artifact: tag.replace('+', "_"), ..self.clone() }
    }

    /// The same repository by digest.
    pub(in crate::source) fn digested(&self, digest: &str) -> Self {
        Self { artifact: digest.to_owned(), ..self.clone() }
    }

    /// The registry's host.
    pub(in crate::source) fn registry(&self) -> &str {
        &self.registry
    }

    /// The name of the repository.
    pub(in crate::source) fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag or digest.
    pub(in crate::source) fn artifact(&self) -> &str {
        &self.artifact
    }

    /// The digest, if that is what it is known by.
    pub(in crate::source) fn digest(&self) -> Option<&str> {
        self.artifact.contains(':').then_some(self.artifact.as_str())
    }

    /// Registry and repository.
    pub(in crate::source) fn place(&self) -> String {
        format!("oci://{}/{}", self.registry, self.repository)
    }

    /// The URL of something in the repository.
    pub(super) fn url(&self, access: &Access, path: &str) -> Result<Url, Error> {
        let scheme = if access.insecure { "http" } else { "https" };
        let text = format!("{scheme}://{}/v2/{}/{path}", self.registry, self.repository);
        Url::parse(&text).map_err(|error| Error::InvalidUrl { url: shown(&access.url), message: error.to_string() })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.digest() {
            Some(_) => "@",
            None if self.artifact.is_empty() => "",
            None => ":",
        };
        write!(f, "oci://{}/{}{mark}{}", self.registry, self.repository, self.artifact)
    }
}

fn is_host(text: &str) -> bool {
    let url = Url::parse(&format!("https://{text}/"));
    !text.is_empty() && url.is_ok_and(|url| url.username().is_empty() && url.host_str().is_some())
}

/// A component of a repository's name: small letters and digits, parted by a dot, up to two underscores, or hyphens.
fn is_name(text: &str) -> bool {
    let is_inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || ".-_".contains(letter);
    let is_outer = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    text.chars().all(is_inner)
        && is_outer(text.chars().next())
        && is_outer(text.chars().last())
        && !["..", "___", ".-", "-.", "._", "_.", "-_", "_-"].iter().any(|wrong| text.contains(wrong))
}

/// A registry's URL fit to be shown: without whatever stands before an `@`.
fn shown(url: &str) -> String {
    let rest = url.strip_prefix("oci://").unwrap_or(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() { format!("oci://{host}") } else { format!("oci://{host}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_url_names_a_repository_and_nothing_more() {
        let parsed = |url: &str, name| Reference::of(&Access::anonymous(url), name).map(|found| found.place());
        assert_eq!(parsed("oci://ghcr.io/org/charts/", Some("app")).unwrap(), "oci://ghcr.io/org/charts/app");
        assert_eq!(parsed("oci://127.0.0.1:5000", Some("charts/app")).unwrap(), "oci://127.0.0.1:5000/charts/app");
        assert_eq!(parsed("oci://localhost:5000/app", None).unwrap(), "oci://localhost:5000/app");
        assert_eq!(parsed("oci://registry/my__app-1.x", None).unwrap(), "oci://registry/my__app-1.x");
        assert_eq!(parsed("oci://docker.io/app", None).unwrap(), "oci://registry-1.docker.io/library/app");
        for url in [
            "oci://ghcr.io/org/app:1.0.0",
            "oci://u:pw@ghcr.io/app",
            "https://ghcr.io/app",
            "oci://",
            "oci://ghcr.io",
            "oci://ghcr.io/Up",
            "oci://ghcr.io/a/../b",
            "oci://ghcr.io/a//b",
            "oci://gh cr.io/a",
        ] {
            let error = parsed(url, None).unwrap_err();
            assert!(matches!(error, Error::InvalidUrl { .. }), "{url}");
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }

    #[test]
    fn a_reference_is_shown_as_people_write_it() {
        let reference = Reference::of(&Access::anonymous("oci://ghcr.io/app"), None).unwrap();
        assert_eq!(reference.to_string(), "oci://ghcr.io/app");
        assert_eq!(reference.tagged("1.0.0+a").to_string(), "oci://ghcr.io/app:1.0.0_a");
        assert_eq!(reference.digested("sha256:ab").to_string(), "oci://ghcr.io/app@sha256:ab");
    }
}
