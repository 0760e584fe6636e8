//! What a registry has of an artifact: its manifest, its layers, and lists of manifests.
//!
//! **Invariant:** fields that are not of the expected shape make the manifest unreadable rather than another one.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::reference::Reference;
use crate::source::Error;

/// The media type of a chart's layer.
pub const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// The media type that Helm gave it before version 3.7.
const LEGACY_CHART_LAYER: &str = "application/tar+gzip";

/// What is accepted as a manifest.
pub(super) const MANIFEST_TYPES: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// Something in a registry, as a manifest names it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::source) struct Descriptor {
    #[serde(default)]
    pub(in crate::source) media_type: String,
    pub(in crate::source) digest: String,
    #[serde(default)]
    pub(in crate::source) size: u64,
    #[serde(default)]
    pub(in crate::source) annotations: BTreeMap<String, String>,
    #[serde(default)]
    pub(in crate::source) artifact_type: String,
    #[serde(default)]
    platform: Option<Platform>,
}

#[derive(Clone, Debug, Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

/// A manifest as far as it matters here; a list of manifests has `manifests` instead of `layers`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::source) struct Manifest {
    #[serde(default)]
    pub(in crate::source) layers: Vec<Descriptor>,
    #[serde(default)]
    pub(in crate::source) manifests: Vec<Descriptor>,
    #[serde(default)]
    pub(in crate::source) annotations: BTreeMap<String, String>,
}

impl Manifest {
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
    pub(super) fn of_this_platform(&self) -> Option<&Descriptor> {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let fits = |platform: &Platform| platform.os == "linux" && platform.architecture == architecture;
        let found = self.manifests.iter().find(|entry| entry.platform.as_ref().is_some_and(fits));
        found.or_else(|| self.manifests.first().filter(|_| self.manifests.len() == 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Access;

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
