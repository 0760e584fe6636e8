//! The flags that give values, as Helm has them.
//!
//! Counterpart: `pkg/cli/values/options.go` of Helm 4.3.1; lowest first: files, `--set-json`, `--set`, `--set-string`, `--set-file`,
//! `--set-literal`. Invariant: a file is read from the network only if its name is a URL.

use std::fs;
use std::io::{self, ErrorKind, Read};

use anyhow::{Result, anyhow};

use super::source;
use crate::chart::{Style, Values, decode_values, merge_values, set_json_values, set_values};
use crate::cli::flags::Arguments;
use crate::sprig::url_scheme;

/// All values, merged.
pub(super) fn merge(arguments: &Arguments) -> Result<Values> {
    let mut values = Values::new();
    for file in arguments.all("values") {
        let read =
            decode_values(&read(file, arguments)?).map_err(|error| anyhow!("failed to parse {file}: {error}"))?;
        merge_values(&mut values, read);
    }
    for argument in arguments.all("set-json") {
        let kind = if argument.trim_start().starts_with('{') { " JSON:" } else { "" };
        set_json_values(&mut values, argument)
            .map_err(|_| anyhow!("failed parsing --set-json data{kind} {argument}"))?;
    }
    let failed = |flag: &str, error| anyhow!("failed parsing --{flag} data: {error}");
    for argument in arguments.all("set") {
        set_values(&mut values, argument, Style::Typed).map_err(|error| failed("set", error))?;
    }
    for argument in arguments.all("set-string") {
        set_values(&mut values, argument, Style::Text).map_err(|error| failed("set-string", error))?;
    }
    for argument in arguments.all("set-file") {
        let mut content = |path: &str| {
            let bytes = read(path, arguments).map_err(|error| error.to_string())?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        set_values(&mut values, argument, Style::File(&mut content)).map_err(|error| failed("set-file", error))?;
    }
    for argument in arguments.all("set-literal") {
        set_values(&mut values, argument, Style::Literal).map_err(|error| failed("set-literal", error))?;
    }
    Ok(values)
}

/// What lies at a path or URL; `-` is the standard input.
fn read(path: &str, arguments: &Arguments) -> Result<Vec<u8>> {
    if path.trim() == "-" {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    match url_scheme(path).map_err(|fault| anyhow!(fault))?.as_str() {
        "http" | "https" => source::download(path, arguments),
        _ => read_file(path),
    }
}

/// What lies at a path; the error is worded as Go words it.
pub(super) fn read_file(path: &str) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::IsADirectory => anyhow!("read {path}: is a directory"),
        _ => anyhow!("open {path}: {}", go_reason(&error)),
    })
}

/// The reason of a failure in the words of Go.
pub(super) fn go_reason(error: &io::Error) -> String {
    let text = error.to_string();
    let reason = text.rsplit_once(" (os error").map_or(text.as_str(), |(reason, _)| reason);
    let mut letters = reason.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}
