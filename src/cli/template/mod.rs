//! `rhumb template`: renders a chart on this machine and prints what `helm template` prints.
//!
//! ```text
//! options ──▶ source (chart) ──▶ values ──▶ checks ──▶ render ──▶ output
//! ```
//!
//! Counterpart: `pkg/cmd/template.go` and `pkg/action/install.go` of Helm 4.3.1, in their order, so that of several faults the same one
//! is told.
//!
//! **Invariant:** never writes to a cluster or a registry; reads from them only if the arguments say so.

mod local_chart;
mod log;
mod options;
mod output;
mod server;
mod show_only;
mod source;
mod values;

use std::io::Write;

use anyhow::{Result, anyhow, bail};
use clap::Args;

use super::flags::Arguments;
use crate::action::SystemAmbient;
use crate::chart::{self, Chart, Prepared, SchemaStep, Values, prepare_telling};
use crate::release::check_release_name;
use crate::render::{self, Capabilities, KubeVersion, Lookup, RenderOptions, Rendered, on_large_stack};
use log::Log;
use options::DryRun;
use server::Server;

/// Render a chart without a cluster, as `helm template` does.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(super) struct Template {
    /// As those of `helm template`; `--help` tells more.
    #[arg(value_name = "ARGUMENTS", allow_hyphen_values = true, trailing_var_arg = true, num_args = 0..)]
    pub(super) arguments: Vec<String>,
}

/// What a release is rendered from, once all of it is known.
struct Job<'a> {
    arguments: &'a Arguments,
    chart: &'a Chart,
    values: Values,
    options: RenderOptions,
    lookup: &'a (dyn Lookup + Sync),
}

/// What is told once a render is done.
#[derive(Default)]
struct Told {
    warnings: Vec<String>,
    steps: Vec<Step>,
}

/// A step of the check of schemas.
enum Step {
    Chart(String),
    Schema(Vec<u8>),
    Dependencies(String, usize),
}

impl Step {
    fn of(step: SchemaStep<'_>) -> Self {
        match step {
            SchemaStep::Chart(name) => Self::Chart(name.to_owned()),
            SchemaStep::Schema(text) => Self::Schema(text.to_owned()),
            SchemaStep::Dependencies { chart, count } => Self::Dependencies(chart.to_owned(), count),
        }
    }

    fn tell(&self, log: &mut Log<'_>) {
        match self {
            Self::Chart(name) => log.debug("chart name", &[("chart-name", name)]),
            Self::Schema(text) => log.debug_bytes("unmarshalled JSON schema", "schema", text),
            Self::Dependencies(chart, count) => {
                let attributes = [("chart", chart.as_str()), ("dependencies", &count.to_string())];
                log.debug("number of dependencies in the chart", &attributes);
            }
        }
    }
}

/// What came out of a render: nothing to show before the engine ran, else as much as there is.
struct Outcome {
    shown: Option<Shown>,
    failure: Option<anyhow::Error>,
}

/// What can be printed.
enum Shown {
    Rendered(Rendered),
    /// Rendered files that are no valid YAML, as one text.
    Raw(String),
}

impl Template {
    /// Renders and prints the result to one writer, warnings to the other.
    ///
    /// # Errors
    /// The arguments are wrong, the chart cannot be loaded, the values do not fit, or a template fails; the text is Helm's.
    pub(super) fn print(&self, output: &mut dyn Write, warnings: &mut dyn Write) -> Result<()> {
        let arguments = options::parse(&self.arguments)?;
        if arguments.wants_help {
            return Ok(output.write_all(options::help().as_bytes())?);
        }
        let is_verbose = arguments.is_on("debug");
        let mut log = Log::new(warnings, is_verbose);
        arguments.advice.iter().for_each(|advice| log.plain(advice));
        options::warn_of_wait(&arguments, &mut log);
        options::check(&arguments)?;
        let outcome = run(&arguments, output, &mut log)?;
        let has_shown = outcome.shown.is_some();
        if let Some(failure) = outcome.failure {
            let failure = match (is_verbose, has_shown) {
                (false, true) => anyhow!("{failure:#}\n\nUse --debug flag to render out invalid YAML"),
                (false, false) => failure,
                (true, _) => {
                    output::print(&arguments, outcome.shown.as_ref(), Some(&failure), output)?;
                    failure
                }
            };
            return Err(failure);
        }
        output::print(&arguments, outcome.shown.as_ref(), None, output)
    }
}

/// Everything up to the chart and its values, in Helm's order.
fn run(arguments: &Arguments, output: &mut dyn Write, log: &mut Log<'_>) -> Result<Outcome> {
    let mut capabilities = Capabilities::default();
    if let Some(version) = arguments.last("kube-version").filter(|version| !version.is_empty()) {
        capabilities.kube_version = KubeVersion::parse(version)?;
    }
    capabilities.api_versions.extend(arguments.all("api-versions").iter().cloned());
    let tls = source::tls(arguments)?;
    let dry_run = options::dry_run(arguments, log)?;
    log.debug("Original chart version", &[("version", arguments.text("version"))]);
    let (name, reference) = name_and_chart(arguments)?;
    let located = source::locate(&reference, arguments, tls, log)?;
    log.debug("Chart path", &[("path", located.path())]);
    let values = values::merge(arguments)?;
    let chart = located.load(log)?;
    chart.warnings.iter().for_each(|warning| log.info(warning));
    chart.check_installable()?;
    if chart.metadata.deprecated {
        log.warn("this chart is deprecated");
    }
    check_dependencies(&chart, arguments)?;
    chart.check_renderable()?;
    let server = match dry_run {
        DryRun::Client => None,
        DryRun::Server => Some(Server::connect(arguments).inspect_err(|error| log.error(&error.to_string(), &[]))?),
    };
    check_name(&name)
        .inspect_err(|fault| log.error("release name check failed", &[("error", fault)]))
        .map_err(|fault| anyhow!("release name check failed: {fault}"))?;
    if server.is_some() && !arguments.is_on("skip-crds") && !chart.crds().is_empty() {
        log.warn("This chart or one of its subcharts contains CRDs. Rendering may fail or contain inaccuracies.");
    }
    let options = RenderOptions {
        name,
        namespace: namespace(arguments),
        is_upgrade: arguments.is_on("is-upgrade"),
        enable_dns: arguments.is_on("enable-dns"),
        capabilities: server.as_ref().map_or(capabilities, Server::capabilities),
        ..RenderOptions::default()
    };
    let no_cluster = render::NoCluster;
    let lookup: &(dyn Lookup + Sync) = server.as_ref().map_or(&no_cluster, |server| server.lookup());
    let job = Job { arguments, chart: &chart, values, options, lookup };
    let mut outcome = job.run_told(log)?;
    if outcome.failure.is_none()
        && let Some(Shown::Rendered(rendered)) = &outcome.shown
    {
        // What goes into files is not in the manifest that Helm checks.
        if arguments.text("output-dir").is_empty() {
            server.as_ref().map_or(Ok(()), |server| server.check(rendered, &job.options))?;
        } else {
            outcome.failure = output::write_files(arguments, &job.options.name, rendered, output).err();
        }
    }
    leak(chart);
    Ok(outcome)
}

/// Leaves the memory of a large tree to the end of the program, which is near: taking it apart would take a tenth of a render's time.
fn leak<T>(tree: T) {
    std::mem::forget(tree);
}

/// The namespace that is asked for. Helm 4.3.1 does not look at the kubeconfig for it here.
fn namespace(arguments: &Arguments) -> String {
    let asked =
        arguments.last("namespace").map_or_else(|| std::env::var("HELM_NAMESPACE").unwrap_or_default(), str::to_owned);
    if asked.is_empty() { "default".to_owned() } else { asked }
}

/// The error of values of the wrong kind for a subchart names the value here, as Helm does: whoever calls the program gave it.
fn with_value(error: anyhow::Error, log: &mut Log<'_>) -> anyhow::Error {
    let told = |error: &chart::Error| match error {
        chart::Error::TypeMismatch { name, value } => format!("type mismatch on {name}: {value}"),
        error => error.to_string(),
    };
    match error.downcast_ref() {
        Some(chart::Error::Dependencies(source)) => {
            let text = told(source);
            log.error("chart dependencies processing failed", &[("error", &text)]);
            anyhow!("chart dependencies processing failed: {text}")
        }
        Some(mismatch @ chart::Error::TypeMismatch { .. }) => anyhow!(told(mismatch)),
        _ => error,
    }
}

impl Job<'_> {
    /// Renders, with room for deep templates, and tells what is to be told.
    fn run_told(&self, log: &mut Log<'_>) -> Result<Outcome> {
        let (outcome, told) = on_large_stack(|| {
            let mut told = Told::default();
            (self.run(&mut told), told)
        })?;
        for warning in told.warnings {
            log.info(&format!("warning: {warning}"));
        }
        told.steps.iter().for_each(|step| step.tell(log));
        outcome.map_err(|error| with_value(error, log))
    }

    fn run(&self, told: &mut Told) -> Result<Outcome> {
        let (skips, is_verbose) = (self.arguments.is_on("skip-schema-validation"), self.arguments.is_on("debug"));
        let mut tell = |step: SchemaStep<'_>| told.steps.extend(is_verbose.then(|| Step::of(step)));
        let prepared = prepare_telling(self.chart, &self.values, skips, &mut tell)?;
        told.warnings.extend(prepared.warnings.iter().cloned());
        options::check_labels(self.arguments)?;
        let failed = |shown, failure: anyhow::Error| Ok(Outcome { shown: Some(shown), failure: Some(failure) });
        let rendered = self.render(&prepared);
        leak(prepared);
        match rendered {
            Ok(rendered) => Ok(Outcome { shown: Some(Shown::Rendered(rendered)), failure: None }),
            Err(error) => {
                let text = match error.downcast_ref() {
                    Some(render::Error::Document { rendered, .. }) => rendered.clone(),
                    _ => String::new(),
                };
                failed(Shown::Raw(text), error)
            }
        }
    }

    fn render(&self, prepared: &Prepared) -> Result<Rendered> {
        prepared.chart.check_kube_version(self.options.capabilities.kube_version.checked())?;
        Ok(render::render(prepared, &self.options, self.lookup, &SystemAmbient::default())?)
    }
}

/// The release's name and what to find the chart by.
fn name_and_chart(arguments: &Arguments) -> Result<(String, String)> {
    let pattern = arguments.text("name-template");
    match arguments.positional.as_slice() {
        [_, _] if arguments.is_on("generate-name") => bail!("cannot set --generate-name and also specify a name"),
        [_, _] if !pattern.is_empty() => bail!("cannot set --name-template and also specify a name"),
        [name, chart] => Ok((name.clone(), chart.clone())),
        [chart] if pattern.is_empty() => Ok(("release-name".to_owned(), chart.clone())),
        [chart] => {
            let name = on_large_stack(|| render::render_name(pattern, &SystemAmbient::default()))??;
            Ok((name, chart.clone()))
        }
        more => {
            let unexpected = more.get(2..).unwrap_or_default().join(", ");
            bail!("expected at most two arguments, unexpected arguments: {unexpected}")
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let quoted = crate::value::quote(name);
    match check_release_name(name) {
        Err(_) if name.is_empty() => Err(format!("release name {quoted}: no name provided")),
        checked => checked.map_err(|error| format!("release name {quoted}: {error}")),
    }
}

/// Declared dependencies must lie in `charts/`; Helm checks names only.
fn check_dependencies(chart: &Chart, arguments: &Arguments) -> Result<()> {
    let declared = chart.metadata.dependencies.iter().map(|dependency| dependency.name.as_str());
    let is_missing = |name: &&str| !chart.dependencies.iter().any(|subchart| subchart.name() == *name);
    let missing: Vec<&str> = declared.filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = format!("found in Chart.yaml, but missing in charts/ directory: {}", missing.join(", "));
    if arguments.is_on("dependency-update") {
        bail!("--dependency-update is not possible here, run 'helm dependency update' before: {missing}");
    }
    bail!(
        "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch missing \
         dependencies: {missing}"
    )
}
