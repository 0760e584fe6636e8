//! The dot of every template: `.Values`, `.Chart`, `.Release` and so on, chart by chart.
//!
//! Counterpart: `recAllTpls` in `pkg/engine/engine.go` and `MetadataAsMap` in `pkg/chart/common.go` of Helm 4.3.1. As there, a
//! subchart's `.Values` is the very map that its parent has at `.Values.<name>`, so a change made by one is seen by the other.
//!
//! **Invariant:** every template of a chart gets the same map as its dot; only `.Template` differs from one to the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::RenderOptions;
use super::files::Files;
use super::manifest::base_name;
use super::objects::CapabilitiesObject;
use super::values::{VALUES, table_at};
use crate::chart::{Chart, Dependency, Maintainer, Metadata, Prepared, to_value};
use crate::value::{Map, MapType, Text, Value};

/// A template with the dot that it is executed on.
pub(super) struct Renderable {
    pub(super) text: Arc<[u8]>,
    pub(super) dot: Map,
    /// The folder of the chart's templates.
    pub(super) base_path: String,
}

impl Renderable {
    /// The dot, told which template is executed.
    pub(super) fn dot_for(&self, path: &str) -> Value {
        let template = [("Name", Value::string(path)), ("BasePath", Value::string(&self.base_path))];
        self.dot.insert("Template", Value::Map(map_of(VALUES, template)));
        Value::Map(self.dot.clone())
    }
}

/// All templates of a chart and its subcharts by their full paths.
pub(super) fn renderables(prepared: &Prepared, options: &RenderOptions) -> BTreeMap<String, Renderable> {
    let mut builder = Builder {
        release: release(options),
        capabilities: Value::object(CapabilitiesObject::new(&options.capabilities)),
        renderables: BTreeMap::new(),
    };
    builder.visit(&prepared.chart, prepared.chart.name(), true, &prepared.values.retyped(VALUES));
    builder.renderables
}

struct Builder {
    release: Value,
    capabilities: Value,
    renderables: BTreeMap<String, Renderable>,
}

impl Builder {
    fn visit(&mut self, chart: &Chart, path: &str, is_root: bool, values: &Map) -> Value {
        let metadata = metadata(&chart.metadata);
        metadata.insert("IsRoot", Value::Bool(is_root));
        let subcharts = Map::new(MapType::Any);
        let dot = map_of(
            MapType::Any,
            [
                ("Chart", Value::Map(metadata)),
                ("Files", Value::object(Files::new(&chart.files))),
                ("Release", self.release.clone()),
                ("Capabilities", self.capabilities.clone()),
                ("Values", Value::Map(values.clone())),
                ("Subcharts", Value::Map(subcharts.clone())),
            ],
        );
        for subchart in &chart.dependencies {
            let own = table_at(values, subchart.name()).unwrap_or_else(|_| Map::new(VALUES));
            let path = format!("{path}/charts/{}", subchart.name());
            let below = self.visit(subchart, &path, false, &own.retyped(VALUES));
            subcharts.insert(subchart.name(), below);
        }
        let is_library = chart.metadata.chart_type.eq_ignore_ascii_case("library");
        for template in chart.templates.iter() {
            if is_library && !base_name(&template.name).starts_with('_') {
                continue;
            }
            let renderable = Renderable {
                text: Arc::clone(&template.data),
                dot: dot.retyped(VALUES),
                base_path: format!("{path}/templates"),
            };
            self.renderables.insert(format!("{path}/{}", template.name), renderable);
        }
        Value::Map(dot)
    }
}

fn release(options: &RenderOptions) -> Value {
    Value::Map(map_of(
        MapType::Any,
        [
            ("Name", Value::string(&options.name)),
            ("Namespace", Value::string(&options.namespace)),
            ("IsUpgrade", Value::Bool(options.is_upgrade)),
            ("IsInstall", Value::Bool(!options.is_upgrade)),
            ("Revision", Value::int(i64::from(options.revision))),
            ("Service", Value::string("Helm")),
        ],
    ))
}

fn metadata(metadata: &Metadata) -> Map {
    let annotations = match &metadata.annotations {
        None => Map::nil(MapType::Strings),
        Some(annotations) => {
            let entries = annotations.iter().map(|(key, text)| (Text::from(key), Value::string(text)));
            Map::from_entries(MapType::Strings, entries.collect())
        }
    };
    map_of(
        MapType::Any,
        [
            ("Name", Value::string(&metadata.name)),
            ("Home", Value::string(&metadata.home)),
            ("Sources", texts(&metadata.sources)),
            ("Version", Value::string(&metadata.version)),
            ("Description", Value::string(&metadata.description)),
            ("Keywords", texts(&metadata.keywords)),
            ("Maintainers", Value::list(metadata.maintainers.iter().map(maintainer).collect())),
            ("Icon", Value::string(&metadata.icon)),
            ("APIVersion", Value::string(&metadata.api_version)),
            ("Condition", Value::string(&metadata.condition)),
            ("Tags", Value::string(&metadata.tags)),
            ("AppVersion", Value::string(&metadata.app_version)),
            ("Deprecated", Value::Bool(metadata.deprecated)),
            ("Annotations", Value::Map(annotations)),
            ("KubeVersion", Value::string(&metadata.kube_version)),
            ("Dependencies", Value::list(metadata.dependencies.iter().map(dependency).collect())),
            ("Type", Value::string(&metadata.chart_type)),
        ],
    )
}

fn maintainer(maintainer: &Maintainer) -> Value {
    let fields = [("Name", &maintainer.name), ("Email", &maintainer.email), ("URL", &maintainer.url)];
    Value::Map(map_of(MapType::Any, fields.map(|(name, text)| (name, Value::string(text)))))
}

fn dependency(dependency: &Dependency) -> Value {
    Value::Map(map_of(
        MapType::Any,
        [
            ("Name", Value::string(&dependency.name)),
            ("Version", Value::string(&dependency.version)),
            ("Repository", Value::string(&dependency.repository)),
            ("Condition", Value::string(&dependency.condition)),
            ("Tags", texts(&dependency.tags)),
            ("Enabled", Value::Bool(dependency.enabled)),
            ("ImportValues", Value::list(dependency.import_values.iter().map(to_value).collect())),
            ("Alias", Value::string(&dependency.alias)),
        ],
    ))
}

/// A list of texts as Helm makes it: of any elements, not of strings.
fn texts(texts: &[String]) -> Value {
    Value::list(texts.iter().map(Value::string).collect())
}

fn map_of(map_type: MapType, entries: impl IntoIterator<Item = (&'static str, Value)>) -> Map {
    Map::from_entries(map_type, entries.into_iter().map(|(key, value)| (Text::from(key), value)).collect())
}
