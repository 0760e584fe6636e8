//! The real helm program: packages and pushes charts, and is the witness of what the operator stored.
//!
//! In: arguments. Out: what it printed. Never touches the user's own helm configuration.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::process::temporary_folder;
use super::programs;
use super::registry::Registry;

/// The helm program with folders of its own.
pub(crate) struct Helm {
    program: PathBuf,
    home: TempDir,
    kubeconfig: Option<PathBuf>,
}

impl Helm {
    /// A helm that works on files and registries only.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { program: programs::helm()?, home: temporary_folder("rhumb-helm-")?, kubeconfig: None })
    }

    /// A helm that works on a cluster.
    pub(crate) fn on(kubeconfig: &Path) -> Result<Self> {
        let mut helm = Self::new()?;
        helm.kubeconfig = Some(kubeconfig.to_owned());
        Ok(helm)
    }

    /// Runs helm and returns what it printed; fails with what it complained about.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        for (variable, folder) in
            [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
        {
            command.env(variable, self.home.path().join(folder));
        }
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        let output = command.output().context("run helm")?;
        ensure!(
            output.status.success(),
            "helm {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs helm with `-o json` and reads what it printed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Result<Value> {
        let text = self.run(&[arguments, &["-o", "json"]].concat())?;
        serde_json::from_str(&text).context("helm printed no JSON")
    }

    /// The revisions of a release as `helm history` has them, oldest first, each as `revision status chart`.
    pub(crate) fn history(&self, namespace: &str, release: &str) -> Result<Vec<String>> {
        let revisions = self.json(&["history", release, "-n", namespace])?;
        let revisions = revisions.as_array().context("helm history printed no list")?;
        let text = |revision: &Value, key: &str| revision[key].as_str().unwrap_or_default().to_owned();
        Ok(revisions
            .iter()
            .map(|one| format!("{} {} {}", one["revision"], text(one, "status"), text(one, "chart")))
            .collect())
    }

    /// Packages a chart folder under a version into `target`.
    pub(crate) fn package(&self, chart: &Path, version: &str, target: &Path) -> Result<PathBuf> {
        let [chart_text, target_text] = [chart, target].map(|path| path.display().to_string());
        self.run(&["package", &chart_text, "--version", version, "-d", &target_text])?;
        let name = chart.file_name().unwrap_or_default().to_string_lossy();
        let package = target.join(format!("{name}-{version}.tgz"));
        ensure!(package.is_file(), "helm package left no {}", package.display());
        Ok(package)
    }

    /// Pushes a package to a repository folder of a registry.
    pub(crate) fn push(&self, package: &Path, registry: &Registry, repository: &str) -> Result<()> {
        let (package, url) = (package.display().to_string(), registry.url(repository));
        let flags = registry.helm_flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        self.run(&[&["push", &package, &url], flags.as_slice()].concat())?;
        Ok(())
    }
}
