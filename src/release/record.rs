//! The release itself: what was installed, from what, and how it went.
//!
//! Field order is the order in the stored document; zero values are left out where Helm 4.3 leaves them out. Counterpart: Helm's
//! `pkg/release/v1/release.go` and `info.go`.
//!
//! **Invariant:** never holds `info.resources`, which would make a record unreadable for Helm.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::time;
use super::{Hook, Time};
use crate::chart::{Chart, Values, with_float_numbers};

/// One revision of a release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The release's name.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// How it went.
    #[serde(default, deserialize_with = "or_default")]
    pub info: Info,
    /// The chart it was made from: metadata, defaults and the root chart's own files. Subcharts are not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<Chart>,
    /// The values that the user gave. Numbers that were read from a record are floats, as Go reads them.
    #[serde(default, deserialize_with = "float_numbers", skip_serializing_if = "Values::is_empty")]
    pub config: Values,
    /// The rendered objects without hooks, in the order of installation.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// The rendered hooks.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Hook>,
    /// The revision, from 1.
    #[serde(default, rename = "version", deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub revision: u32,
    /// The namespace of the release, which also holds its records.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// How objects were applied; absent for releases made by Helm 3.
    #[serde(default, deserialize_with = "or_none", skip_serializing_if = "Option::is_none")]
    pub apply_method: Option<ApplyMethod>,
    /// The user's own labels of the Secret; they are not part of the document.
    #[serde(skip)]
    pub labels: BTreeMap<String, String>,
}

/// How a revision went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// When the first revision was deployed.
    #[serde(default, deserialize_with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub first_deployed: Option<Time>,
    /// When this revision was deployed.
    #[serde(default, deserialize_with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub last_deployed: Option<Time>,
    /// When the release was uninstalled.
    #[serde(default, deserialize_with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Time>,
    /// A sentence for people.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The state of the revision.
    #[serde(default, deserialize_with = "or_default")]
    pub status: Status,
    /// The revision that was rolled back to; 0 where this is no rollback (Helm 4.3 and later).
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub rollback_revision: u32,
    /// The rendered NOTES.txt.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub notes: String,
}

/// The state of a revision, in Helm's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Not known, or a word that Helm does not have.
    #[default]
    Unknown,
    /// Installed and current.
    Deployed,
    /// Uninstalled, with its history kept.
    Uninstalled,
    /// Replaced by a later revision.
    Superseded,
    /// The operation failed.
    Failed,
    /// Being uninstalled.
    Uninstalling,
    /// Being installed.
    PendingInstall,
    /// Being upgraded.
    PendingUpgrade,
    /// Being rolled back.
    PendingRollback,
}

impl Status {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Deployed,
        Self::Uninstalled,
        Self::Superseded,
        Self::Failed,
        Self::Uninstalling,
        Self::PendingInstall,
        Self::PendingUpgrade,
        Self::PendingRollback,
    ];

    /// Helm's word, as in the document and in the label `status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Deployed => "deployed",
            Self::Uninstalled => "uninstalled",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Uninstalling => "uninstalling",
            Self::PendingInstall => "pending-install",
            Self::PendingUpgrade => "pending-upgrade",
            Self::PendingRollback => "pending-rollback",
        }
    }

    /// The state of this word; [`Status::Unknown`] for any other word.
    pub fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|status| status.as_str() == word).unwrap_or_default()
    }

    /// Whether an operation is under way, or was cut short.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_word(&String::deserialize(deserializer)?))
    }
}

/// How the objects of a release were applied (Helm 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ApplyMethod {
    /// Client-side: three-way patches.
    #[serde(rename = "csa")]
    ClientSide,
    /// Server-side.
    #[serde(rename = "ssa")]
    ServerSide,
}

impl ApplyMethod {
    /// Helm's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSide => "csa",
            Self::ServerSide => "ssa",
        }
    }
}

/// Any word but Helm's two counts as absent, as Helm has it.
fn or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ApplyMethod>, D::Error> {
    Ok(match Option::<String>::deserialize(deserializer)?.as_deref() {
        Some("csa") => Some(ApplyMethod::ClientSide),
        Some("ssa") => Some(ApplyMethod::ServerSide),
        _ => None,
    })
}

fn float_numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Values, D::Error> {
    or_default(deserializer).map(with_float_numbers)
}

/// Reads null as the zero value, as Go does.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives the field by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
