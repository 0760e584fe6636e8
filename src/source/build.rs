//! Charts out of the files of a source: a folder or a packaged chart at a path, with values files and what it depends on.
//!
//! Counterpart: the local chart builder and the dependency manager of Flux's source-controller 1.9, which unpack and pack archives on
//! the way; here the chart is made in memory.
//!
//! **Invariant:** the digest of a built chart changes exactly when something that it was made of does, so that a commit that touches
//! other files leaves it as it is.

use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::tree::{MAX_TREE_FILE_SIZE, Tree, clean_path};
use super::{Access, BuildStage, Error, Fetched, Library, MAX_CHART_ARCHIVE_SIZE, Merged, digest};
use crate::chart::{Chart, Dependency, File, Values, decode_values, merge_values};
use crate::goyaml;
use crate::version::{Constraints, Version};

/// What is asked of a chart in a tree.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// The path of the chart in the tree: a folder or a packaged chart.
    pub path: String,
    /// The build metadata that the version is given; none leaves the version as it is.
    pub metadata: Option<String>,
    /// Files of the tree whose values take the place of the chart's own, in order.
    pub values_files: Vec<String>,
    /// Whether a values file may be missing.
    pub ignore_missing: bool,
}

/// Tells how a repository is reached that a dependency names, by its URL as [`normalise`] writes it.
pub type AccessTo<'a> = &'a (dyn Fn(String) -> BoxFuture<'a, Result<Access, Error>> + Send + Sync);

/// A chart as far as its own files make it.
struct Assembled {
    chart: Chart,
    files: Vec<String>,
    hash: Sha256,
    size: u64,
    is_folder: bool,
}

/// The name and version that [`build_chart`] would give; reads only what tells them.
///
/// # Errors
/// There is no chart at the path, or its version cannot take the metadata.
pub fn chart_version(tree: &Tree, request: &BuildRequest) -> Result<(String, String), Error> {
    let path = clean_path(&request.path);
    let chart = if tree.has_file(&path) {
        packed(tree, &path)?.0
    } else {
        let manifest = ["Chart.yaml", "requirements.yaml"];
        let files = manifest.iter().filter_map(|name| file(tree, &path, name).transpose());
        let files: Vec<File> = files.collect::<Result<_, Error>>()?;
        if files.is_empty() {
            return Err(missing(tree, request));
        }
        Chart::from_files(files).map_err(|error| Error::InvalidReference { message: error.to_string() })?
    };
    let version = with_metadata(&chart.metadata.version, request.metadata.as_deref())?;
    Ok((chart.metadata.name, version))
}

/// Makes the chart. Dependencies that it does not bring along are taken from the tree or, through `access_to`, from repositories.
///
/// # Errors
/// There is no chart at the path, a values file or a dependency is missing or wrong, or the chart cannot be loaded.
pub async fn build_chart(
    tree: Arc<Tree>,
    request: BuildRequest,
    library: &Library,
    access_to: AccessTo<'_>,
) -> Result<Merged, Error> {
    let (files, wanted) = (Arc::clone(&tree), request.clone());
    let assembled = tokio::task::spawn_blocking(move || assemble(&files, &wanted)).await;
    let assembled = assembled.map_err(|error| build_error(BuildStage::Package, error.to_string()))??;
    let Assembled { mut chart, files, mut hash, mut size, is_folder } = assembled;
    if is_folder {
        for dependency in missing_dependencies(&chart) {
            let name = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
            let (mut subchart, kind, bytes) = if is_local(&dependency) {
                let (subchart, bytes) = local_dependency(&tree, &request.path, &dependency, &mut hash)
                    .map_err(|message| dependency_error("local", name, &message))?;
                (subchart, "local", bytes)
            } else {
                let fetched = remote_dependency(library, access_to, &dependency).await;
                let fetched = fetched.map_err(|error| dependency_error("remote", name, &error.to_string()))?;
                hash.update(&fetched.digest);
                (Chart::clone(&fetched.chart), "remote", fetched.size)
            };
            tracing::debug!(dependency = name, kind, "built a dependency of a chart");
            size += bytes;
            if !dependency.alias.is_empty() {
                subchart.metadata.name.clone_from(&dependency.alias);
            }
            chart.dependencies.push(subchart);
        }
        // Packed, the subcharts would lie in folders by their names.
        chart.dependencies.sort_by(|left, right| left.metadata.name.cmp(&right.metadata.name));
    }
    let version = chart.metadata.version.clone();
    hash.update(&version);
    let digest = digest::written(&hash.finalize());
    let is_packaged = is_folder || request.metadata.is_some() || !request.values_files.is_empty();
    let chart = Arc::new(chart);
    library.keep(Arc::clone(&chart), &digest, size);
    Ok(Merged { fetched: Fetched { chart, version, digest, size }, files, is_packaged })
}

/// The chart's own files and values.
fn assemble(tree: &Tree, request: &BuildRequest) -> Result<Assembled, Error> {
    let path = clean_path(&request.path);
    let mut hash = Sha256::new();
    let is_folder = !tree.has_file(&path);
    let (mut chart, size) = if is_folder { folder(tree, &path, &mut hash)? } else { packed(tree, &path)? };
    if !is_folder {
        tree.feed(&mut hash, &path);
    }
    chart.metadata.version = with_metadata(&chart.metadata.version, request.metadata.as_deref())?;
    let files = if request.values_files.is_empty() {
        Vec::new()
    } else {
        override_values(&mut chart, tree, request, &mut hash)?
    };
    Ok(Assembled { chart, files, hash, size, is_folder })
}

/// The chart in a folder of the tree, and its bytes.
fn folder(tree: &Tree, path: &str, hash: &mut Sha256) -> Result<(Chart, u64), Error> {
    let mut files = Vec::new();
    let mut size = 0;
    for name in tree.below(path) {
        let Some(found) = file(tree, path, name)? else { continue };
        size += found.data.len() as u64;
        tree.feed(hash, &join(path, name));
        files.push(found);
    }
    let chart = Chart::from_directory(files).map_err(|error| build_error(BuildStage::Package, error.to_string()))?;
    Ok((chart, size))
}

/// The packaged chart that is a file of the tree, and its bytes.
fn packed(tree: &Tree, path: &str) -> Result<(Chart, u64), Error> {
    let bytes =
        tree.read(path, MAX_CHART_ARCHIVE_SIZE).map_err(|message| unreadable(path, &message))?.unwrap_or_default();
    let chart = Chart::from_archive(&bytes)
        .map_err(|error| Error::InvalidReference { message: format!("'{path}': {error}") })?;
    Ok((chart, bytes.len() as u64))
}

fn file(tree: &Tree, folder: &str, name: &str) -> Result<Option<File>, Error> {
    let path = join(folder, name);
    let bytes = tree.read(&path, MAX_TREE_FILE_SIZE).map_err(|message| unreadable(&path, &message))?;
    Ok(bytes.map(|bytes| File::new(name, bytes)))
}

/// Puts the values of files in the place of the chart's own; gives the files, unless they make no difference.
fn override_values(
    chart: &mut Chart,
    tree: &Tree,
    request: &BuildRequest,
    hash: &mut Sha256,
) -> Result<Vec<String>, Error> {
    let mut values = Values::new();
    let mut used = Vec::new();
    for name in &request.values_files {
        let failed =
            |message: String| Error::ValuesFile { chart: chart.name().to_owned(), file: name.clone(), message };
        let path = clean_path(name);
        let Some(bytes) = tree.read(&path, MAX_TREE_FILE_SIZE).map_err(failed)? else {
            if request.ignore_missing {
                continue;
            }
            return Err(failed(format!("no values file found at path '/{path}' of the source")));
        };
        merge_values(&mut values, decode_values(&bytes).map_err(failed)?);
        tree.feed(hash, &path);
        used.push(name.clone());
    }
    let Some(own) = chart.raw.iter().find(|file| file.name == "values.yaml") else {
        let message = "failed to locate values file: values.yaml".to_owned();
        return Err(Error::ValuesFile { chart: chart.name().to_owned(), file: "values.yaml".to_owned(), message });
    };
    let text = if values.is_empty() {
        String::new()
    } else {
        goyaml::to_string_json(&serde_json::Value::Object(values.clone())).unwrap_or_default()
    };
    if *own.data == *text.as_bytes() {
        return Ok(Vec::new());
    }
    chart.values = Some(Arc::new(values));
    Ok(used)
}

/// A version with other build metadata, in the form of semantic versions; as it is if there is none to give.
fn with_metadata(version: &str, metadata: Option<&str>) -> Result<String, Error> {
    let Some(metadata) = metadata else { return Ok(version.to_owned()) };
    let changed = Version::parse(version).and_then(|version| version.with_metadata(metadata));
    changed.map(|version| version.to_string()).map_err(|error| {
        build_error(
            BuildStage::Metadata,
            format!("version '{version}' of the chart cannot be given build metadata: {error}"),
        )
    })
}

/// The declared dependencies, or those of the lock file if there is one, that the chart does not bring along.
fn missing_dependencies(chart: &Chart) -> Vec<Dependency> {
    let locked = chart.lock.as_ref().map(|lock| lock.dependencies.as_deref().unwrap_or_default());
    let wanted = locked.unwrap_or(&chart.metadata.dependencies);
    if wanted.len() == chart.dependencies.len() {
        return Vec::new();
    }
    let is_there = |dependency: &&Dependency| {
        let name = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
        chart.dependencies.iter().any(|subchart| subchart.name() == name)
    };
    wanted.iter().filter(|dependency| !is_there(dependency)).cloned().collect()
}

fn is_local(dependency: &Dependency) -> bool {
    dependency.repository.is_empty() || dependency.repository.starts_with("file://")
}

/// A dependency that lies in the tree, and its bytes.
fn local_dependency(
    tree: &Tree,
    parent: &str,
    dependency: &Dependency,
    hash: &mut Sha256,
) -> Result<(Chart, u64), String> {
    let place = dependency.repository.strip_prefix("file://").unwrap_or_default();
    let place = if place.is_empty() { format!("charts/{}", dependency.name) } else { place.to_owned() };
    // A path with a slash at its start is one from the chart as well, as in Flux.
    let path = clean_path(&format!("{parent}/{place}"));
    let reference = &dependency.repository;
    let (chart, size) = if tree.has_file(&path) {
        tree.feed(hash, &path);
        packed(tree, &path).map_err(|error| error.to_string())?
    } else if tree.has_folder(&path) {
        let loaded = folder(tree, &path, hash);
        loaded.map_err(|error| format!("failed to load chart from '/{path}' (reference '{reference}'): {error}"))?
    } else {
        return Err(format!("no chart found at '/{path}' (reference '{reference}')"));
    };
    let range = &dependency.version;
    let constraints =
        Constraints::parse(range).map_err(|error| format!("invalid version/constraint format '{range}': {error}"))?;
    let version = Version::parse(&chart.metadata.version).map_err(|error| error.to_string())?;
    if !constraints.check(&version) {
        return Err(format!(
            "can't get a valid version for constraint '{range}': the chart at '/{path}' has version {version}"
        ));
    }
    Ok((chart, size))
}

async fn remote_dependency(
    library: &Library,
    access_to: AccessTo<'_>,
    dependency: &Dependency,
) -> Result<Fetched, Error> {
    let repository = normalise(&dependency.repository)?;
    let access = access_to(repository).await?;
    let Dependency { name, version, .. } = dependency;
    if access.is_oci() {
        return library.chart_from_registry(&access, name, version).await;
    }
    match library.chart_from_repository(&access, name, version).await {
        // Nothing else may look at this index again, and the version may be newer than it.
        Err(Error::NotFound { in_registry: false, .. }) => {
            library.index(&access).await?;
            library.chart_from_repository(&access, name, version).await
        }
        result => result,
    }
}

/// A repository's URL in one form, so that equal ones are told: one slash at the end for HTTP, none for registries.
///
/// # Errors
/// It is no URL of a repository; an alias of the `helm` program means nothing here.
pub fn normalise(repository: &str) -> Result<String, Error> {
    let invalid = |message: &str| Error::InvalidUrl { url: repository.to_owned(), message: message.to_owned() };
    if repository.starts_with('@') || repository.starts_with("alias:") {
        return Err(invalid("aliased repository dependencies are not supported; write the repository's URL"));
    }
    let url = Url::parse(repository).map_err(|error| invalid(&error.to_string()))?;
    let text = url.as_str().trim_end_matches('/');
    match url.scheme() {
        "oci" => Ok(text.to_owned()),
        "http" | "https" if url.query().is_some() => Ok(url.to_string()),
        "http" | "https" => Ok(format!("{text}/")),
        scheme => Err(invalid(&format!("scheme '{scheme}' is not http, https or oci"))),
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// What is said of a path without a chart: what is there instead helps.
fn missing(tree: &Tree, request: &BuildRequest) -> Error {
    let path = clean_path(&request.path);
    let at = if tree.has_folder(&path) { "no Chart.yaml in" } else { "no such file or directory:" };
    let is_manifest = |path: &&str| Path::new(path).file_name().is_some_and(|name| name == "Chart.yaml");
    let charts: Vec<&str> =
        tree.paths().filter(is_manifest).filter_map(|path| path.strip_suffix("/Chart.yaml")).collect();
    let hint = match charts.as_slice() {
        [] => "; the source has no chart".to_owned(),
        [only] => format!("; the source has a chart at '{only}'"),
        [first, ..] => format!("; the source has {} charts, such as '{first}'", charts.len()),
    };
    Error::InvalidReference { message: format!("{at} '{}'{hint}", request.path) }
}

fn unreadable(path: &str, message: &str) -> Error {
    build_error(BuildStage::Package, format!("file '{path}': {message}"))
}

fn build_error(stage: BuildStage, message: String) -> Error {
    Error::Build { stage, message }
}

fn dependency_error(kind: &str, name: &str, message: &str) -> Error {
    build_error(BuildStage::Dependencies, format!("failed to add {kind} dependency '{name}': {message}"))
}
