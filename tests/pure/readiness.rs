//! Readiness by kind. Cases are in `tests/data/readiness`, a file a kind; states follow the documented rules of kstatus (cli-utils) and
//! of Helm 4.3's own readers for Jobs, hooks and paused Deployments. Messages are our own.

use std::fs;

use rhumb::readiness::{Purpose, readiness};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Case {
    name: String,
    purpose: String,
    object: Value,
    state: String,
    message: String,
}

fn check(file: &str) {
    let path = crate::project::root().join("tests/data/readiness").join(file);
    let cases: Vec<Case> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert!(!cases.is_empty(), "{file} has no cases");
    for case in cases {
        let purpose = match case.purpose.as_str() {
            "release" => Purpose::Release { wait_for_jobs: false },
            "release-with-jobs" => Purpose::Release { wait_for_jobs: true },
            "legacy" => Purpose::Legacy { wait_for_jobs: false },
            "legacy-with-jobs" => Purpose::Legacy { wait_for_jobs: true },
            "hook" => Purpose::Hook,
            other => panic!("{file}: {}: unknown purpose {other}", case.name),
        };
        let verdict = readiness(&case.object, purpose);
        assert_eq!((verdict.state.to_string(), verdict.message), (case.state, case.message), "{file}: {}", case.name);
    }
}

macro_rules! kinds {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            check(concat!(stringify!($name), ".json"));
        })*

        #[test]
        fn every_case_file_is_run() {
            let folder = crate::project::root().join("tests/data/readiness");
            let mut files: Vec<String> = fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            assert_eq!(files, [$(concat!(stringify!($name), ".json")),*]);
        }
    };
}

kinds!(
    always,
    custom_resource_definition,
    daemon_set,
    deployment,
    job,
    legacy,
    other,
    persistent_volume_claim,
    pod,
    replica_set,
    service,
    stateful_set,
);
