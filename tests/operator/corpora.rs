//! `rhumb template` against collections of charts with the exact output of helm 4.3.1, where they lie beside the checkout.
//!
//! The collections are not part of the project; `../shared/corpus` and `../shared/probes` are looked for, each with the script that runs
//! it. Without them there is nothing to compare, which is said.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Charts of the corpus that are rendered here; all of them take minutes with an unoptimised build.
const CHARTS: &str = "ingress-nginx-*,traefik-*,cert-manager-*,kube-prometheus-stack-*,argo-cd-*,cilium-*,airflow-*";

#[allow(clippy::print_stdout, reason = "a skipped comparison is told")]
fn collection(name: &str, script: &str) -> Option<PathBuf> {
    let beside = crate::project::root().parent()?.join("shared").join(name);
    if beside.join(script).is_file() {
        return Some(beside);
    }
    println!("skipped: there is no ../shared/{name} beside the checkout");
    None
}

/// Runs a collection's script and returns what it says it passed and failed, with all that it printed.
fn run(folder: &Path, script: &str, arguments: &[&str]) -> (usize, usize, String) {
    let output = Command::new("python3")
        .arg(folder.join(script))
        .args(["--bin", env!("CARGO_BIN_EXE_rhumb")])
        .args(arguments)
        .output()
        .expect("python3 runs the script");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    let counts: Vec<usize> = last.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    let [passed, failed] = counts[..] else { panic!("the script ended without its counts:\n{text}") };
    (passed, failed, text)
}

#[test]
fn charts_of_the_corpus_render_as_helm_renders_them() {
    let Some(folder) = collection("corpus", "compare") else { return };
    for charts in CHARTS.split(',') {
        let (passed, failed, text) = run(&folder, "compare", &["-j", "2", "--only", charts]);
        assert_eq!(failed, 0, "{text}");
        assert!(passed > 0, "no chart of the corpus is called {charts}");
    }
}

#[test]
fn probes_render_as_helm_renders_them() {
    let Some(folder) = collection("probes", "run") else { return };
    let (passed, failed, text) = run(&folder, "run", &[]);
    assert!(passed > 0, "{text}");
    assert_eq!(failed, 0, "{text}");
}
