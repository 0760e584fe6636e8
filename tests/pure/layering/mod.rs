//! The shape of the source tree: who may import whom, the wall between the pure and the effect half, lengths, headers.
//!
//! The rules are the project's own; a row of [`IMPORTS`] is changed only together with its reason.
//!
//! **Invariant:** every module of `src/` has a row; nothing is exempt that is not named here.

mod scan;

use std::collections::{BTreeMap, BTreeSet};

use scan::{Source, sources, tree_sources};

/// Which top-level module may import which others. Reading order: everything a row names stands above it or imports less.
const IMPORTS: &[(&str, &[&str])] = &[
    ("value", &[]),
    ("version", &[]),
    ("api", &[]),
    ("telemetry", &[]),
    ("goyaml", &["value"]),
    ("gotemplate", &["value"]),
    ("readiness", &["value"]),
    ("diff", &["value"]),
    ("sprig", &["value", "version", "gotemplate"]),
    // A schema's patterns are Go's regular expressions, which sprig knows.
    ("chart", &["value", "version", "goyaml", "sprig"]),
    // The digest of a configuration is that of its YAML.
    ("release", &["value", "goyaml", "chart"]),
    ("render", &["value", "version", "goyaml", "gotemplate", "sprig", "chart", "release"]),
    ("lifecycle", &["api", "release", "diff"]),
    ("cluster", &["release", "render", "diff", "readiness", "value", "telemetry"]),
    // A repository's index.yaml has to be read by the same YAML rules as Helm reads it with.
    ("source", &["api", "chart", "version", "goyaml", "telemetry"]),
    ("storage", &["release", "cluster", "telemetry"]),
    // A wait says what it is for (install, upgrade, a hook), in the words of the readiness rules.
    (
        "action",
        &["api", "chart", "release", "render", "lifecycle", "diff", "readiness", "cluster", "storage", "telemetry"],
    ),
    ("admin", &["telemetry"]),
    // The flag that the readiness probe answers with belongs to admin, which knows nothing of controllers.
    (
        "controller",
        &[
            "value",
            "version",
            "api",
            "telemetry",
            "goyaml",
            "gotemplate",
            "readiness",
            "diff",
            "sprig",
            "chart",
            "release",
            "render",
            "lifecycle",
            "cluster",
            "source",
            "storage",
            "action",
            "admin",
        ],
    ),
    (
        "cli",
        &[
            "value",
            "version",
            "api",
            "telemetry",
            "goyaml",
            "gotemplate",
            "readiness",
            "diff",
            "sprig",
            "chart",
            "release",
            "render",
            "lifecycle",
            "cluster",
            "source",
            "storage",
            "action",
            "admin",
            "controller",
        ],
    ),
];

/// The half that builds without the feature `operator`.
const PURE: &[&str] = &[
    "api",
    "chart",
    "diff",
    "gotemplate",
    "goyaml",
    "lifecycle",
    "readiness",
    "release",
    "render",
    "sprig",
    "value",
    "version",
];

/// What the pure half may not name: clients, tasks, sockets, the clock, files, randomness.
const IMPURE: &[&str] = &[
    "anyhow",
    "axum",
    "clap",
    "futures",
    "getrandom",
    "http",
    "http_body_util",
    "hyper",
    "kube::Api",
    "kube::Client",
    "kube::Config",
    "kube::api",
    "kube::client",
    "kube::config",
    "kube::runtime",
    "kube_runtime",
    "moka",
    "prometheus_client",
    "rand",
    "reqwest",
    "rustls",
    "std::env",
    "std::fs",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "tokio_util",
    "tower",
    "tracing",
];

/// Files of the pure half that may name one impure thing, with the reason.
const IMPURE_BUT_ALLOWED: &[(&str, &str, &str)] = &[(
    "src/readiness/expression.rs",
    "std::thread",
    "long expressions need a larger stack, which only a thread of its own has; the caller waits for it",
)];

/// What nobody but these modules may name: a client of the cluster or a socket.
const CLIENTS: &[&str] = &["kube::Api", "kube::Client", "reqwest", "std::net::TcpStream", "tokio::net"];
const MAY_HOLD_CLIENTS: &[&str] = &["admin", "cli", "cluster", "controller", "source", "storage"];

const MAX_FILE_LINES: usize = 800;
const MAX_FUNCTION_LINES: usize = 60;

/// Files that are nothing but a table and may therefore be longer.
const LONG_TABLES: &[&str] = &[];

/// Functions that are one flat match or table, named `file::function`, and may therefore be longer.
const LONG_FUNCTIONS: &[&str] = &[];

fn allowed(module: &str) -> &'static [&'static str] {
    let row = IMPORTS.iter().find(|(name, _)| *name == module);
    row.unwrap_or_else(|| panic!("module {module} has no row in the table of imports")).1
}

#[test]
fn every_module_has_a_row_and_every_row_a_module() {
    let modules: BTreeSet<String> = sources().iter().filter_map(|source| source.top.clone()).collect();
    let rows: BTreeSet<String> = IMPORTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(modules, rows);
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let mut forbidden = Vec::new();
    for source in sources() {
        let Some(module) = &source.top else { continue };
        for import in &source.imports {
            if import.module != *module && !allowed(module).contains(&import.module.as_str()) {
                forbidden.push(format!("{}:{}: {module} imports {}", source.path, import.line, import.module));
            }
        }
    }
    assert!(forbidden.is_empty(), "\n{}", forbidden.join("\n"));
}

#[test]
fn modules_form_no_cycle() {
    let table: BTreeMap<&str, Vec<&str>> = IMPORTS.iter().map(|(name, row)| (*name, row.to_vec())).collect();
    assert_eq!(scan::cycle(&table), None, "the table itself");
}

#[test]
fn a_cycle_is_found() {
    let table = BTreeMap::from([("a", vec!["b"]), ("b", vec!["c"]), ("c", vec!["b"]), ("d", vec!["a"])]);
    assert_eq!(scan::cycle(&table), Some(vec!["b", "c", "b"]));
}

#[test]
fn the_pure_half_is_what_builds_without_the_operator() {
    let library = sources().iter().find(|source| source.path == "src/lib.rs").expect("a library");
    let pure: BTreeSet<String> = library.plain_modules.iter().cloned().collect();
    assert_eq!(pure, PURE.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn the_pure_half_names_nothing_impure() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.top.as_deref().is_some_and(|top| PURE.contains(&top))) {
        for import in &source.imports {
            if !PURE.contains(&import.module.as_str()) {
                found.push(format!("{}:{}: {}", source.path, import.line, import.module));
            }
        }
        for named in &source.paths {
            let allowed = |thing: &str| {
                IMPURE_BUT_ALLOWED.iter().any(|(file, allowed, _)| *file == source.path && *allowed == thing)
            };
            let impure = IMPURE.iter().find(|impure| scan::names(&named.path, impure) && !allowed(impure));
            if impure.is_some() || scan::reads_clock(&named.path) {
                found.push(format!("{}:{}: {}", source.path, named.line, named.path));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn only_the_modules_at_the_edge_hold_a_client() {
    let mut found = Vec::new();
    for source in sources() {
        let Some(module) = &source.top else { continue };
        if MAY_HOLD_CLIENTS.contains(&module.as_str()) {
            continue;
        }
        for named in &source.paths {
            if CLIENTS.iter().any(|client| scan::names(&named.path, client)) {
                found.push(format!("{}:{}: {}", source.path, named.line, named.path));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn files_are_short_enough_to_read() {
    let long: Vec<String> = tree_sources()
        .filter(|source| source.text.lines().count() > MAX_FILE_LINES && !LONG_TABLES.contains(&source.path.as_str()))
        .map(|source| format!("{}: {} lines", source.path, source.text.lines().count()))
        .collect();
    assert!(long.is_empty(), "more than {MAX_FILE_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn functions_are_short_enough_to_read() {
    let mut long = Vec::new();
    for source in sources() {
        for function in &source.functions {
            let name = format!("{}::{}", source.path, function.name);
            if function.lines > MAX_FUNCTION_LINES && !LONG_FUNCTIONS.contains(&name.as_str()) {
                long.push(format!("{name}: {} lines", function.lines));
            }
        }
    }
    assert!(long.is_empty(), "more than {MAX_FUNCTION_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<&str> =
        tree_sources().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path.as_str()).collect();
    assert!(silent.is_empty(), "no header:\n{}", silent.join("\n"));
}

#[test]
fn every_folder_states_an_invariant() {
    let silent: Vec<&str> = sources()
        .iter()
        .filter(|source| source.path.ends_with("/mod.rs") && !source.states_invariant())
        .map(|source| source.path.as_str())
        .collect();
    assert!(silent.is_empty(), "no sentence that begins with **Invariant:**\n{}", silent.join("\n"));
}

#[test]
fn a_module_with_children_is_a_folder() {
    let paths: BTreeSet<&str> = tree_sources().map(|source| source.path.as_str()).collect();
    let folders: BTreeSet<&str> =
        paths.iter().filter_map(|path| path.rsplit_once('/')).map(|(folder, _)| folder).collect();
    let beside: Vec<&&str> =
        paths.iter().filter(|path| path.strip_suffix(".rs").is_some_and(|stem| folders.contains(stem))).collect();
    assert!(beside.is_empty(), "these stand beside a folder of their name: {beside:?}");
}

#[test]
fn imports_are_found_in_every_form() {
    let source = Source::of(
        "src/chart/dependency/mod.rs",
        "use crate::{value::{self, Map}, version as v};\n\
         use super::super::goyaml::parse;\n\
         use super::model::Chart;\n\
         fn f(x: crate::api::Chart) -> bool {\n\
             let y = crate::release::encode(&x);\n\
             matches!(y, Ok(crate::sprig::Thing))\n\
         }\n\
         mod tests { use super::super::super::diff::D; }\n",
    );
    let found: Vec<(String, usize)> = source.imports.into_iter().map(|import| (import.module, import.line)).collect();
    let expected =
        [("value", 1), ("value", 1), ("version", 1), ("goyaml", 2), ("api", 4), ("release", 5), ("sprig", 6)];
    let expected: Vec<(String, usize)> =
        expected.into_iter().chain([("diff", 8)]).map(|(module, line)| (module.to_owned(), line)).collect();
    assert_eq!(found, expected);
}

#[test]
fn functions_are_measured_with_their_signature() {
    let source =
        Source::of("src/value/mod.rs", "/// Doc.\nfn f(\n    x: u8,\n) {\n    g();\n}\nimpl X {\n    fn g() {}\n}\n");
    let found: Vec<(&str, usize)> = source.functions.iter().map(|found| (found.name.as_str(), found.lines)).collect();
    assert_eq!(found, [("f", 5), ("g", 1)]);
}

#[test]
fn impure_names_are_found() {
    let source = Source::of(
        "src/value/mod.rs",
        "use std::{fs::File, time::{Duration, Instant}};\nfn f() { let t = jiff::Timestamp::now(); kube::Client::x(); }\n",
    );
    let named: Vec<String> = source.paths.into_iter().map(|named| named.path).collect();
    for (path, impure) in [
        ("std::fs::File", "std::fs"),
        ("std::time::Instant", "std::time::Instant"),
        ("kube::Client::x", "kube::Client"),
    ] {
        assert!(named.iter().any(|named| named == path), "{path} in {named:?}");
        assert!(scan::names(path, impure));
    }
    assert!(named.iter().any(|path| scan::reads_clock(path)));
    assert!(!scan::names("std::time::Duration", "std::time::Instant"));
    assert!(!scan::names("tokio_like::x", "tokio"));
}
