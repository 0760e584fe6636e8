//! The command line: one file for each subcommand.
//!
//! In go arguments, out comes what the chosen subcommand does.
//! Invariant: no subcommand but `run` writes to a cluster.

mod crd;
mod flags;
mod gates;
#[cfg(feature = "otel")]
mod otlp;
mod run;
mod support_bundle;
mod template;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write as _};

use clap::{Parser, Subcommand};

/// How many bytes are written at once: what a pipe takes.
const OUTPUT_BLOCK: usize = 64 << 10;

/// A Kubernetes operator that reconciles HelmRelease objects natively.
#[derive(Debug, Parser)]
#[command(name = "rhumb", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the CustomResourceDefinitions as YAML, for `kubectl apply --server-side -f -`.
    Crd,
    /// Run the operator, in a cluster or with KUBECONFIG.
    Run(Box<run::Run>),
    /// Gather objects, events, logs and metrics into an archive, with secrets masked.
    SupportBundle(support_bundle::SupportBundle),
    Template(Box<template::Template>),
}

impl Cli {
    /// The program's arguments, taken apart. Ends the program if they are wrong or ask for help.
    pub fn read() -> Self {
        Self::read_template(std::env::args_os().skip(1)).unwrap_or_else(Self::parse)
    }

    /// The arguments of `template`, if it is that. It takes them apart itself, and to build the parser of all the others would take as
    /// long as many a render.
    fn read_template(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        if arguments.next()? != "template" {
            return None;
        }
        let arguments = arguments.map(OsString::into_string).collect::<Result<_, _>>().ok()?;
        Some(Self { command: Command::Template(Box::new(template::Template { arguments })) })
    }

    /// Does what the arguments ask for.
    ///
    /// # Errors
    /// The subcommand failed; the chain of errors says why.
    pub fn execute(self) -> anyhow::Result<()> {
        match self.command {
            Command::Crd => crd::print(&mut io::stdout().lock()),
            Command::Run(run) => run.execute(),
            Command::SupportBundle(bundle) => bundle.execute(),
            Command::Template(template) => {
                let mut output = BufWriter::with_capacity(OUTPUT_BLOCK, io::stdout().lock());
                let printed = template.print(&mut output, &mut io::stderr().lock());
                let flushed = output.flush();
                printed.and_then(|()| Ok(flushed?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::Parser as _;

    use super::{Cli, Command};

    fn arguments(cli: Cli) -> Option<Vec<String>> {
        match cli.command {
            Command::Template(template) => Some(template.arguments),
            _ => None,
        }
    }

    #[test]
    fn template_gets_the_arguments_that_the_parser_of_all_commands_would_give_it() {
        for line in ["template", "template rel chart", "template -f x --help rel", "template rel chart -- -x"] {
            let short_cut = Cli::read_template(line.split(' ').map(OsString::from)).and_then(arguments);
            let parsed = Cli::parse_from(["rhumb"].into_iter().chain(line.split(' ')));
            assert_eq!(short_cut, arguments(parsed), "{line}");
            assert!(short_cut.is_some());
        }
        assert!(Cli::read_template(["crd"].map(OsString::from).into_iter()).is_none());
        assert!(Cli::read_template(std::iter::empty()).is_none());
    }
}
