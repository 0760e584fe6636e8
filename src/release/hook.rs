//! Hooks: objects that Helm runs at moments of a release's life instead of managing them.
//!
//! Counterpart: Helm's `pkg/release/v1/hook.go` and the annotation reading of `pkg/release/v1/util/manifest_sorter.go`.
//!
//! **Invariant:** never runs anything; the running is an action.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Time;
use super::record::or_default;
use super::time;

/// The annotations that make an object a hook.
pub mod annotation {
    /// The events, separated by commas.
    pub const HOOK: &str = "helm.sh/hook";
    /// The weight, an integer as text.
    pub const WEIGHT: &str = "helm.sh/hook-weight";
    /// When to delete the object, separated by commas.
    pub const DELETE_POLICY: &str = "helm.sh/hook-delete-policy";
    /// When to show the object's logs, separated by commas.
    pub const OUTPUT_LOG_POLICY: &str = "helm.sh/hook-output-log-policy";
}

/// A hook of a release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hook {
    /// The object's name.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The object's kind.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The template it comes from.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The document.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// The events that it runs at.
    #[serde(default, deserialize_with = "known_events", skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<HookEvent>,
    /// The last run; always written.
    #[serde(default, deserialize_with = "or_default")]
    pub last_run: HookRun,
    /// Lower weights run first.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub weight: i64,
    /// When to delete the object.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub delete_policies: Vec<DeletePolicy>,
    /// When to show the object's logs.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub output_log_policies: Vec<OutputLogPolicy>,
}

/// The last run of a hook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HookRun {
    /// When it began.
    #[serde(default, deserialize_with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, deserialize_with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// How it went.
    #[serde(default, deserialize_with = "or_default")]
    pub phase: HookPhase,
}

/// A closed set of words that stand in JSON as text.
macro_rules! words {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$outer])*
        pub enum $name {
            $($(#[$inner])* $variant,)+
        }

        impl $name {
            /// Helm's word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The value of this word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    /// A moment in a release's life.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    HookEvent {
        /// Before the first objects are made.
        PreInstall = "pre-install",
        /// After an install.
        PostInstall = "post-install",
        /// Before objects are deleted.
        PreDelete = "pre-delete",
        /// After objects were deleted.
        PostDelete = "post-delete",
        /// Before an upgrade.
        PreUpgrade = "pre-upgrade",
        /// After an upgrade.
        PostUpgrade = "post-upgrade",
        /// Before a rollback.
        PreRollback = "pre-rollback",
        /// After a rollback.
        PostRollback = "post-rollback",
        /// On `helm test`.
        Test = "test",
    }
}

words! {
    /// How the last run of a hook went.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    HookPhase {
        /// Never run.
        #[default]
        NotRun = "",
        /// Nobody knows.
        Unknown = "Unknown",
        /// Under way.
        Running = "Running",
        /// Went well.
        Succeeded = "Succeeded",
        /// Went wrong.
        Failed = "Failed",
    }
}

impl<'de> Deserialize<'de> for HookPhase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_word(&String::deserialize(deserializer)?).unwrap_or(Self::Unknown))
    }
}

/// When the object of a hook is deleted. Words that Helm does not have are kept, and do nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum DeletePolicy {
    /// Before the hook is run again; the default.
    BeforeHookCreation,
    /// After it succeeded.
    HookSucceeded,
    /// After it failed.
    HookFailed,
    /// A word that Helm does not have.
    Other(String),
}

impl From<String> for DeletePolicy {
    fn from(word: String) -> Self {
        match word.as_str() {
            "before-hook-creation" => Self::BeforeHookCreation,
            "hook-succeeded" => Self::HookSucceeded,
            "hook-failed" => Self::HookFailed,
            _ => Self::Other(word),
        }
    }
}

impl From<DeletePolicy> for String {
    fn from(policy: DeletePolicy) -> Self {
        match policy {
            DeletePolicy::BeforeHookCreation => "before-hook-creation".into(),
            DeletePolicy::HookSucceeded => "hook-succeeded".into(),
            DeletePolicy::HookFailed => "hook-failed".into(),
            DeletePolicy::Other(word) => word,
        }
    }
}

/// When the logs of a hook's pods are shown. Words that Helm does not have are kept, and do nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum OutputLogPolicy {
    /// After it succeeded.
    HookSucceeded,
    /// After it failed.
    HookFailed,
    /// A word that Helm does not have.
    Other(String),
}

impl From<String> for OutputLogPolicy {
    fn from(word: String) -> Self {
        match word.as_str() {
            "hook-succeeded" => Self::HookSucceeded,
            "hook-failed" => Self::HookFailed,
            _ => Self::Other(word),
        }
    }
}

impl From<OutputLogPolicy> for String {
    fn from(policy: OutputLogPolicy) -> Self {
        match policy {
            OutputLogPolicy::HookSucceeded => "hook-succeeded".into(),
            OutputLogPolicy::HookFailed => "hook-failed".into(),
            OutputLogPolicy::Other(word) => word,
        }
    }
}

/// What an object's annotations say about hooks.
#[derive(Clone, Debug, PartialEq)]
pub enum HookMark {
    /// An ordinary object.
    Object,
    /// An event that Helm does not have: the document is neither a hook nor part of the manifest.
    UnknownEvent,
    /// A hook, with everything set that annotations say.
    Hook(Box<Hook>),
}

impl HookMark {
    /// Reads the annotations of an object as Helm 4.3.1 does: events and policies trimmed and in lower case, a bad weight is 0.
    pub fn from_annotations(annotations: &BTreeMap<String, String>) -> Self {
        let Some(events) = annotations.get(annotation::HOOK) else { return Self::Object };
        let Some(events) = words_of(events).map(|word| event_of(&word)).collect() else { return Self::UnknownEvent };
        let policies = |key| annotations.get(key).into_iter().flat_map(|text| words_of(text));
        Self::Hook(Box::new(Hook {
            events,
            weight: annotations.get(annotation::WEIGHT).and_then(|text| text.parse().ok()).unwrap_or(0),
            delete_policies: policies(annotation::DELETE_POLICY).map(DeletePolicy::from).collect(),
            output_log_policies: policies(annotation::OUTPUT_LOG_POLICY).map(OutputLogPolicy::from).collect(),
            ..Hook::default()
        }))
    }
}

fn words_of(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(|word| word.trim().to_lowercase())
}

/// `test-success` is Helm 2's word for `test`.
fn event_of(word: &str) -> Option<HookEvent> {
    HookEvent::from_word(if word == "test-success" { "test" } else { word })
}

/// Events that Helm does not have are dropped: they never fire.
fn known_events<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HookEvent>, D::Error> {
    let words = Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(words.iter().filter_map(|word| event_of(word)).collect())
}

/// Puts hooks into the order in which they run: by weight, then by name; hooks equal in both keep their order (Helm 4.3.1).
pub fn sort_by_weight(hooks: &mut [Hook]) {
    hooks.sort_by(|a, b| a.weight.cmp(&b.weight).then_with(|| a.name.cmp(&b.name)));
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives the field by reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(pairs: &[(&str, &str)]) -> HookMark {
        HookMark::from_annotations(&pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect())
    }

    #[test]
    fn annotations_become_a_hook() {
        let HookMark::Hook(hook) = mark(&[
            (annotation::HOOK, "Pre-Install, test-success"),
            (annotation::WEIGHT, "-5"),
            (annotation::DELETE_POLICY, "hook-succeeded , now"),
            (annotation::OUTPUT_LOG_POLICY, "hook-failed"),
        ]) else {
            panic!("not a hook")
        };
        assert_eq!(hook.events, [HookEvent::PreInstall, HookEvent::Test]);
        assert_eq!(hook.weight, -5);
        assert_eq!(hook.delete_policies, [DeletePolicy::HookSucceeded, DeletePolicy::Other("now".into())]);
        assert_eq!(hook.output_log_policies, [OutputLogPolicy::HookFailed]);
    }

    #[test]
    fn one_unknown_event_takes_the_document_away() {
        assert_eq!(mark(&[(annotation::HOOK, "pre-install,crd-install")]), HookMark::UnknownEvent);
        assert_eq!(mark(&[(annotation::HOOK, "")]), HookMark::UnknownEvent);
        assert_eq!(mark(&[(annotation::WEIGHT, "1")]), HookMark::Object);
    }

    #[test]
    fn a_weight_that_is_no_integer_is_zero() {
        for text in ["", "1.5", "heavy", "1_000", " 1"] {
            let HookMark::Hook(hook) = mark(&[(annotation::HOOK, "test"), (annotation::WEIGHT, text)]) else {
                panic!("not a hook")
            };
            assert_eq!(hook.weight, 0, "{text:?}");
        }
    }

    #[test]
    fn hooks_run_by_weight_then_name() {
        let hook = |name: &str, weight| Hook { name: name.into(), weight, ..Hook::default() };
        let mut hooks = [hook("b", 1), hook("c", -1), hook("a", 1), hook("d", 0)];
        sort_by_weight(&mut hooks);
        assert_eq!(hooks.map(|hook| hook.name), ["c", "d", "a", "b"]);
    }
}
