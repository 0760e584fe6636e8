//! Charts out of a commit's files: folders, packages, values files, dependencies. What is expected follows the local chart builder of
//! Flux's source-controller 1.9.

use std::sync::Arc;

use anyhow::Result;
use futures::FutureExt as _;
use rhumb::chart::Chart;
use rhumb::source::{
    Access, BuildRequest, Error, GitReference, Library, Merged, SourceIgnore, Tree, Wanted, build_chart, chart_version,
};

use super::git_server::{GitFolder, GitRepo, GitServer};
use super::server::{Answer, Server, digest, index, package};

const APP: &str = "apiVersion: v2\nname: app\nversion: 1.2.0\n";

/// A repository, its server, and what reads it.
struct Ground {
    repo: GitRepo,
    server: GitServer,
    library: Library,
    _folder: GitFolder,
}

impl Ground {
    fn new(files: &[(&str, &str)]) -> Result<Self> {
        let folder = GitFolder::new()?;
        let repo = folder.create("app.git")?;
        repo.commit(files, "first")?;
        let server = GitServer::start(folder.path())?;
        Ok(Self { repo, server, library: Library::default(), _folder: folder })
    }

    async fn tree(&self) -> Arc<Tree> {
        let access = Access::anonymous(self.server.url("app.git"));
        let reference = GitReference { branch: Some("main".to_owned()), ..GitReference::default() };
        let found = self.library.checkout(&access, &Wanted::Reference { reference, known: None }, false).await;
        Arc::new(found.unwrap().commit.unwrap().tree.clone())
    }

    async fn build(&self, request: &BuildRequest) -> Result<Merged, Error> {
        self.build_with(request, None).await
    }

    /// Builds; repositories of dependencies are reached as they are, or with a password.
    async fn build_with(&self, request: &BuildRequest, login: Option<&str>) -> Result<Merged, Error> {
        let login = login.map(str::to_owned);
        let access_to = move |url: String| {
            let mut access = Access::anonymous(url);
            if let Some(password) = login.clone() {
                access.credentials = rhumb::source::Credentials::Basic { username: "ann".to_owned(), password };
            }
            futures::future::ready(Ok(access)).boxed()
        };
        let tree = self.tree().await;
        let built = build_chart(Arc::clone(&tree), request.clone(), &self.library, &access_to).await?;
        let (name, version) = chart_version(&tree, request)?;
        assert_eq!((name.as_str(), version), (built.fetched.chart.name(), built.fetched.version.clone()));
        Ok(built)
    }

    async fn error(&self, request: &BuildRequest) -> String {
        self.build(request).await.unwrap_err().to_string()
    }
}

fn at(path: &str) -> BuildRequest {
    BuildRequest { path: path.to_owned(), metadata: None, values_files: Vec::new(), ignore_missing: false }
}

fn values(merged: &Merged) -> serde_json::Value {
    serde_json::Value::Object(merged.fetched.chart.values.as_deref().unwrap().clone())
}

#[tokio::test]
async fn a_folder_becomes_a_chart_and_other_commits_leave_its_digest() -> Result<()> {
    let ground = Ground::new(&[
        ("charts/app/Chart.yaml", APP),
        ("charts/app/values.yaml", "a: 1\n"),
        ("charts/app/.helmignore", "*.md\n"),
        ("charts/app/README.md", "not part of it"),
        ("charts/app/templates/a.yaml", "a: b\n"),
    ])?;
    let first = ground.build(&at("./charts/app/")).await?;
    assert!(first.is_packaged && first.files.is_empty());
    assert_eq!(first.fetched.version, "1.2.0");
    assert_eq!(first.fetched.chart.templates.len(), 1);
    assert!(first.fetched.chart.files.iter().all(|file| file.name != "README.md"));
    assert!(ground.library.get(&first.fetched.digest).is_some());
    ground.repo.commit(&[("other.txt", "x")], "other")?;
    assert_eq!(ground.build(&at("charts/app")).await?.fetched.digest, first.fetched.digest);
    ground.repo.commit(&[("charts/app/templates/a.yaml", "a: c\n")], "template")?;
    assert_ne!(ground.build(&at("charts/app")).await?.fetched.digest, first.fetched.digest);
    Ok(())
}

#[tokio::test]
async fn versions_take_build_metadata() -> Result<()> {
    let ground = Ground::new(&[
        ("app/Chart.yaml", APP),
        ("app/values.yaml", "a: 1\n"),
        ("odd/Chart.yaml", "apiVersion: v2\nname: odd\nversion: v1.0+old\n"),
    ])?;
    let with = |path: &str| BuildRequest { metadata: Some("0123456789ab.2".to_owned()), ..at(path) };
    let built = ground.build(&with("app")).await?;
    assert_eq!(built.fetched.chart.metadata.version, "1.2.0+0123456789ab.2");
    assert_eq!(ground.build(&with("odd")).await?.fetched.version, "1.0.0+0123456789ab.2");
    assert_ne!(built.fetched.digest, ground.build(&at("app")).await?.fetched.digest);
    Ok(())
}

#[tokio::test]
async fn values_files_lie_anywhere_in_the_source() -> Result<()> {
    let ground = Ground::new(&[
        ("app/Chart.yaml", APP),
        ("app/values.yaml", "a: 1\nb: {c: 1, d: 1}\n"),
        ("prod.yaml", "b: {c: 2}\n"),
        ("same.yaml", "a: 1\n"),
        ("plain/Chart.yaml", APP),
        ("plain/values.yaml", "a: 1\n"),
    ])?;
    let with = |path: &str, files: &[&str], ignore_missing| BuildRequest {
        values_files: files.iter().map(|file| (*file).to_owned()).collect(),
        ignore_missing,
        ..at(path)
    };
    let built = ground.build(&with("app", &["app/values.yaml", "./prod.yaml"], false)).await?;
    assert_eq!(values(&built), serde_json::json!({"a": 1.0, "b": {"c": 2.0, "d": 1.0}}));
    assert_eq!(built.files, ["app/values.yaml", "./prod.yaml"]);
    let built = ground.build(&with("app", &["none.yaml", "prod.yaml"], true)).await?;
    assert_eq!((values(&built), built.files), (serde_json::json!({"b": {"c": 2.0}}), vec!["prod.yaml".to_owned()]));
    // Without any of them the chart's own values are gone, as in Flux.
    assert_eq!(values(&ground.build(&with("app", &["none.yaml"], true)).await?), serde_json::json!({}));
    // Files that make no difference are not told of.
    assert_eq!(ground.build(&with("plain", &["same.yaml"], false)).await?.files, Vec::<String>::new());
    let error = ground.error(&with("app", &["none.yaml"], false)).await;
    assert_eq!(error, "chart 'app': values file 'none.yaml': no values file found at path '/none.yaml' of the source");
    Ok(())
}

#[tokio::test]
async fn a_packaged_chart_is_taken_as_it_is() -> Result<()> {
    let ground = Ground::new(&[("a", "a")])?;
    ground.repo.add_file("dist/app-1.0.0.tgz", &package("app", "1.0.0"))?;
    ground.repo.commit(&[], "package")?;
    let built = ground.build(&at("dist/app-1.0.0.tgz")).await?;
    assert!(!built.is_packaged);
    assert_eq!((built.fetched.chart.name(), built.fetched.version.as_str()), ("app", "1.0.0"));
    Ok(())
}

#[tokio::test]
async fn dependencies_come_from_the_chart_the_source_and_repositories() -> Result<()> {
    let remote = Server::start().await;
    let archive = package("db", "2.1.0");
    let login = |answer: Answer| answer.for_login("ann", "hunter2");
    remote.set("/charts/index.yaml", login(Answer::ok(index("db", "2.1.0", "db-2.1.0.tgz", &digest(&archive)))));
    remote.set("/charts/db-2.1.0.tgz", login(Answer::ok(archive)));
    let manifest = format!(
        "{APP}dependencies:\n- {{name: lib, version: '>=0.1.0', repository: 'file://../lib'}}\n\
         - {{name: vendored, version: 1.0.0, repository: 'https://example.invalid'}}\n\
         - {{name: db, alias: store, version: 2.x, repository: '{}/charts'}}\n",
        remote.url()
    );
    let ground = Ground::new(&[
        ("charts/app/Chart.yaml", manifest.as_str()),
        ("charts/lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 0.2.0\ntype: library\n"),
        ("charts/lib/templates/_a.tpl", "{{ define \"a\" }}{{ end }}"),
    ])?;
    ground.repo.add_file("charts/app/charts/vendored-1.0.0.tgz", &package("vendored", "1.0.0"))?;
    ground.repo.commit(&[], "vendored")?;
    let built = ground.build_with(&at("charts/app"), Some("hunter2")).await?;
    let names: Vec<&str> = built.fetched.chart.dependencies.iter().map(Chart::name).collect();
    assert_eq!(names, ["lib", "store", "vendored"]);
    let error = ground.build(&at("charts/app")).await.unwrap_err().to_string();
    assert!(error.starts_with("dependency build error: failed to add remote dependency 'store': "), "{error}");
    // What the library brings is part of the chart's digest.
    ground.repo.commit(&[("charts/lib/templates/_a.tpl", "{{ define \"b\" }}{{ end }}")], "lib")?;
    let changed = ground.build_with(&at("charts/app"), Some("hunter2")).await?;
    assert_ne!(changed.fetched.digest, built.fetched.digest);
    Ok(())
}

#[tokio::test]
async fn dependencies_that_cannot_be_had_are_named() -> Result<()> {
    let chart = |repository: &str, version: &str| {
        format!("{APP}dependencies:\n- {{name: lib, version: '{version}', repository: '{repository}'}}\n")
    };
    let ground = Ground::new(&[
        ("missing/Chart.yaml", &chart("file://../none", "*")),
        ("outside/Chart.yaml", &chart("file://../../../../lib", "*")),
        ("range/Chart.yaml", &chart("file://../lib", ">1.0.0")),
        ("alias/Chart.yaml", &chart("@stable", "*")),
        ("empty/Chart.yaml", &chart("", "*")),
        ("lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 0.2.0\n"),
    ])?;
    for (path, wanted) in [
        ("missing", "no chart found at '/none' (reference 'file://../none')"),
        ("range", "can't get a valid version for constraint '>1.0.0': the chart at '/lib' has version 0.2.0"),
        ("alias", "aliased repository dependencies are not supported"),
        ("empty", "no chart found at '/empty/charts/lib' (reference '')"),
    ] {
        let error = ground.error(&at(path)).await;
        assert!(error.starts_with("dependency build error: failed to add "), "{error}");
        assert!(error.contains(wanted), "{error}");
    }
    // A path that leads out of the source ends at its root.
    assert_eq!(ground.build(&at("outside")).await?.fetched.chart.dependencies[0].name(), "lib");
    Ok(())
}

#[tokio::test]
async fn a_path_without_a_chart_is_told_with_what_there_is() -> Result<()> {
    let ground = Ground::new(&[("charts/app/Chart.yaml", APP), ("docs/a.md", "a")])?;
    for (path, wanted) in [
        ("app", "invalid chart reference: no such file or directory: 'app'; the source has a chart at 'charts/app'"),
        ("docs", "invalid chart reference: no Chart.yaml in 'docs'; the source has a chart at 'charts/app'"),
    ] {
        assert_eq!(chart_version(&*ground.tree().await, &at(path)).unwrap_err().to_string(), wanted);
    }
    Ok(())
}

#[tokio::test]
async fn files_of_the_source_say_what_is_left_out_of_it() -> Result<()> {
    let ground = Ground::new(&[
        (".sourceignore", "*.bak\n"),
        ("charts/.sourceignore", "/app/secret\n"),
        ("charts/app/secret/a.yaml", "a"),
        ("charts/app/a.bak", "a"),
        ("charts/app/Chart.yaml", APP),
        ("app/secret/b.yaml", "b"),
        (".gitignore", "x"),
    ])?;
    let mut tree = Tree::clone(&*ground.tree().await);
    let rules = SourceIgnore::of(&tree, Some("!keep.bak\n")).unwrap();
    assert!(!rules.ignores("keep.bak"));
    tree.retain(|path| !rules.ignores(path));
    let paths: Vec<&str> = tree.paths().collect();
    assert_eq!(paths, [".sourceignore", "app/secret/b.yaml", "charts/.sourceignore", "charts/app/Chart.yaml"]);
    Ok(())
}
