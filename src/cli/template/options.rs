//! The flags of `rhumb template`: all that `helm template` takes, those that change nothing as well.
//!
//! Counterpart: `pkg/cmd/template.go`, `install.go` and `flags.go` and `pkg/cli/environment.go` of Helm 4.3.1.
//! Invariant: what Helm refuses is refused with the same words; what is refused beyond that says why.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::log::Log;
use crate::cli::flags::{Arguments, Flag, Help, UsageError, first_record};
use crate::sprig::parse_duration;
use crate::value::quote;

/// Flags of the command itself.
const FLAGS: &[Flag] = &[
    Flag::list("values", "read values from a YAML file or URL; - is the standard input").short('f'),
    Flag::texts("set", "set values: key=value,other.key[0]=value"),
    Flag::texts("set-string", "set text values"),
    Flag::texts("set-json", "set values to JSON: key=JSON, or one object"),
    Flag::texts("set-file", "set values to the contents of files: key=path"),
    Flag::texts("set-literal", "set a text value as it stands: key=text"),
    Flag::switch("include-crds", "print the CRDs as well"),
    Flag::switch("skip-crds", "accepted as in Helm; CRDs are printed only with --include-crds"),
    Flag::text("kube-version", "the Kubernetes version that templates see"),
    Flag::list("api-versions", "API versions that templates see besides the usual ones").short('a'),
    Flag::switch("is-upgrade", "set .Release.IsUpgrade instead of .Release.IsInstall"),
    Flag::switch("no-hooks", "leave out hooks"),
    Flag::switch("skip-tests", "leave out test hooks"),
    Flag::texts("show-only", "print only what comes from these templates; may hold wildcards").short('s'),
    Flag::text("name-template", "a template for the release's name"),
    Flag::switch("generate-name", "accepted as in Helm: without a name the release is called release-name").short('g'),
    Flag::text("output-dir", "write the files to this directory instead of printing them"),
    Flag::switch("release-name", "put the release's name into the path of --output-dir"),
    Flag::switch("skip-schema-validation", "do not check the values against schemas"),
    Flag::switch("enable-dns", "let templates look up host names"),
    Flag::text("dry-run", "client, or server: with what the cluster of the kubeconfig can do, and its objects")
        .bare("unset"),
    Flag::switch("validate", "").deprecated("use '--dry-run=server' instead"),
    Flag::text("version", "a version or range of the chart"),
    Flag::switch("devel", "take pre-releases as well, as --version '>0.0.0-0' does"),
    Flag::text("repo", "the URL of the repository that has the chart"),
    Flag::text("username", "user for the repository"),
    Flag::text("password", "password for the repository"),
    Flag::switch("pass-credentials", "send user and password to other hosts as well"),
    Flag::text("ca-file", "certificates of authorities to trust, in PEM"),
    Flag::text("cert-file", "our certificate for the server, in PEM"),
    Flag::text("key-file", "the key of our certificate, in PEM"),
    Flag::switch("insecure-skip-tls-verify", "refused: certificates are always checked; see --ca-file"),
    Flag::switch("plain-http", "talk to the registry without TLS"),
    Flag::switch("verify", "refused: signatures are not checked"),
    Flag::text("keyring", ""),
    Flag::switch("dependency-update", "refused if dependencies are missing"),
    Flag::checked("post-renderer", read_plugin, "refused: there are no plugins"),
    Flag::list("post-renderer-args", ""),
    Flag::checked("labels", read_pairs, "").short('l'),
    Flag::checked("timeout", read_duration, ""),
    Flag::checked("wait", read_wait, "").bare("watcher"),
    Flag::switch("wait-for-jobs", ""),
    Flag::switch("create-namespace", ""),
    Flag::switch("force-replace", ""),
    Flag::switch("force", "").deprecated("use --force-replace instead"),
    Flag::switch("force-conflicts", ""),
    Flag::switch("server-side", ""),
    Flag::switch("replace", ""),
    Flag::text("description", ""),
    Flag::switch("disable-openapi-validation", ""),
    Flag::switch("rollback-on-failure", ""),
    Flag::switch("atomic", "").deprecated("use --rollback-on-failure instead"),
    Flag::switch("take-ownership", ""),
    Flag::switch("hide-notes", "").deprecated(NO_EFFECT),
    Flag::switch("render-subchart-notes", "").deprecated(NO_EFFECT),
];

const NO_EFFECT: &str = "this flag has no effect for 'helm template' and will be removed in Helm 5";

/// Flags that Helm takes for every command.
const GLOBAL_FLAGS: &[Flag] = &[
    Flag::text("namespace", "the release's namespace").short('n'),
    Flag::switch("debug", "print what was rendered even if it is not valid YAML"),
    Flag::text("kubeconfig", "the kubeconfig to take the namespace and the cluster from"),
    Flag::text("kube-context", "the context of the kubeconfig"),
    Flag::text("kube-apiserver", ""),
    Flag::texts("kube-as-group", ""),
    Flag::text("kube-as-user", ""),
    Flag::text("kube-ca-file", ""),
    Flag::switch("kube-insecure-skip-tls-verify", ""),
    Flag::text("kube-tls-server-name", ""),
    Flag::text("kube-token", ""),
    Flag::checked("burst-limit", read_integer, ""),
    Flag::checked("qps", read_float, ""),
    Flag::checked("color", read_colour, ""),
    Flag::checked("colour", read_colour, ""),
    Flag::text("content-cache", ""),
    Flag::text("registry-config", ""),
    Flag::text("repository-cache", ""),
    Flag::text("repository-config", ""),
];

/// Labels that a release's record has already.
const SYSTEM_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];

/// Where the cluster comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DryRun {
    /// Nowhere.
    Client,
    /// Its capabilities and objects are what templates see.
    Server,
}

/// Takes the command line apart.
pub(super) fn parse(arguments: &[String]) -> Result<Arguments, UsageError> {
    Arguments::parse(&[FLAGS, GLOBAL_FLAGS], arguments)
}

/// Refuses what Helm refuses before it looks at the chart.
pub(super) fn check(arguments: &Arguments) -> Result<(), UsageError> {
    if arguments.positional.is_empty() {
        let usage = "Usage:  rhumb template [NAME] [CHART] [flags]";
        return Err(UsageError(format!("\"rhumb template\" requires at least 1 argument\n\n{usage}")));
    }
    arguments.check_exclusive(&["force-replace", "force-conflicts"])?;
    arguments.check_exclusive(&["force", "force-conflicts"])?;
    arguments.check_exclusive(&["validate", "dry-run"])
}

/// What `--help` prints.
pub(super) fn help() -> String {
    let mut text = "Render a chart and print what comes out, as `helm template` does\n\n".to_owned();
    text.push_str("Usage:\n  rhumb template [NAME] [CHART] [flags]\n\nCHART is a directory, a package, a URL of one, ");
    text.push_str("oci://REGISTRY/PATH, or with --repo a name.\n\nFlags:\n");
    let _ = writeln!(text, "{}{}", Help(FLAGS), Help(GLOBAL_FLAGS));
    text.push_str("The other flags of `helm template` are accepted and change nothing.\n");
    text
}

/// What the flags say about the cluster.
pub(super) fn dry_run(arguments: &Arguments, log: &mut Log<'_>) -> Result<DryRun> {
    if arguments.is_on("validate") {
        return Ok(DryRun::Server);
    }
    match arguments.last("dry-run") {
        None | Some("client") => Ok(DryRun::Client),
        Some("unset") => {
            log.warn("--dry-run is deprecated and should be replaced with '--dry-run=client'");
            Ok(DryRun::Client)
        }
        Some("server") => Ok(DryRun::Server),
        Some(value @ ("none" | "false" | "False" | "FALSE" | "f" | "F" | "0")) => {
            bail!("invalid dry-run value ({}). Must be \"server\" or \"client\"", quote(value))
        }
        Some(value @ ("true" | "True" | "TRUE" | "t" | "T" | "1")) => {
            let text = format!("'--dry-run={value}'");
            log.warn(&format!("boolean {text} flag is deprecated and must be replaced with '--dry-run=client'"));
            Ok(DryRun::Client)
        }
        Some(value) => bail!("invalid dry-run value ({}). Must be \"none\", \"server\", or \"client\"", quote(value)),
    }
}

/// Warns of what is deprecated about `--wait`.
pub(super) fn warn_of_wait(arguments: &Arguments, log: &mut Log<'_>) {
    for value in arguments.all("wait") {
        let instead = if value == "true" { "watcher" } else { "hookOnly" };
        if matches!(value.as_str(), "true" | "false") {
            log.warn(&format!(
                "--wait={value} is deprecated (boolean value) and can be replaced with --wait={instead}"
            ));
        }
    }
}

/// Refuses labels that Helm keeps for itself.
pub(super) fn check_labels(arguments: &Arguments) -> Result<()> {
    let is_system = |label: &String| SYSTEM_LABELS.iter().any(|name| label.split('=').next() == Some(name));
    if arguments.all("labels").iter().any(is_system) {
        let labels = SYSTEM_LABELS.join(" ");
        bail!("user supplied labels contains system reserved label name. System labels: [{labels}]");
    }
    Ok(())
}

fn read_pairs(text: &str) -> Result<Vec<String>, String> {
    let pairs = match text.matches('=').count() {
        0 => return Err(format!("{text} must be formatted as key=value")),
        1 => vec![text.trim_matches('"').to_owned()],
        _ => first_record(text)?,
    };
    match pairs.iter().find(|pair| !pair.contains('=')) {
        Some(pair) => Err(format!("{pair} must be formatted as key=value")),
        None => Ok(pairs),
    }
}

/// There are no plugins, so none is ever found.
fn read_plugin(name: &str) -> Result<Vec<String>, String> {
    if name.is_empty() {
        Ok(Vec::new())
    } else {
        Err(format!("plugin: {{Name:{name} Type:postrenderer/v1}} not found"))
    }
}

fn read_colour(text: &str) -> Result<Vec<String>, String> {
    match text {
        "never" | "auto" | "always" => Ok(vec![text.to_owned()]),
        _ => Err(format!("invalid color mode {}: must be one of: never, auto, always", quote(text))),
    }
}

fn read_duration(text: &str) -> Result<Vec<String>, String> {
    parse_duration(text).map(|_| vec![text.to_owned()])
}

fn read_wait(text: &str) -> Result<Vec<String>, String> {
    match text {
        "watcher" | "hookOnly" | "legacy" | "true" | "false" => Ok(vec![text.to_owned()]),
        _ => Err(format!("invalid wait input {}. Valid inputs are watcher, hookOnly, and legacy", quote(text))),
    }
}

fn read_integer(text: &str) -> Result<Vec<String>, String> {
    let fault = |_| format!("strconv.ParseInt: parsing {}: invalid syntax", quote(text));
    text.parse::<i64>().map(|_| vec![text.to_owned()]).map_err(fault)
}

fn read_float(text: &str) -> Result<Vec<String>, String> {
    let fault = |_| format!("strconv.ParseFloat: parsing {}: invalid syntax", quote(text));
    text.parse::<f32>().map(|_| vec![text.to_owned()]).map_err(fault)
}
