//! Chart, values and capabilities in; manifest, hooks, CRDs and notes out.
//!
//! ```text
//! chart + values ──▶ context (dots) ──▶ engine (files) ──▶ manifest (documents, hooks) ──▶ Rendered
//! ```
//!
//! The chart comes prepared: dependencies processed, values coalesced and checked. What else a render depends on comes in as options and
//! through two traits: [`Lookup`] for the cluster, [`crate::sprig::Ambient`] for time, randomness and names. Rendering wants a large
//! stack: [`on_large_stack`].
//!
//! **Invariant:** the same input gives the same output, byte for byte that of Helm 4.3.1 where Helm's own is not random.

mod capabilities;
mod context;
mod duration;
mod encode;
mod engine;
mod error;
mod files;
mod functions;
mod head;
mod kinds;
mod lookup;
mod manifest;
mod objects;
mod parse;
pub mod postrender;
mod stack;
mod toml;
mod trace;
mod values;

pub use crate::sprig::Ambient;
pub use capabilities::{Capabilities, HelmVersion, KubeVersion};
pub use error::Error;
pub use head::Head;
pub use kinds::KindOrder;
pub use lookup::{Lookup, NoCluster};
pub use manifest::{Document, Sorted, join_documents, sort_files, split_documents};
pub use parse::{document_object, manifest_objects};
pub use stack::{STACK_BYTES, on_large_stack};

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chart::Prepared;
use crate::release::Hook;
use crate::value::to_str;

/// How the paths of notes end.
const NOTES: &str = "NOTES.txt";

/// What a render depends on besides chart and values.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// The release's name.
    pub name: String,
    /// The release's namespace.
    pub namespace: String,
    /// The revision that is being made.
    pub revision: u32,
    /// Whether this is an upgrade, and not an install.
    pub is_upgrade: bool,
    /// What the cluster can do.
    pub capabilities: Capabilities,
    /// Whether `getHostByName` may look up names.
    pub enable_dns: bool,
    /// Whether the notes of subcharts are joined to the chart's own.
    pub subchart_notes: bool,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self {
            name: "release-name".into(),
            namespace: "default".into(),
            revision: 1,
            is_upgrade: false,
            capabilities: Capabilities::default(),
            enable_dns: false,
            subchart_notes: false,
        }
    }
}

/// A CRD file of a chart; Helm never templates, upgrades or deletes these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrdFile {
    /// The full path, such as `app/charts/db/crds/x.yaml`.
    pub path: String,
    /// The content.
    pub data: Arc<[u8]>,
}

impl CrdFile {
    /// The content as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        to_str(&self.data)
    }
}

/// What a chart comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The documents in the order of installation, without hooks.
    pub documents: Vec<Document>,
    /// The hooks in the order of their kinds.
    pub hooks: Vec<Hook>,
    /// The files of `crds/`, root chart first.
    pub crds: Vec<CrdFile>,
    /// NOTES.txt.
    pub notes: String,
}

impl Rendered {
    /// The manifest as Helm stores it in the release.
    pub fn manifest(&self) -> String {
        join_documents(self.documents.iter().map(|document| (document.path.as_str(), document.text.as_str())))
    }
}

/// Renders a chart: the templates of `helm install`, `upgrade` and `template`. Does not check the chart's `kubeVersion`. Templates may
/// change the prepared values, so prepare them anew for another render.
pub fn render(
    prepared: &Prepared,
    options: &RenderOptions,
    lookup: &dyn Lookup,
    ambient: &dyn Ambient,
) -> Result<Rendered, Error> {
    let chart = &prepared.chart;
    let mut files = render_files(prepared, options, lookup, ambient)?;
    let notes = take_notes(&mut files, chart.name(), options.subchart_notes);
    let Sorted { hooks, documents } = sort_files(&files, KindOrder::Install)?;
    let crds = chart.crds().into_iter().map(|(path, file)| CrdFile { path, data: Arc::clone(&file.data) });
    Ok(Rendered { documents, hooks, crds: crds.collect(), notes })
}

/// The names of all functions that templates can call, in order.
pub fn function_names() -> Vec<&'static str> {
    functions::function_map().names().collect()
}

/// Renders the template of a release's name: `helm template --name-template`.
pub fn render_name(template: &str, ambient: &dyn Ambient) -> Result<String, Error> {
    let host = functions::Host::new(&NoCluster, ambient, false);
    engine::execute_text("name-template", template, &functions::name_function_map(), &host)
}

/// Renders the templates of a chart and gives the text of every file by its path, notes included.
pub fn render_files(
    prepared: &Prepared,
    options: &RenderOptions,
    lookup: &dyn Lookup,
    ambient: &dyn Ambient,
) -> Result<BTreeMap<String, String>, Error> {
    let host = functions::Host::new(lookup, ambient, options.enable_dns);
    let anew = engine::TemplateCache::default();
    // Templates that were parsed for a copy of the chart are found with it.
    let cache = prepared.chart.derived.get_or_default().unwrap_or(&anew);
    engine::execute(&context::renderables(prepared, options), &host, cache)
}

/// Takes the notes out of the rendered files: everything whose path ends in `NOTES.txt`, but only the chart's own is kept.
/// Subchart notes are joined in order of their paths, which in Helm is random.
fn take_notes(files: &mut BTreeMap<String, String>, chart: &str, subchart_notes: bool) -> String {
    let own = format!("{chart}/templates/{NOTES}");
    let mut notes = String::new();
    files.retain(|path, text| {
        let is_notes = path.ends_with(NOTES);
        if is_notes && (subchart_notes || *path == own) {
            if !notes.is_empty() {
                notes.push('\n');
            }
            notes.push_str(text);
        }
        !is_notes
    });
    notes
}
