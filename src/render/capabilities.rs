//! What the cluster can do, as templates see it in `.Capabilities`.
//!
//! Counterpart: `pkg/chart/common/capabilities.go` of Helm 4.3.1.
//!
//! **Invariant:** never asks a cluster; what it can do comes in.

use super::Error;

/// The API versions that Helm 4.3.1 knows without a cluster, in its order.
const DEFAULT_API_VERSIONS: [&str; 57] = [
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "lifecycle.k8s.io/v1alpha1",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

/// The version of Kubernetes that Helm 4.3.1 assumes without a cluster.
const DEFAULT_KUBE_VERSION: &str = "v1.37.0";

/// What `.Capabilities.HelmVersion` tells: the Helm that this program stands in for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelmVersion {
    /// The version, such as `v4.3.1`.
    pub version: String,
    /// The commit; empty in builds that do not set it.
    pub git_commit: String,
    /// Whether the tree was clean; empty in builds that do not set it.
    pub git_tree_state: String,
    /// The Go version that Helm is built with.
    pub go_version: String,
    /// The Kubernetes version of its client.
    pub kube_client_version: String,
}

impl Default for HelmVersion {
    fn default() -> Self {
        Self {
            version: "v4.3.1".into(),
            git_commit: String::new(),
            git_tree_state: String::new(),
            go_version: "go1.26.8".into(),
            kube_client_version: "v1.37".into(),
        }
    }
}

/// The version of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeVersion {
    /// The full version, such as `v1.33.4-gke.1245000`.
    pub version: String,
    /// The version without a suffix, which constraints are checked against; empty where a cluster told its version.
    pub normalized: String,
    /// The major version; text, since clusters may say `1+`.
    pub major: String,
    /// The minor version; text, since clusters may say `30+`.
    pub minor: String,
}

impl KubeVersion {
    /// A version as a cluster tells it at `/version`. Unlike a parsed one it is checked against constraints with its suffix, which
    /// makes it a prerelease (Helm 4.3.1).
    pub fn discovered(git_version: &str, major: &str, minor: &str) -> Self {
        Self {
            version: git_version.to_owned(),
            normalized: String::new(),
            major: major.to_owned(),
            minor: minor.to_owned(),
        }
    }

    /// Reads the text of `--kube-version`: numbers joined by dots, with any suffix, an optional `v` before.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = || Error::KubeVersion { text: text.to_owned() };
        let bare = text.trim().trim_start_matches('v');
        let end = bare.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(bare.len());
        let numbers = bare.get(..end).unwrap_or_default().trim_end_matches('.');
        let parts: Option<Vec<u64>> = numbers.split('.').map(|part| part.parse().ok()).collect();
        let parts = parts.ok_or_else(invalid)?;
        if let Some(part) = numbers.split('.').find(|part| part.len() > 1 && part.starts_with('0')) {
            return Err(Error::KubeVersionZero { text: text.to_owned(), part: part.to_owned() });
        }
        let (Some(major), Some(minor)) = (parts.first(), parts.get(1)) else { return Err(invalid()) };
        let mut full = parts.clone();
        full.resize(full.len().max(3), 0);
        let normalized: Vec<String> = full.iter().map(u64::to_string).collect();
        let version = if text.starts_with('v') { text.to_owned() } else { format!("v{text}") };
        Ok(Self {
            version,
            normalized: format!("v{}", normalized.join(".")),
            major: major.to_string(),
            minor: minor.to_string(),
        })
    }

    /// The version that constraints are checked against: Helm's `String`.
    pub fn checked(&self) -> &str {
        if self.normalized.is_empty() { &self.version } else { &self.normalized }
    }
}

/// What the cluster can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The version of the cluster.
    pub kube_version: KubeVersion,
    /// `group/version`, and from a cluster also `group/version/Kind`.
    pub api_versions: Vec<String>,
    /// The version of Helm.
    pub helm_version: HelmVersion,
}

impl Default for Capabilities {
    /// What Helm 4.3.1 assumes without a cluster.
    fn default() -> Self {
        let kube_version = KubeVersion {
            version: DEFAULT_KUBE_VERSION.into(),
            normalized: DEFAULT_KUBE_VERSION.into(),
            major: "1".into(),
            minor: "37".into(),
        };
        let api_versions = DEFAULT_API_VERSIONS.iter().map(|version| (*version).to_owned()).collect();
        Self { kube_version, api_versions, helm_version: HelmVersion::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Capabilities, KubeVersion};

    // Expected results come from helm 4.3.1.
    #[test]
    fn kube_versions_keep_their_suffix_and_are_checked_without() {
        for (text, version, checked, minor) in [
            ("1.33.0", "v1.33.0", "v1.33.0", "33"),
            ("v1.33.0-gke.1", "v1.33.0-gke.1", "v1.33.0", "33"),
            ("1.29", "v1.29", "v1.29.0", "29"),
        ] {
            let parsed = KubeVersion::parse(text).unwrap();
            assert_eq!((parsed.version.as_str(), parsed.checked(), parsed.minor.as_str()), (version, checked, minor));
        }
        for text in ["", "1", "x", "one.two"] {
            assert!(KubeVersion::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_discovered_version_is_checked_with_its_suffix() {
        assert_eq!(KubeVersion::discovered("v1.30.2-gke.1", "1", "30+").checked(), "v1.30.2-gke.1");
        assert_eq!(Capabilities::default().kube_version.checked(), "v1.37.0");
    }
}
