//! What the pages for users name exists: flags, values of the chart, metrics, files, subcommands.
//!
//! That the commands of the README do what it says is the business of the end-to-end tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::{CommandFactory as _, Parser as _};
use rhumb::cli::Cli;
use serde_json::Value;

const PAGES: [&str; 4] = ["README.md", "deploy/README.md", "examples/README.md", ".github/SECURITY.md"];

fn read(relative: &str) -> String {
    fs::read_to_string(crate::project::root().join(relative)).unwrap()
}

/// The text between single backquotes, blocks left out.
fn spans(page: &str) -> Vec<String> {
    let mut spans = Vec::new();
    for (at, part) in page.split("```").enumerate() {
        if at % 2 == 0 {
            spans.extend(part.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    spans
}

/// The shell blocks of a page, a command a line: continued lines are put together, pipes taken apart.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let blocks = blocks.map(|(block, _)| block.lines().map(str::trim).collect::<Vec<_>>().join("\n"));
    let lines = blocks.map(|block| block.replace("\\\n", " "));
    let parts: Vec<String> =
        lines.flat_map(|text| text.split(['\n', '|']).map(str::to_owned).collect::<Vec<_>>()).collect();
    parts.into_iter().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty() && !it.starts_with('#')).collect()
}

fn flags() -> BTreeSet<String> {
    let command = Cli::command();
    let all = command.get_subcommands().flat_map(|subcommand| {
        let flags = subcommand.get_arguments().filter_map(clap::Arg::get_long).map(str::to_owned);
        flags.collect::<Vec<_>>()
    });
    all.collect()
}

/// Whether the chart has a value at a path such as `rbac.mode`.
fn has_value(path: &str) -> bool {
    let schema: Value = serde_json::from_str(&read("charts/rhumb/values.schema.json")).unwrap();
    let found = path.split('.').try_fold(&schema, |schema, key| {
        let inner = schema["$ref"].as_str().map_or(schema, |_| schema);
        let next = &inner["properties"][key];
        // Maps of texts and the like take any key.
        if next.is_null() { inner.get("additionalProperties").filter(|more| more.is_object()) } else { Some(next) }
    });
    found.is_some() || path.split_once('.').is_some_and(|(map, _)| ["podLabels", "nodeSelector"].contains(&map))
}

#[test]
fn flags_that_pages_name_exist() {
    let known = flags();
    // Those of other programs, and of `rhumb template`, which takes its arguments apart itself.
    let others = ["take-ownership", "features", "locked", "once", "no-default-features", "all-features", "releases"];
    let mut count = 0;
    for page in PAGES {
        for span in spans(&read(page)).iter().filter(|span| span.starts_with("--")) {
            let flag = span.trim_start_matches("--").split([' ', '=']).next().unwrap_or_default();
            if others.contains(&flag) || flag == "set" {
                continue;
            }
            count += 1;
            assert!(known.contains(flag), "{page}: --{flag} is no flag of rhumb");
        }
    }
    assert!(count > 10, "only {count} flags");
}

#[test]
fn values_that_commands_set_exist() {
    let mut count = 0;
    for page in PAGES {
        for command in commands(&read(page)).iter().filter(|it| it.contains("charts/rhumb")) {
            for set in command.split("--set ").skip(1) {
                let key = set.trim_start_matches('\'').split('=').next().unwrap_or_default();
                count += 1;
                assert!(has_value(key), "{page}: the chart has no value {key}");
            }
        }
        for span in spans(&read(page)) {
            if let Some((key, _)) =
                span.split_once('=').filter(|(key, _)| key.contains('.') && !key.contains(['/', ' ', '-']))
            {
                count += 1;
                assert!(has_value(key), "{page}: the chart has no value {key}");
            }
        }
    }
    assert!(count > 12, "only {count} values");
    assert!(!has_value("rbac.clusterAdmin"), "the test can fail");
}

#[test]
fn calls_of_rhumb_are_ones_that_it_takes() {
    let mut count = 0;
    for page in PAGES {
        for command in commands(&read(page)) {
            let command = command.replace("cargo run -- ", "rhumb ");
            let words: Vec<&str> = command.split_whitespace().collect();
            if words.first() != Some(&"rhumb") {
                continue;
            }
            count += 1;
            let parsed = Cli::try_parse_from(&words);
            assert!(parsed.is_ok(), "{page}: {command}: {}", parsed.err().map(|it| it.to_string()).unwrap_or_default());
        }
    }
    assert!(count >= 5, "only {count} calls");
}

#[test]
fn files_that_commands_name_exist() {
    let mut count = 0;
    for page in PAGES {
        for command in commands(&read(page)) {
            for word in command.split([' ', '\'', '"']) {
                if ["charts/", "crds/", "deploy/", "examples/"].iter().any(|folder| word.starts_with(folder)) {
                    count += 1;
                    assert!(crate::project::root().join(word).exists(), "{page}: {command}: there is no {word}");
                }
            }
        }
    }
    assert!(count > 8, "only {count} files");
}

#[test]
fn anchors_that_pages_link_to_exist() {
    let anchor = |heading: &str| {
        let lower = heading.trim_start_matches('#').trim().to_lowercase();
        let kept: String = lower.chars().filter(|it| it.is_alphanumeric() || [' ', '-'].contains(it)).collect();
        kept.replace(' ', "-")
    };
    for page in PAGES {
        let folder = Path::new(page).parent().unwrap();
        let text = read(page);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        for target in targets.filter(|target| !target.contains("://")) {
            let Some((file, wanted)) = target.split_once('#') else { continue };
            let path = if file.is_empty() { page.to_owned() } else { folder.join(file).to_str().unwrap().to_owned() };
            let headings: Vec<String> = read(&path).lines().filter(|line| line.starts_with('#')).map(anchor).collect();
            assert!(headings.iter().any(|it| it == wanted), "{page}: {target} leads nowhere; there are {headings:?}");
        }
    }
}
