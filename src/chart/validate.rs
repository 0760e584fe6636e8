//! What Chart.yaml must and must not say.
//!
//! Counterpart: the `Validate` methods in `pkg/chart/v2` of Helm 4.3.1, in their order and with their words.
//!
//! **Invariant:** texts of valid metadata hold no control letters and no blanks but the space, in the fields that Helm cleans.

use std::collections::BTreeSet;

use super::Error;
use super::decode::RawMetadata;
use super::metadata::{Dependency, Metadata};
use crate::version::{Version, is_printable, quote};

/// Cleans and checks decoded metadata.
pub(super) fn validate(raw: RawMetadata) -> Result<Metadata, Error> {
    let mut metadata = raw.metadata;
    sanitize(&mut metadata);
    check_required(&metadata)?;
    for maintainer in raw.maintainers {
        let Some(mut maintainer) = maintainer else {
            return Err(invalid("maintainers must not contain empty or null nodes"));
        };
        for text in [&mut maintainer.name, &mut maintainer.email, &mut maintainer.url] {
            sanitize_text(text);
        }
        metadata.maintainers.push(maintainer);
    }
    let mut names = BTreeSet::new();
    for dependency in raw.dependencies {
        let Some(mut dependency) = dependency else {
            return Err(invalid("dependencies must not contain empty or null nodes"));
        };
        check_dependency(&mut dependency)?;
        let name = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
        if !names.insert(name.clone()) {
            return Err(invalid(format!("more than one dependency with name or alias {}", quote(name))));
        }
        metadata.dependencies.push(dependency);
    }
    Ok(metadata)
}

fn check_required(metadata: &Metadata) -> Result<(), Error> {
    let name = &metadata.name;
    if metadata.api_version.is_empty() {
        return Err(invalid("chart.metadata.apiVersion is required"));
    }
    if name.is_empty() {
        return Err(invalid("chart.metadata.name is required"));
    }
    if name == "." || name == ".." {
        return Err(invalid(format!("chart.metadata.name {} is not allowed", quote(name))));
    }
    // A name is its own last path element, unless it has slashes; "/" itself is the one exception, in Helm too.
    if name.contains('/') && name != "/" {
        return Err(invalid(format!("chart.metadata.name {} is invalid", quote(name))));
    }
    if metadata.version.is_empty() {
        return Err(invalid("chart.metadata.version is required"));
    }
    if Version::parse(&metadata.version).is_err() {
        return Err(invalid(format!("chart.metadata.version {} is invalid", quote(&metadata.version))));
    }
    if !matches!(metadata.chart_type.as_str(), "" | "application" | "library") {
        return Err(invalid("chart.metadata.type must be application or library"));
    }
    Ok(())
}

fn check_dependency(dependency: &mut Dependency) -> Result<(), Error> {
    let Dependency { name, version, repository, condition, tags, alias, .. } = dependency;
    for text in [&mut *name, version, repository, condition] {
        sanitize_text(text);
    }
    tags.iter_mut().for_each(sanitize_text);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if alias.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(invalid(format!("dependency {} has disallowed characters in the alias", quote(name))))
}

fn sanitize(metadata: &mut Metadata) {
    for text in [
        &mut metadata.name,
        &mut metadata.description,
        &mut metadata.home,
        &mut metadata.icon,
        &mut metadata.condition,
        &mut metadata.tags,
        &mut metadata.app_version,
        &mut metadata.kube_version,
    ] {
        sanitize_text(text);
    }
    metadata.sources.iter_mut().for_each(sanitize_text);
    metadata.keywords.iter_mut().for_each(sanitize_text);
}

/// Makes a space of every blank and drops what cannot be printed.
fn sanitize_text(text: &mut String) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return;
    }
    let cleaned = text.chars().map(|letter| if letter.is_whitespace() { ' ' } else { letter });
    *text = cleaned.filter(|letter| is_printable(*letter)).collect();
}

fn invalid(message: impl Into<String>) -> Error {
    Error::Validation(message.into())
}
