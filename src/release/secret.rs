//! The Secret around a release record: its name, type, key and labels.
//!
//! Counterpart: Helm's `pkg/storage/driver/secrets.go`. `createdAt` and `modifiedAt` are the storage's concern, since it knows the time.
//!
//! **Invariant:** system labels always win over the user's.

use std::collections::BTreeMap;

use super::Release;

/// The type of the Secret.
pub const SECRET_TYPE: &str = "helm.sh/release.v1";

/// The key that holds the record.
pub const DATA_KEY: &str = "release";

/// The value of the label [`label::OWNER`].
pub const OWNER: &str = "helm";

/// The labels that Helm sets itself; users may not set them.
pub const SYSTEM_LABELS: [&str; 6] =
    [label::NAME, label::OWNER, label::STATUS, label::VERSION, label::CREATED_AT, label::MODIFIED_AT];

/// The names of the system labels.
pub mod label {
    /// The release's name.
    pub const NAME: &str = "name";
    /// Always `helm`.
    pub const OWNER: &str = "owner";
    /// The state of the revision.
    pub const STATUS: &str = "status";
    /// The revision in decimal.
    pub const VERSION: &str = "version";
    /// When the Secret was made, in Unix seconds.
    pub const CREATED_AT: &str = "createdAt";
    /// When the Secret was last changed, in Unix seconds.
    pub const MODIFIED_AT: &str = "modifiedAt";
}

/// The name of the Secret of a revision.
pub fn secret_name(release: &str, revision: u32) -> String {
    format!("sh.helm.release.v1.{release}.v{revision}")
}

/// The labels of a record's Secret: the user's, and Helm's own over them.
pub fn secret_labels(release: &Release) -> BTreeMap<String, String> {
    let mut labels = release.labels.clone();
    for (key, value) in [
        (label::NAME, release.name.clone()),
        (label::OWNER, OWNER.to_owned()),
        (label::STATUS, release.info.status.to_string()),
        (label::VERSION, release.revision.to_string()),
    ] {
        labels.insert(key.to_owned(), value);
    }
    labels
}

/// The user's labels among those of a Secret.
pub fn user_labels(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = labels.iter().filter(|(key, _)| !SYSTEM_LABELS.contains(&key.as_str()));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The labels of an upgrade: new ones over the previous ones; the value `null` takes a label away (Helm 4.3.1).
pub fn merge_labels(previous: &BTreeMap<String, String>, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut merged = previous.clone();
    merged.extend(given.clone());
    merged.retain(|_, value| value != "null");
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn system_labels_win() {
        let release = Release {
            name: "web".into(),
            revision: 3,
            labels: labels(&[("team", "a"), ("owner", "me")]),
            ..Release::default()
        };
        let expected =
            labels(&[("name", "web"), ("owner", "helm"), ("status", "unknown"), ("team", "a"), ("version", "3")]);
        assert_eq!(secret_labels(&release), expected);
        assert_eq!(user_labels(&expected), labels(&[("team", "a")]));
    }

    #[test]
    fn null_takes_a_label_away() {
        let merged = merge_labels(&labels(&[("a", "1"), ("b", "2")]), &labels(&[("a", "null"), ("c", "3")]));
        assert_eq!(merged, labels(&[("b", "2"), ("c", "3")]));
    }

    #[test]
    fn secret_name_carries_release_and_revision() {
        assert_eq!(secret_name("web", 12), "sh.helm.release.v1.web.v12");
    }
}
