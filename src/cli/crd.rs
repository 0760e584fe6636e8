//! `rhumb crd`: prints the CustomResourceDefinitions.
//!
//! In goes nothing, out comes one YAML stream.
//! Invariant: the stream holds exactly what the files in `crds/` hold.

use std::io::{ErrorKind, Write};

use anyhow::Context as _;

use crate::api;

/// Writes all definitions to `out`; a reader that has seen enough, such as `head`, is no error.
pub(super) fn print(out: &mut impl Write) -> anyhow::Result<()> {
    match out.write_all(api::crds_yaml().as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot print the definitions"),
    }
}
