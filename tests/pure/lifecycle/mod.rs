//! Decisions about releases: single observations, stories of many reconciles, and what must hold for all.
//!
//! What is expected comes from Flux's helm-controller 1.6.3, read or recorded on a real API server; each file of
//! tests/data/lifecycle says which.
//!
//! **Invariant:** a file in the data folders is a test; none is skipped.

mod cases;
mod properties;
mod scripts;
mod world;

/// Reads every YAML file of a folder of tests/data/lifecycle, with its name.
fn read_all<T: serde::de::DeserializeOwned>(folder: &str) -> Vec<(String, T)> {
    let folder = crate::project::root().join("tests/data/lifecycle").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).expect("a readable file");
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        assert!(text.starts_with("# "), "{name} does not say where its expectations come from");
        let parsed = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, parsed)
    };
    files.iter().map(read).collect()
}
