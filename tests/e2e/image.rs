//! The image's files, as the Dockerfile puts them together, in the place where a kubelet would run them: `.ci/image` does both.
//!
//! Takes root or user namespaces; where neither is to be had it says so, and fails on a machine that sets `CI`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::project::root;
use crate::scene::{Scene, hello};
use crate::support::certificates::Certificates;
use crate::support::chart_server::ChartServer;
use crate::support::operator::OperatorOptions;
use crate::support::process::temporary_folder;

const PROGRAM: &str = env!("CARGO_BIN_EXE_rhumb");

/// Where a program looks for certificate authorities on a Debian system, which is what the image is made of.
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";

fn script(arguments: &[&Path]) -> Result<Output> {
    Ok(Command::new(root().join(".ci/image")).args(arguments).output()?)
}

/// The image's files in a folder.
struct Image {
    folder: TempDir,
}

impl Image {
    /// None where nothing can be started in it.
    fn fill() -> Result<Option<Self>> {
        let able = script(&["able".as_ref()])?;
        if !able.status.success() {
            let why = String::from_utf8_lossy(&able.stdout).into_owned();
            ensure!(std::env::var_os("CI").is_none(), "the image cannot be tried: {why}");
            writeln!(std::io::stderr(), "skipped: {why}")?;
            return Ok(None);
        }
        let folder = temporary_folder("rhumb-image-")?;
        let image = Self { folder };
        let filled = script(&["fill".as_ref(), PROGRAM.as_ref(), &image.root()])?;
        ensure!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
        Ok(Some(image))
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Puts a file into the image, as a volume would bring it.
    fn bring(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().context("no parent")?)?;
        Ok(std::fs::write(path, content)?)
    }

    /// What the program prints.
    fn say(&self, arguments: &[&str]) -> Result<String> {
        let root = self.root();
        let mut all: Vec<&Path> = vec!["run".as_ref(), &root];
        all.extend(arguments.iter().map(Path::new));
        let output = script(&all)?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// A program that starts the image's.
    fn starter(&self) -> Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.path().join("start");
        let script = root().join(".ci/image");
        std::fs::write(
            &path,
            format!("#!/bin/sh\nexec '{}' run '{}' \"$@\"\n", script.display(), self.root().display()),
        )?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }
}

/// The operator's kubeconfig with the content of the files that it names.
fn kubeconfig(scene: &Scene) -> Result<String> {
    let text = std::fs::read_to_string(scene.cluster.operator_kubeconfig())?;
    let mut config: Value = serde_yaml::from_str(&text)?;
    for at in ["/clusters/0/cluster", "/users/0/user"] {
        let part = config.pointer_mut(at).and_then(Value::as_object_mut).with_context(|| format!("no {at}"))?;
        for name in ["certificate-authority", "client-certificate", "client-key"] {
            if let Some(file) = part.remove(name) {
                let content = std::fs::read(file.as_str().unwrap_or_default())?;
                part.insert(format!("{name}-data"), json!(STANDARD.encode(content)));
            }
        }
    }
    Ok(config.to_string())
}

/// What the kernel says of a process: it is nobody of importance, can become nobody else, and cannot write where it is.
fn is_confined(process: u32) -> Result<()> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().unwrap_or_default().to_owned()
    };
    assert_ne!(field("Uid:"), "0", "{status}");
    assert_eq!((field("CapEff:").trim_start_matches('0'), field("CapPrm:").trim_start_matches('0')), ("", ""));
    assert_eq!(field("NoNewPrivs:"), "1");
    let mounts = std::fs::read_to_string(format!("/proc/{process}/mountinfo"))?;
    let options = mounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        (fields.get(4) == Some(&"/")).then(|| fields.get(5).copied().unwrap_or_default())
    });
    ensure!(options.is_some_and(|options| options.split(',').any(|option| option == "ro")), "{mounts}");
    Ok(())
}

#[tokio::test]
async fn the_image_has_all_that_the_program_needs() -> Result<()> {
    let Some(image) = Image::fill()? else { return Ok(()) };
    assert_eq!(image.say(&["--version"])?.trim(), format!("rhumb {}", env!("CARGO_PKG_VERSION")));
    let mut scene = Scene::prepare("image").await?;
    let package = std::fs::read(scene.charts.path().join("hello-1.0.0.tgz"))?;
    image.bring("charts/hello.tgz", &package)?;
    let outside = Command::new(PROGRAM).args(["template", "web"]).arg(hello()).arg("--namespace=apps").output()?;
    assert_eq!(
        image.say(&["template", "web", "/charts/hello.tgz", "--namespace=apps"])?,
        String::from_utf8(outside.stdout)?
    );

    // The name of the server is looked up by the image's C library, and its certificate in the image's bundle.
    let keys = temporary_folder("rhumb-image-keys-")?;
    let certificates = Certificates::write(keys.path())?;
    let repository = ChartServer::start_large(scene.charts.path(), &certificates, 0)?;
    ensure!(image.root().join(AUTHORITIES).metadata()?.len() > 100_000, "the bundle of authorities is too small");
    image.bring(AUTHORITIES, &std::fs::read(&certificates.authority)?)?;
    image.bring("etc/hosts", b"127.0.0.1 localhost\n")?;
    image.bring("kubeconfig", kubeconfig(&scene)?.as_bytes())?;
    let options = OperatorOptions {
        program: image.starter()?,
        kubeconfig: PathBuf::from("/kubeconfig"),
        ..scene.operator_options()
    };
    scene.start_operator_with(&options).await?;
    is_confined(scene.operator_process()?)?;
    let url = repository.url().replace("127.0.0.1", "localhost");
    ensure!(url.starts_with("https://localhost:"), "{url}");
    let spec = json!({"timeout": "30s", "chart": {"repo": url, "name": "hello", "version": "1.0.0"}});
    scene.apply_release("web", &spec).await?;
    scene.ready("web", "1.0.0").await?;
    scene.stop_operator()?;
    Ok(())
}

/// What cargo has noted as read when the library was last built; in a test build it would read more.
fn sources_of_library() -> Result<String> {
    let folder = Path::new(PROGRAM).parent().context("no folder")?.join("deps");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("rhumb-") && path.extension().is_some_and(|extension| extension == "d") {
            let text = std::fs::read_to_string(&path)?;
            let library = text.lines().find_map(|line| line.split_once(".rlib: "));
            found.extend(
                library.map(|(_, files)| (path.metadata().and_then(|it| it.modified()).ok(), files.to_owned())),
            );
        }
    }
    found.sort();
    Ok(found.pop().context("cargo has noted nothing of the library")?.1)
}

#[test]
fn the_build_reads_nothing_that_its_context_lacks() -> Result<()> {
    let files = sources_of_library()?;
    let ignored = std::fs::read_to_string(root().join(".dockerignore"))?;
    let ignored: Vec<PathBuf> =
        ignored.lines().filter(|line| !line.contains('*')).map(|line| root().join(line)).collect();
    let mut count = 0;
    for file in files.split_whitespace().map(|file| root().join(file)).filter(|it| it.starts_with(root())) {
        count += 1;
        ensure!(!ignored.iter().any(|ignored| file.starts_with(ignored)), "{} is not in the context", file.display());
    }
    ensure!(count > 100, "only {count} files");
    Ok(())
}
