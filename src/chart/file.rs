//! A file of a chart.
//!
//! **Invariant:** contents never change after loading, so every copy of a chart shares them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A file: its path in the chart and its bytes. Cheap to clone. Serialises as Helm stores it in a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The path relative to the chart, with slashes.
    pub name: String,
    /// The bytes, without a UTF-8 byte order mark.
    #[serde(serialize_with = "serialize_base64", deserialize_with = "deserialize_base64")]
    pub data: Arc<[u8]>,
    /// When the file was changed, if known.
    #[serde(
        rename = "modtime",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::model::deserialize_time"
    )]
    pub modified: Option<jiff::Timestamp>,
}

impl File {
    /// A file without a time.
    pub fn new(name: impl Into<String>, data: impl Into<Arc<[u8]>>) -> Self {
        Self { name: name.into(), data: data.into(), modified: None }
    }

    /// The same contents under another path.
    pub(super) fn renamed(&self, name: &str) -> Self {
        Self { name: name.to_owned(), data: Arc::clone(&self.data), modified: self.modified }
    }

    /// The contents as text; invalid bytes become U+FFFD, as they do in Go's decoders.
    pub(super) fn text(&self) -> std::borrow::Cow<'_, str> {
        crate::value::to_str(&self.data)
    }
}

pub(super) fn serialize_base64<S: Serializer>(data: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(data))
}

pub(super) fn deserialize_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    STANDARD.decode(text).map(Arc::from).map_err(serde::de::Error::custom)
}
