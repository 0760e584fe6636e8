//! Compares the engine with Helm's own code on requests drawn at random:
//!
//! ```sh
//! cargo run --profile bench --example differential -- --cases 100000 --seed 1 --area functions
//! ```
//!
//! It prints every difference, made as small as it gets, and ends with 1 if there is any. The same seed draws the same cases. Without
//! `--area` it goes through all of them. `--request JSON` asks both one thing, `--template TEXT` renders one template, `--templates FILE`
//! one for each JSON string in the lines of a file; with `--record true`, Helm's answers are printed as lines to be kept in
//! `tests/data/differential`. `--case N` draws one case of a seed and area.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the differences are for whoever runs it")]

mod harness;
#[path = "../e2e/support/programs.rs"]
#[allow(dead_code, reason = "only the oracle is used here")]
mod programs;
#[path = "../project.rs"]
mod project;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use harness::{Area, Oracle, case, compare, kept, record, search};

struct Arguments {
    cases: usize,
    seed: u64,
    areas: Vec<Area>,
    /// After so many differences an area is left.
    most: usize,
    first: usize,
    requests: Vec<serde_json::Value>,
    /// Prints Helm's answers to the requests as lines to be kept in tests/data/differential.
    record: bool,
}

fn main() -> ExitCode {
    // A panic of the engine is an answer; what the hook would print of it is noise.
    std::panic::set_hook(Box::new(|_| {}));
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Gives the number of differences.
fn run() -> Result<usize> {
    let arguments = arguments()?;
    let mut oracle = Oracle::start(&programs::oracle()?)?;
    if arguments.record {
        let answers = record(&mut oracle, &arguments.requests)?;
        for (request, answer) in arguments.requests.iter().zip(answers) {
            println!("{}", kept(request, &answer));
        }
        return Ok(0);
    }
    if !arguments.requests.is_empty() {
        let differences = compare(&mut oracle, &arguments.requests)?;
        for (_, difference) in &differences {
            println!("{difference}");
        }
        println!("{} of {} differ", differences.len(), arguments.requests.len());
        return Ok(differences.len());
    }
    let mut differing = 0;
    for area in arguments.areas {
        let cases = arguments.first..arguments.first + arguments.cases;
        let mut tell = |difference| println!("{difference}");
        let found = search(&mut oracle, area, arguments.seed, cases, arguments.most, &mut tell)?;
        println!("{}: {found} differences in {} cases of seed {}", area.name(), arguments.cases, arguments.seed);
        differing += found;
    }
    Ok(differing)
}

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments {
        cases: 10_000,
        seed: 1,
        areas: Area::ALL.into(),
        most: 20,
        first: 0,
        requests: Vec::new(),
        record: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next().with_context(|| format!("{flag} wants a value"))?;
        let number = || value.parse::<usize>().with_context(|| format!("{flag} wants a number"));
        match flag.as_str() {
            "--cases" => arguments.cases = number()?,
            "--seed" => arguments.seed = number()? as u64,
            "--most" => arguments.most = number()?,
            "--case" => (arguments.first, arguments.cases) = (number()?, 1),
            "--request" => arguments.requests.push(serde_json::from_str(&value).context("read the request")?),
            "--record" => arguments.record = value == "true",
            "--templates" => {
                let text = std::fs::read_to_string(&value).with_context(|| format!("read {value}"))?;
                let read = |line| serde_json::from_str::<String>(line).context("read a line");
                for line in text.lines() {
                    arguments.requests.push(harness::template(&read(line)?));
                }
            }
            "--template" => arguments.requests.push(harness::template(&value)),
            "--show" => println!("{}", case(arguments.areas[0], arguments.seed, number()?)),
            "--area" => {
                arguments.areas = Area::ALL.into_iter().filter(|area| area.name() == value).collect();
                if arguments.areas.is_empty() {
                    bail!("no such area: {value}");
                }
            }
            _ => bail!("no such flag: {flag}"),
        }
    }
    Ok(arguments)
}
