//! `rhumb template` against what `helm template` of Helm 4.3.1 did with the same chart and arguments.
//!
//! `tests/data/template/cases.jsonl` holds small charts that were made by hand and by combining parts, each with its arguments and what
//! the real program printed, wrote and ended with; `{W}` stands for the folder of the case. Charts whose result changed from run to run
//! were left out. Where `stderr` is missing, only the result is compared: the case warns in other words than Helm.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

const CASES: &str = include_str!("../data/template/cases.jsonl");

#[derive(Deserialize)]
struct Case {
    files: BTreeMap<String, String>,
    arguments: Vec<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    exit: i32,
    stdout: String,
    stderr: Option<String>,
    /// Files below `out`, by path.
    #[serde(default)]
    written: BTreeMap<String, String>,
}

fn written_below(folder: &Path, root: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            written_below(&path, root, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

fn check(case: &Case) -> Result<(), String> {
    let work = tempfile::tempdir().unwrap();
    let root = work.path().canonicalize().unwrap();
    let place = root.to_string_lossy().into_owned();
    for (path, text) in &case.files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_rhumb"))
        .args(case.arguments.iter().map(|argument| argument.replace("{W}", &place)))
        .current_dir(&root)
        .env_clear()
        .envs([("TZ", "UTC"), ("HOME", "/nowhere"), ("PATH", "/usr/bin:/bin")])
        .envs(&case.variables)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&place, "{W}");
    let equal = |what: &str, found: &str, wanted: &str| {
        if found == wanted { Ok(()) } else { Err(format!("{what}\n--- found\n{found}\n--- wanted\n{wanted}")) }
    };
    equal("exit", &output.status.code().unwrap_or(-1).to_string(), &case.exit.to_string())
        .map_err(|text| format!("{text}\n--- stderr\n{}", shown(&output.stderr)))?;
    equal("stdout", &shown(&output.stdout), &case.stdout)?;
    if let Some(stderr) = &case.stderr {
        equal("stderr", &shown(&output.stderr), stderr)?;
    }
    let mut written = BTreeMap::new();
    written_below(&root.join("out"), &root, &mut written);
    equal("written", &format!("{written:#?}"), &format!("{:#?}", case.written))
}

#[test]
fn charts_and_arguments_are_taken_as_helm_takes_them() {
    let cases: Vec<Case> = CASES.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(cases.len() > 300, "only {} cases", cases.len());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let check_all = |cases: &[Case]| -> Vec<String> {
            let told = |case: &Case, text| format!("{:?} {:?}\n{text}", case.arguments, case.files);
            cases.iter().filter_map(|case| check(case).err().map(|text| told(case, text))).collect()
        };
        let parts = cases.chunks(cases.len().div_ceil(workers));
        let running: Vec<_> = parts.map(|part| scope.spawn(move || check_all(part))).collect();
        running.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let shown = failures.iter().take(5).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(failures.is_empty(), "{} of {} cases differ:\n{shown}", failures.len(), cases.len());
}
