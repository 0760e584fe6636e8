//! The command line: one file for each subcommand.
//!
//! In go arguments, out comes what the chosen subcommand does.
//! Invariant: no subcommand but `run` writes to a cluster.

mod crd;
mod flags;
mod gates;
mod run;
mod template;

use clap::{Parser, Subcommand};

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
    Template(Box<template::Template>),
}

impl Cli {
    /// Does what the arguments ask for.
    ///
    /// # Errors
    /// The subcommand failed; the chain of errors says why.
    pub fn execute(self) -> anyhow::Result<()> {
        match self.command {
            Command::Crd => crd::print(&mut std::io::stdout().lock()),
            Command::Run(run) => run.execute(),
            Command::Template(template) => template.print(&mut std::io::stdout().lock(), &mut std::io::stderr().lock()),
        }
    }
}
