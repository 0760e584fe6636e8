//! What a registry has of an artifact: its manifest, its layers, and lists of manifests.
//!
//! **Invariant:** fields that are not of the expected shape make the manifest unreadable rather than another one.

use std::collections::BTreeMap;

use oci_client::manifest::{ImageIndexEntry, OciImageIndex, OciImageManifest, Platform};
use serde_json::{Map, Value as Json, json};

use super::reference::Reference;
use crate::source::Error;

pub(in crate::source) use oci_client::manifest::OciDescriptor as Descriptor;

/// The media type of a chart's layer.
pub const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// The media type that Helm gave it before version 3.7.
const LEGACY_CHART_LAYER: &str = "application/tar+gzip";

/// What is accepted as a manifest.
pub(super) const MANIFEST_TYPES: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest as far as it matters here; a list of manifests has `manifests` instead of `layers`.
#[derive(Clone, Debug, Default)]
pub(in crate::source) struct Manifest {
    pub(in crate::source) layers: Vec<Descriptor>,
    pub(in crate::source) manifests: Vec<ImageIndexEntry>,
    pub(in crate::source) annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest, or a list of them. What the specification asks for and nothing here needs may be missing.
    ///
    /// # Errors
    /// It is neither.
    pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<Self> {
        let mut fields: Map<String, Json> = serde_json::from_slice(bytes)?;
        complete(&mut fields, &[("schemaVersion", json!(2)), ("layers", json!([])), ("config", json!({}))]);
        for descriptor in descriptors(&mut fields) {
            complete(descriptor, &[("mediaType", json!("")), ("size", json!(0)), ("digest", json!(""))]);
        }
        let is_list = fields.contains_key("manifests");
        let whole = Json::Object(fields);
        if is_list {
            let index: OciImageIndex = serde_json::from_value(whole)?;
            let annotations = index.annotations.unwrap_or_default();
            return Ok(Self { manifests: index.manifests, annotations, layers: Vec::new() });
        }
        let image: OciImageManifest = serde_json::from_value(whole)?;
        let annotations = image.annotations.unwrap_or_default();
        Ok(Self { layers: image.layers, annotations, manifests: Vec::new() })
    }

    /// The layer of a media type; without one the chart's layer, else the first.
    pub(in crate::source) fn layer(
        &self,
        media_type: Option<&str>,
        reference: &Reference,
    ) -> Result<&Descriptor, Error> {
        let of = |wanted: &str| self.layers.iter().find(|layer| layer.media_type == wanted);
        let found = match media_type.filter(|wanted| !wanted.is_empty()) {
            Some(wanted) => of(wanted),
            None => of(CHART_LAYER).or_else(|| of(LEGACY_CHART_LAYER)).or_else(|| self.layers.first()),
        };
        found.ok_or_else(|| {
            let types: Vec<_> = self.layers.iter().map(|layer| layer.media_type.as_str()).collect();
            let wanted = media_type.map(|wanted| format!(" with media type '{wanted}'")).unwrap_or_default();
            let message =
                format!("failed to find layer{wanted}: the artifact has {} layers: {}", types.len(), types.join(", "));
            Error::Layer { reference: reference.to_string(), message }
        })
    }

    /// Which manifest of a list to take: that for Linux on this processor, or the only one there is.
    pub(super) fn of_this_platform(&self) -> Option<&ImageIndexEntry> {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let fits = |platform: &Platform| {
            platform.os.to_string() == "linux" && platform.architecture.to_string() == architecture
        };
        let found = self.manifests.iter().find(|entry| entry.platform.as_ref().is_some_and(fits));
        found.or_else(|| self.manifests.first().filter(|_| self.manifests.len() == 1))
    }
}

/// Everything in a manifest that says where something is.
fn descriptors(fields: &mut Map<String, Json>) -> impl Iterator<Item = &mut Map<String, Json>> {
    let lists = fields.iter_mut().filter(|(name, _)| matches!(name.as_str(), "layers" | "manifests" | "config"));
    let entries = lists.flat_map(|(_, value)| match value {
        Json::Array(entries) => entries.iter_mut().collect::<Vec<_>>(),
        single => vec![single],
    });
    entries.filter_map(Json::as_object_mut)
}

/// Adds what is missing.
fn complete(fields: &mut Map<String, Json>, defaults: &[(&str, Json)]) {
    for (name, value) in defaults {
        if fields.get(*name).is_none_or(Json::is_null) {
            fields.insert((*name).to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Access;

    #[test]
    fn what_nothing_needs_may_be_missing() {
        let manifest = Manifest::parse(br#"{"layers": [{"digest": "sha256:ab", "mediaType": null}]}"#).unwrap();
        assert_eq!(manifest.layers[0].digest, "sha256:ab");
        let list = Manifest::parse(br#"{"manifests": [{"digest": "sha256:cd"}]}"#).unwrap();
        assert_eq!(list.manifests[0].digest, "sha256:cd");
        for text in ["[]", "{\"layers\": [3]}", "{\"layers\": [{\"size\": \"x\"}]}"] {
            assert!(Manifest::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_charts_layer_is_found_behind_a_signature() {
        let layer = |media_type: &str| Descriptor { media_type: media_type.to_owned(), ..Descriptor::default() };
        let provenance = "application/vnd.cncf.helm.chart.provenance.v1.prov";
        let manifest = Manifest { layers: vec![layer(provenance), layer(CHART_LAYER)], ..Manifest::default() };
        let reference = Reference::of(&Access::anonymous("oci://ghcr.io/app"), None).unwrap();
        let chosen = |wanted| manifest.layer(wanted, &reference).map(|layer| layer.media_type.clone());
        assert_eq!(chosen(None).unwrap(), CHART_LAYER);
        assert_eq!(chosen(Some(provenance)).unwrap(), provenance);
        let error = chosen(Some("other")).unwrap_err().to_string();
        assert!(error.contains("'other'") && error.contains(provenance), "{error}");
    }
}
