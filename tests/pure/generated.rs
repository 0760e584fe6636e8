//! Holds generated files to the code: `crds/` is what the types give.
//!
//! With `RHUMB_UPDATE=1` in the environment the files are rewritten instead.

use std::fs;
use std::path::{Path, PathBuf};

use rhumb::api;

fn repository_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

#[test]
fn crd_files_are_current() {
    let folder = repository_path("crds");
    let update = std::env::var_os("RHUMB_UPDATE").is_some_and(|value| value == "1");
    let mut expected_names = Vec::new();
    for crd in api::crds() {
        let name = api::crd_file_name(&crd);
        let expected = api::crd_yaml(&crd);
        if update {
            fs::write(folder.join(&name), &expected).unwrap();
        }
        let found = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(found == expected, "crds/{name} is not what the types give; run the test again with RHUMB_UPDATE=1");
        expected_names.push(name);
    }
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    expected_names.sort();
    assert_eq!(names, expected_names, "crds/ holds exactly the generated files");
}
