//! Finds the programs that the tests, the demo and the benchmark start: the control plane, kwok, helm, the oracle and the
//! registry.
//!
//! Order: an environment variable, the cache, `KUBEBUILDER_ASSETS` (control plane only), a build with Go into the cache.
//! Never replaces a program in the cache while another process may be running it: a build lands there by rename.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

/// The folder of the Go modules, `tests/controlplane`.
pub(crate) fn modules() -> PathBuf {
    crate::project::root().join("tests/controlplane")
}

/// The parts of a control plane, by the names of their programs.
const PARTS: [&str; 5] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"];

/// A program that `tests/controlplane/build` can build.
#[derive(Clone, Copy)]
enum Tool {
    ControlPlane,
    Kwok,
    Helm,
    Oracle,
    Registry,
}

impl Tool {
    /// The name, and the environment variable that overrides where it is.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::ControlPlane => ("controlplane", "RHUMB_CONTROLPLANE"),
            Self::Kwok => ("kwok", "RHUMB_KWOK"),
            Self::Helm => ("helm", "RHUMB_HELM"),
            Self::Oracle => ("oracle", "RHUMB_ORACLE"),
            Self::Registry => ("registry", "RHUMB_REGISTRY"),
        }
    }

    /// The files that a built program depends on, below [`modules`].
    fn sources(self) -> &'static [&'static str] {
        match self {
            Self::ControlPlane => &["build", "go.mod", "go.sum", "main.go"],
            Self::Kwok => &["build", "go.mod", "go.sum"],
            Self::Helm => &["build", "helm/go.mod", "helm/go.sum"],
            Self::Oracle => &[
                "build",
                "oracle/go.mod",
                "oracle/go.sum",
                "oracle/functions.go",
                "oracle/functions.s",
                "oracle/main.go",
                "oracle/postrender.go",
                "oracle/render.go",
                "oracle/values.go",
            ],
            Self::Registry => &["build", "registry/go.mod", "registry/go.sum"],
        }
    }
}

/// Where the parts of the control plane are.
pub(crate) enum ControlPlanePrograms {
    /// One program that takes the part's name as its first argument.
    MultiCall(PathBuf),
    /// A folder with one program for each part.
    Folder(PathBuf),
}

impl ControlPlanePrograms {
    /// Finds the control plane's programs.
    pub(crate) fn find() -> Result<Self> {
        if let Some(path) = existing(Tool::ControlPlane)? {
            return Ok(Self::MultiCall(path));
        }
        if let Some(folder) = env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from)
            && PARTS.iter().all(|part| folder.join(part).is_file())
        {
            return Ok(Self::Folder(folder));
        }
        build(Tool::ControlPlane).map(Self::MultiCall)
    }

    /// A command that runs one of the parts.
    pub(crate) fn part(&self, name: &str) -> Command {
        match self {
            Self::MultiCall(path) => {
                let mut command = Command::new(path);
                command.arg(name);
                command
            }
            Self::Folder(folder) => Command::new(folder.join(name)),
        }
    }

    /// How a user would call one of the parts in a shell.
    pub(crate) fn shell_words(&self, name: &str) -> String {
        match self {
            Self::MultiCall(path) => format!("{} {name}", path.display()),
            Self::Folder(folder) => folder.join(name).display().to_string(),
        }
    }
}

/// The kwok program, which plays nodes and pods.
pub(crate) fn kwok() -> Result<PathBuf> {
    find(Tool::Kwok)
}

/// The helm program, the witness of what the operator did.
pub(crate) fn helm() -> Result<PathBuf> {
    find(Tool::Helm)
}

/// The oracle, which answers with Helm's own code.
pub(crate) fn oracle() -> Result<PathBuf> {
    find(Tool::Oracle)
}

/// The distribution registry, which serves OCI charts.
pub(crate) fn registry() -> Result<PathBuf> {
    find(Tool::Registry)
}

fn find(tool: Tool) -> Result<PathBuf> {
    match existing(tool)? {
        Some(path) => Ok(path),
        None => build(tool),
    }
}

/// The program named by the environment, or the one in the cache.
fn existing(tool: Tool) -> Result<Option<PathBuf>> {
    let (_, variable) = tool.names();
    if let Some(path) = env::var_os(variable).map(PathBuf::from) {
        ensure!(path.is_file(), "{variable} names {}, which is no file", path.display());
        return Ok(Some(path));
    }
    let cached = cached(tool)?;
    Ok(cached.is_file().then_some(cached))
}

/// Where the cache has the program; the folder's name changes with what the program is built from.
fn cached(tool: Tool) -> Result<PathBuf> {
    let cache = if let Some(folder) = env::var_os("RHUMB_CACHE") {
        PathBuf::from(folder)
    } else if let Some(folder) = env::var_os("XDG_CACHE_HOME") {
        Path::new(&folder).join("rhumb")
    } else {
        let home = env::var_os("HOME").context("neither RHUMB_CACHE nor HOME is set")?;
        Path::new(&home).join(".cache/rhumb")
    };
    let mut hash = Sha256::new();
    for source in tool.sources() {
        let path = modules().join(source);
        hash.update(fs::read(&path).with_context(|| format!("read {}", path.display()))?);
    }
    let key = hex(&hash.finalize());
    let (name, _) = tool.names();
    Ok(cache.join(format!("{name}-{}", &key[..12])).join(name))
}

fn build(tool: Tool) -> Result<PathBuf> {
    let (name, variable) = tool.names();
    let target = cached(tool)?;
    let folder = target.parent().context("the cache is no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    // Two test processes may come here at once; the second finds the program when it gets the lock.
    let lock = File::create(folder.join("lock"))?;
    lock.lock().context("lock the cache")?;
    if target.is_file() {
        return Ok(target);
    }
    if Command::new("go").arg("version").output().is_err() {
        bail!(
            "{name} is needed and was not found. Set {variable} to its path{}, or install Go, which builds it into {}",
            match tool {
                Tool::ControlPlane =>
                    ", or KUBEBUILDER_ASSETS to a folder with all of etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl",
                _ => "",
            },
            folder.display()
        );
    }
    let patience = match tool {
        Tool::ControlPlane => "about five minutes",
        _ => "a minute or two",
    };
    notice(&format!("building {name} with Go into {}; this takes {patience}, once", folder.display()));
    let fresh = folder.join(format!("{name}.new"));
    let status = Command::new(modules().join("build"))
        .arg(name)
        .arg(&fresh)
        .status()
        .with_context(|| format!("run {}/build", modules().display()))?;
    ensure!(status.success(), "building {name} with Go failed: {status}");
    fs::rename(&fresh, &target)?;
    notice(&format!("built {name}"));
    Ok(target)
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Says something to whoever watches, past the test harness' capture, because a build takes minutes.
fn notice(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}
