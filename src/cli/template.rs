//! `rhumb template`: renders a chart on this machine and prints what `helm template` prints.
//!
//! In go a chart directory or package and values, out come the manifest and hooks as YAML; errors carry Helm's text.
//! Invariant: never talks to a cluster or a registry.

use std::io::Write;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use regex::Regex;

use super::local_chart;
use super::value_flags::ValueFlags;
use crate::action::SystemAmbient;
use crate::chart::{Chart, Glob, Values, prepare};
use crate::release::{HookEvent, check_release_name};
use crate::render::{
    Capabilities, KubeVersion, NoCluster, RenderOptions, Rendered, join_documents, on_large_stack, render,
    split_documents,
};

/// Render a chart without a cluster, as `helm template` does.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(super) struct Template {
    /// NAME and CHART, or CHART alone; a chart is a directory or a package.
    #[arg(value_name = "NAME CHART", required = true, num_args = 1..)]
    arguments: Vec<String>,
    /// The release's namespace.
    #[arg(short, long, default_value = "default")]
    namespace: String,
    #[command(flatten)]
    values: ValueFlags,
    /// Print the CRDs as well.
    #[arg(long)]
    include_crds: bool,
    /// Accepted as in Helm; CRDs are printed only with --include-crds.
    #[arg(long)]
    skip_crds: bool,
    /// The Kubernetes version that templates see.
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// API versions that templates see besides the usual ones.
    #[arg(short, long, value_name = "API", value_delimiter = ',')]
    api_versions: Vec<String>,
    /// Set .Release.IsUpgrade instead of .Release.IsInstall.
    #[arg(long)]
    is_upgrade: bool,
    /// Leave out hooks.
    #[arg(long)]
    no_hooks: bool,
    /// Leave out test hooks.
    #[arg(long)]
    skip_tests: bool,
    /// Print only what comes from these templates; may hold wildcards.
    #[arg(short, long, value_name = "TEMPLATE")]
    show_only: Vec<String>,
    /// A template for the release's name.
    #[arg(long = "name-template", value_name = "TEMPLATE")]
    name_pattern: Option<String>,
    /// Accepted as in Helm; it only matters for --output-dir, which does not exist here.
    #[arg(long)]
    release_name: bool,
    /// Do not check the values against schemas.
    #[arg(long)]
    skip_schema_validation: bool,
    /// Let templates look up host names.
    #[arg(long)]
    enable_dns: bool,
    /// Not possible without a cluster.
    #[arg(long)]
    validate: bool,
    /// Print what was rendered even if it is not valid YAML.
    #[arg(long)]
    debug: bool,
}

impl Template {
    /// Renders and prints.
    ///
    /// # Errors
    /// The chart cannot be loaded, the values do not fit, or a template fails; the text is Helm's.
    pub(super) fn print(&self, output: &mut impl Write) -> Result<()> {
        if self.validate {
            bail!("--validate needs a cluster, and this command never talks to one");
        }
        let options = self.options()?;
        let path = self.chart_path()?;
        let values = self.values.merge()?;
        let chart = local_chart::load(path)?;
        chart.check_installable()?;
        check_dependencies(&chart)?;
        if let Err(error) = check_release_name(&options.name) {
            bail!("release name check failed: release name {:?}: {error}", options.name);
        }
        let printed = on_large_stack(|| self.render(&chart, &values, &options))??;
        output.write_all(printed.as_bytes())?;
        Ok(())
    }

    fn options(&self) -> Result<RenderOptions> {
        let mut capabilities = Capabilities::default();
        if let Some(version) = &self.kube_version {
            capabilities.kube_version = KubeVersion::parse(version)?;
        }
        capabilities.api_versions.extend(self.api_versions.iter().cloned());
        Ok(RenderOptions {
            name: self.name()?,
            namespace: self.namespace.clone(),
            is_upgrade: self.is_upgrade,
            enable_dns: self.enable_dns,
            capabilities,
            ..RenderOptions::default()
        })
    }

    fn name(&self) -> Result<String> {
        match (self.arguments.as_slice(), &self.name_pattern) {
            ([_, _], Some(_)) => bail!("cannot set --name-template and also specify a name"),
            ([name, _], None) => Ok(name.clone()),
            ([_], Some(template)) => {
                on_large_stack(|| crate::render::render_name(template, &SystemAmbient::default()))?
                    .map_err(anyhow::Error::from)
            }
            ([_], None) => Ok("release-name".to_owned()),
            (more, _) => {
                let unexpected = more.get(2..).unwrap_or_default().join(", ");
                bail!("expected at most two arguments, unexpected arguments: {unexpected}")
            }
        }
    }

    fn chart_path(&self) -> Result<&str> {
        self.arguments.last().map(String::as_str).ok_or_else(|| anyhow!("a chart is needed"))
    }

    fn render(&self, chart: &Chart, values: &Values, options: &RenderOptions) -> Result<String> {
        let prepared = prepare(chart, values, self.skip_schema_validation)?;
        let debug_hint = |error: anyhow::Error| anyhow!("{error}\n\nUse --debug flag to render out invalid YAML");
        prepared
            .chart
            .check_kube_version(options.capabilities.kube_version.checked())
            .map_err(|error| debug_hint(error.into()))?;
        let rendered =
            render(&prepared, options, &NoCluster, &SystemAmbient::default()).map_err(|error| match &error {
                crate::render::Error::Document { rendered, .. } if self.debug => anyhow!("{error}\n{rendered}"),
                _ => debug_hint(error.into()),
            })?;
        self.select(&self.text_of(&rendered))
    }

    fn text_of(&self, rendered: &Rendered) -> String {
        let mut manifest = String::new();
        if self.include_crds {
            let crds: Vec<_> = rendered.crds.iter().map(|crd| (crd.path.as_str(), crd.text())).collect();
            manifest = join_documents(crds.iter().map(|(path, text)| (*path, text.as_ref())));
        }
        manifest.push_str(&rendered.manifest());
        let mut text = format!("{}\n", manifest.trim());
        let is_hidden = |events: &[HookEvent]| self.no_hooks || (self.skip_tests && events.contains(&HookEvent::Test));
        let hooks = rendered.hooks.iter().filter(|hook| !is_hidden(&hook.events));
        text.push_str(&join_documents(hooks.map(|hook| (hook.path.as_str(), hook.manifest.as_str()))));
        text
    }

    /// What `--show-only` leaves of the printed documents.
    fn select(&self, text: &str) -> Result<String> {
        if self.show_only.is_empty() {
            return Ok(text.to_owned());
        }
        let source = Regex::new("# Source: [^/]+/(.+)")?;
        let path_of = |document: &str| {
            source.captures(document).and_then(|found| found.get(1)).map(|path| path.as_str().to_owned())
        };
        let documents: Vec<(Option<String>, &str)> =
            split_documents(text).into_iter().map(|document| (path_of(document), document)).collect();
        let mut selected = String::new();
        for pattern in &self.show_only {
            let glob = Glob::parse(pattern).ok_or_else(|| anyhow!("bad pattern {pattern:?}"))?;
            let matching = documents.iter().filter(|(path, _)| path.as_ref().is_some_and(|path| glob.matches(path)));
            let before = selected.len();
            for (_, document) in matching {
                for part in ["---\n", document, "\n"] {
                    selected.push_str(part);
                }
            }
            if selected.len() == before {
                bail!("could not find template {pattern} in chart");
            }
        }
        Ok(selected)
    }
}

/// Declared dependencies must lie in `charts/`; Helm checks names only.
fn check_dependencies(chart: &Chart) -> Result<()> {
    let declared = chart.metadata.dependencies.iter().map(|dependency| dependency.name.as_str());
    let is_missing = |name: &&str| !chart.dependencies.iter().any(|subchart| subchart.name() == *name);
    let missing: Vec<&str> = declared.filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch missing \
         dependencies: found in Chart.yaml, but missing in charts/ directory: {}",
        missing.join(", ")
    )
}
