//! The arguments in `deploy/install.yaml`, and with other values of the chart the flags that it can set, are ones that `rhumb run` takes.
//!
//! The rule is clap's own reading of the command line; nothing is started.

use std::fs;

use clap::Parser as _;
use rhumb::cli::Cli;
use serde::Deserialize as _;
use serde_json::Value;

fn read(relative: &str) -> String {
    fs::read_to_string(crate::project::root().join(relative)).unwrap()
}

fn arguments_of_the_deployment() -> Vec<String> {
    let text = read("deploy/install.yaml");
    let mut documents = serde_yaml::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap());
    let deployment = documents.find(|document| document["kind"] == "Deployment").unwrap();
    let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap();
    arguments.iter().map(|argument| argument.as_str().unwrap().to_owned()).collect()
}

fn is_understood(arguments: &[String]) -> Result<(), String> {
    let line = std::iter::once("rhumb".to_owned()).chain(arguments.iter().cloned());
    Cli::try_parse_from(line).map(drop).map_err(|error| error.to_string())
}

#[test]
fn the_deployment_starts_the_operator_with_flags_that_it_has() {
    let arguments = arguments_of_the_deployment();
    assert_eq!(arguments.first().map(String::as_str), Some("run"));
    assert_eq!(is_understood(&arguments), Ok(()));
    let mut mistyped = arguments;
    mistyped.push("--concurent=5".to_owned());
    assert!(is_understood(&mistyped).unwrap_err().contains("--concurent"));
}

#[test]
fn every_flag_in_the_chart_exists() {
    let template = read("charts/rhumb/templates/deployment.yaml");
    let starts = template.match_indices("--").map(|(start, _)| &template[start..]);
    let letters = |letter: char| letter.is_ascii_lowercase() || letter == '-';
    let flags: Vec<&str> = starts.map(|rest| &rest[..rest.find(|letter| !letters(letter)).unwrap()]).collect();
    let flags: Vec<&str> = flags.into_iter().filter(|flag| flag.len() > 3).collect();
    assert!(flags.len() >= 15, "{flags:?}");
    for flag in flags {
        // A flag without its value is refused with another message than one that does not exist.
        let refused = is_understood(&["run".to_owned(), flag.to_owned(), "--no-such-flag".to_owned()]).unwrap_err();
        assert!(!refused.contains(&format!("unexpected argument '{flag}'")), "{flag}: {refused}");
    }
}
