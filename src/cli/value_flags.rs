//! The flags that give values, as Helm has them.
//!
//! Counterpart: `pkg/cli/values/options.go` of Helm 4.3.1; lowest first: files, `--set-json`, `--set`, `--set-string`, `--set-file`,
//! `--set-literal`. Invariant: values are read from files and the command line only, never from the network.

use std::fs;
use std::io::Read;

use anyhow::{Result, anyhow};
use clap::Args;

use crate::chart::{Style, Values, decode_values, merge_values, set_json_values, set_values};

/// Values for a chart.
#[derive(Debug, Default, Args)]
pub(super) struct ValueFlags {
    /// Read values from a YAML file; `-` is the standard input.
    #[arg(short = 'f', long = "values", value_name = "FILE", value_delimiter = ',')]
    files: Vec<String>,
    /// Set values: `key=value,other.key[0]=value`.
    #[arg(long = "set", value_name = "EXPRESSION")]
    typed: Vec<String>,
    /// Set text values.
    #[arg(long = "set-string", value_name = "EXPRESSION")]
    text: Vec<String>,
    /// Set values to the contents of files: `key=path`.
    #[arg(long = "set-file", value_name = "EXPRESSION")]
    file_contents: Vec<String>,
    /// Set values to JSON: `key=JSON`, or one object.
    #[arg(long = "set-json", value_name = "EXPRESSION")]
    json: Vec<String>,
    /// Set a text value as it stands: `key=text`.
    #[arg(long = "set-literal", value_name = "EXPRESSION")]
    literal: Vec<String>,
}

impl ValueFlags {
    /// All values, merged.
    pub(super) fn merge(&self) -> Result<Values> {
        let mut values = Values::new();
        for file in &self.files {
            let read = decode_values(&read(file)?).map_err(|error| anyhow!("failed to parse {file}: {error}"))?;
            merge_values(&mut values, read);
        }
        for argument in &self.json {
            set_json_values(&mut values, argument).map_err(|_| anyhow!("failed parsing --set-json data {argument}"))?;
        }
        let failed = |flag: &str, error| anyhow!("failed parsing --{flag} data: {error}");
        for argument in &self.typed {
            set_values(&mut values, argument, Style::Typed).map_err(|error| failed("set", error))?;
        }
        for argument in &self.text {
            set_values(&mut values, argument, Style::Text).map_err(|error| failed("set-string", error))?;
        }
        for argument in &self.file_contents {
            let mut content = |path: &str| {
                read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(|error| error.to_string())
            };
            set_values(&mut values, argument, Style::File(&mut content)).map_err(|error| failed("set-file", error))?;
        }
        for argument in &self.literal {
            set_values(&mut values, argument, Style::Literal).map_err(|error| failed("set-literal", error))?;
        }
        Ok(values)
    }
}

fn read(path: &str) -> Result<Vec<u8>> {
    if path.trim() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    fs::read(path).map_err(|error| {
        let reason = if error.kind() == std::io::ErrorKind::NotFound {
            "no such file or directory".to_owned()
        } else {
            error.to_string()
        };
        anyhow!("open {path}: {reason}")
    })
}
