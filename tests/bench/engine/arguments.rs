//! The command line of the benchmarks, and the charts that they measure.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use crate::figures::chart_name;

/// The charts of the collection that are measured one by one, small to large.
const CHARTS: &[&str] = &[
    "podinfo-6.14",
    "ingress-nginx-4",
    "traefik-41",
    "cert-manager-v0.0",
    "kube-prometheus-stack-88",
    "argo-cd-10",
    "argo-cd-11",
];

/// Where the collection lies, seen from the project.
const COLLECTION: &str = "../shared/corpus";

/// What the command line says.
pub(crate) struct Arguments {
    /// A collection of charts: `charts/*.tgz` and an `index.json` of cases.
    pub(crate) collection: PathBuf,
    /// Only charts whose name holds this.
    only: String,
    /// How long each chart is measured.
    pub(crate) time: Duration,
    /// Whether engines are measured.
    pub(crate) engines: bool,
    /// Whether whole processes are measured.
    pub(crate) processes: bool,
}

impl Arguments {
    /// Reads the command line.
    pub(crate) fn parse() -> Result<Self, Box<dyn Error>> {
        let project = crate::project::root();
        let mut arguments = Self {
            collection: project.join(COLLECTION),
            only: String::new(),
            time: Duration::from_secs(2),
            engines: true,
            processes: true,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--collection" => arguments.collection = PathBuf::from(value()?),
                "--only" => arguments.only = value()?,
                "--seconds" => arguments.time = Duration::from_secs_f64(value()?.parse()?),
                "--engines" => arguments.processes = false,
                "--processes" => arguments.engines = false,
                // Passed by cargo to every benchmark.
                "--bench" => {}
                other => return Err(format!("{other} is not known").into()),
            }
        }
        if !arguments.collection.is_dir() {
            println!("{} is not there, so only the project's own chart is measured", arguments.collection.display());
        }
        Ok(arguments)
    }

    /// The charts to measure; the project's own comes first and is always there.
    pub(crate) fn charts(&self) -> Vec<PathBuf> {
        let own = crate::project::root().join("charts/rhumb");
        let folder = self.collection.join("charts");
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let named = |path: &&PathBuf, start: &str| chart_name(path).starts_with(start);
        let found = CHARTS.iter().flat_map(|start| paths.iter().filter(move |path| named(path, start)).cloned());
        let all = std::iter::once(own).chain(found);
        all.filter(|path| chart_name(path).contains(&self.only)).collect()
    }
}
