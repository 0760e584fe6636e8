//! Commits out of real Git servers. What is expected follows Git's documentation and, for revisions and words, Flux's
//! source-controller 1.9.

use std::time::Duration;

use anyhow::Result;
use rhumb::source::{Access, Checkout, Credentials, Error, GitReference, GitRevision, Library, SshIdentity, Wanted};

use super::git_server::{GitFolder, GitRepo, GitServer, SshServer};

fn repository() -> Result<(GitFolder, GitRepo, GitServer)> {
    let folder = GitFolder::new()?;
    let repo = folder.create("team/app.git")?;
    let server = GitServer::start(folder.path())?;
    Ok((folder, repo, server))
}

fn branch(name: &str) -> Wanted {
    let reference = GitReference { branch: Some(name.to_owned()), ..GitReference::default() };
    Wanted::Reference { reference, known: None }
}

async fn checkout(access: &Access, wanted: &Wanted) -> Result<Checkout, Error> {
    Library::default().checkout(access, wanted, false).await
}

fn text(checkout: &Checkout, path: &str) -> Option<String> {
    let commit = checkout.commit.as_ref().unwrap();
    commit.tree.read(path, 1 << 20).unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
}

async fn error(access: &Access, wanted: &Wanted) -> String {
    let text = checkout(access, wanted).await.unwrap_err().to_string();
    assert!(!text.contains("hunter2"), "{text}");
    text
}

#[tokio::test]
async fn a_branch_is_its_newest_commit_and_an_unchanged_one_is_not_fetched() -> Result<()> {
    let (_folder, repo, server) = repository()?;
    repo.commit(&[("old.txt", "old")], "First")?;
    let long = "A subject that is longer than what is shown of it here, which is fifty letters\n\nbody";
    let commit = repo.commit(&[("charts/app/Chart.yaml", "name: app\n"), ("run.sh", "#!/bin/sh\n")], long)?;
    let access = Access::anonymous(server.url("team/app.git"));
    let library = Library::default();
    let found = library.checkout(&access, &branch("main"), false).await?;
    assert_eq!(found.revision.to_string(), format!("main@sha1:{commit}"));
    let files: Vec<&str> = found.commit.as_ref().unwrap().tree.paths().collect();
    assert_eq!(files, ["charts/app/Chart.yaml", "old.txt", "run.sh"]);
    assert_eq!(text(&found, "charts/app/Chart.yaml").as_deref(), Some("name: app\n"));
    assert_eq!(found.commit.as_ref().unwrap().subject, "A subject that is longer than what is shown of it ...");
    assert_eq!(server.fetches(), 1);

    let reference = GitReference { branch: Some("main".to_owned()), ..GitReference::default() };
    let known = Wanted::Reference { reference, known: Some(found.revision.clone()) };
    let again = checkout(&access, &known).await?;
    assert!(again.commit.is_none() && again.revision == found.revision);
    // Neither is one that is at hand, whoever asks for it.
    library.checkout(&access, &Wanted::Revision(found.revision), false).await?;
    library.checkout(&access, &branch("main"), false).await?;
    assert_eq!(server.fetches(), 1);
    Ok(())
}

#[tokio::test]
async fn tags_ranges_names_and_commits_are_found() -> Result<()> {
    let (_folder, repo, server) = repository()?;
    let first = repo.commit(&[("v", "1")], "one")?;
    repo.git(&["tag", "--annotate", "1.9.0", "--message", "one"])?;
    let second = repo.commit(&[("v", "2")], "two")?;
    repo.git(&["tag", "v1.10.0"])?;
    repo.git(&["push", "--quiet", "origin", "--tags", "HEAD:refs/pull/7/head"])?;
    let third = repo.commit(&[("v", "3")], "three")?;
    let access = Access::anonymous(server.url("team/app.git"));
    let some = |text: &str| Some(text.to_owned());
    for (reference, revision, content) in [
        (GitReference { tag: some("1.9.0"), ..GitReference::default() }, format!("1.9.0@sha1:{first}"), "1"),
        (GitReference { semver: some("1.x"), ..GitReference::default() }, format!("v1.10.0@sha1:{second}"), "2"),
        (
            GitReference { name: some("refs/pull/7/head"), ..GitReference::default() },
            format!("refs/pull/7/head@sha1:{second}"),
            "2",
        ),
        (GitReference { commit: some(&first), ..GitReference::default() }, format!("sha1:{first}"), "1"),
        (
            GitReference { commit: some(&second), branch: some("main"), ..GitReference::default() },
            format!("main@sha1:{second}"),
            "2",
        ),
        (GitReference { branch: some("main"), ..GitReference::default() }, format!("main@sha1:{third}"), "3"),
    ] {
        // The oldest protocol gives out no commit in the middle of a branch by itself, so its history is fetched.
        for is_old in [false, true] {
            let server = GitServer::start(repo.path().parent().unwrap())?;
            if is_old {
                server.grow_old();
            }
            let old = Access::anonymous(server.url("app.git"));
            let access = if is_old { &old } else { &access };
            let wanted = Wanted::Reference { reference: reference.clone(), known: None };
            let found = checkout(access, &wanted).await?;
            assert_eq!(found.revision.to_string(), revision, "{reference:?}");
            assert_eq!(text(&found, "v").as_deref(), Some(content), "{reference:?}, old: {is_old}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_had_is_named() -> Result<()> {
    let (folder, repo, server) = repository()?;
    let access = Access::anonymous(server.url("team/app.git"));
    assert!(matches!(checkout(&access, &branch("main")).await, Err(Error::EmptyGitRepository)));
    repo.commit(&[("a", "a")], "one")?;
    let text = error(&access, &branch("next")).await;
    assert!(
        text.contains("couldn't find remote ref \"refs/heads/next\"; there are 1 like 'refs/heads/main'"),
        "{text}"
    );
    let revision = GitRevision::parse(&format!("sha1:{}", "1".repeat(40))).unwrap();
    let text = error(&access, &Wanted::Revision(revision)).await;
    assert!(text.contains("1111111111111111111111111111111111111111"), "{text}");
    let text = error(&Access::anonymous(server.url("none.git")), &branch("main")).await;
    assert!(text.contains("none.git") && text.contains("404"), "{text}");
    // A server of files is none of Git.
    let files = super::server::Server::start().await;
    files.set("/x/info/refs?service=git-upload-pack", super::server::Answer::ok("<html>"));
    let text = error(&Access::anonymous(format!("{}/x", files.url())), &branch("main")).await;
    assert!(text.contains("smart"), "{text}");
    drop(folder);
    Ok(())
}

#[tokio::test]
async fn credentials_are_sent_and_their_refusal_says_so() -> Result<()> {
    let (_folder, repo, server) = repository()?;
    repo.commit(&[("a", "a")], "one")?;
    let access = Access::anonymous(server.url("team/app.git"));
    server.ask_for_login("ann", "hunter2");
    let login = |password: &str| Access {
        credentials: Credentials::Basic { username: "ann".to_owned(), password: password.to_owned() },
        ..access.clone()
    };
    checkout(&login("hunter2"), &branch("main")).await?;
    let text = error(&login("wrong"), &branch("main")).await;
    assert!(text.contains("refuses access") && text.contains("with the credentials of the Secret"), "{text}");
    let text = error(&access, &branch("main")).await;
    assert!(text.contains("no credentials are given"), "{text}");
    server.ask_for_token("hunter2");
    let token = Access { credentials: Credentials::Bearer("hunter2".to_owned()), ..access.clone() };
    checkout(&token, &branch("main")).await?;
    Ok(())
}

#[tokio::test]
async fn credentials_stay_with_the_server_they_are_for() -> Result<()> {
    let (_folder, repo, server) = repository()?;
    repo.commit(&[("a", "a")], "one")?;
    let front = super::server::Server::start().await;
    let there = format!("{}/info/refs?service=git-upload-pack", server.url("team/app.git"));
    let moved = super::server::Answer::status(302).with("location", there);
    front.set("/moved.git/info/refs?service=git-upload-pack", moved);
    let credentials = Credentials::Basic { username: "ann".to_owned(), password: "hunter2".to_owned() };
    let access = Access { credentials, ..Access::anonymous(format!("{}/moved.git", front.url())) };
    // A redirect is followed, and so is the rest of the talk.
    checkout(&access, &branch("main")).await?;
    server.ask_for_login("ann", "hunter2");
    let text = error(&access, &branch("main")).await;
    assert!(text.contains("not sent to another host"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_after_the_timeout() -> Result<()> {
    let (_folder, repo, server) = repository()?;
    repo.commit(&[("a", "a")], "one")?;
    let access = Access { timeout: Duration::from_millis(300), ..Access::anonymous(server.url("team/app.git")) };
    server.hang(true);
    let text = error(&access, &branch("main")).await;
    assert!(text.contains("within spec.timeout"), "{text}");
    server.hang(false);
    checkout(&Access::anonymous(server.url("team/app.git")), &branch("main")).await?;
    Ok(())
}

#[tokio::test]
async fn links_are_left_out_and_names_that_lead_out_are_refused() -> Result<()> {
    let (_folder, repo, server) = repository()?;
    std::os::unix::fs::symlink("/etc/passwd", repo.work().join("link"))?;
    repo.commit(&[("a", "a")], "one")?;
    let access = Access::anonymous(server.url("team/app.git"));
    let found = checkout(&access, &branch("main")).await?;
    assert_eq!(found.commit.unwrap().tree.paths().collect::<Vec<_>>(), ["a"]);

    let blob = repo.git(&["hash-object", "-w", "a"])?;
    let list = repo.work().join("list");
    std::fs::write(&list, format!("100644 blob {blob}\t..\n"))?;
    let script = format!("git mktree < {}", list.display());
    let tree = std::process::Command::new("sh").args(["-c", &script]).current_dir(repo.work()).output()?;
    let tree = String::from_utf8(tree.stdout)?;
    let commit = repo.git(&["commit-tree", tree.trim(), "-m", "evil"])?;
    repo.git(&["push", "--quiet", "origin", &format!("{commit}:refs/heads/evil")])?;
    let text = error(&access, &branch("evil")).await;
    assert!(text.contains("has a file with the name \"..\""), "{text}");
    Ok(())
}

#[tokio::test]
async fn submodules_are_joined_when_asked_for() -> Result<()> {
    let (folder, repo, server) = repository()?;
    let library = folder.create("team/lib.git")?;
    let wanted = library.commit(&[("Chart.yaml", "name: lib\n")], "lib")?;
    library.commit(&[("Chart.yaml", "name: newer\n")], "newer")?;
    repo.commit(&[("a", "a")], "one")?;
    repo.git(&["submodule", "--quiet", "add", "../lib.git", "charts/lib"])?;
    repo.git(&["-C", "charts/lib", "checkout", "--quiet", &wanted])?;
    repo.commit(&[], "with lib")?;
    let access = Access::anonymous(server.url("team/app.git"));
    let plain = checkout(&access, &branch("main")).await?;
    assert_eq!(text(&plain, "charts/lib/Chart.yaml"), None);
    let library = Library::default();
    let joined = library.checkout(&access, &branch("main"), true).await?;
    assert_eq!(text(&joined, "charts/lib/Chart.yaml").as_deref(), Some("name: lib\n"));
    assert_eq!(text(&joined, "a").as_deref(), Some("a"));
    Ok(())
}

#[tokio::test]
async fn ssh_servers_are_known_by_their_key_and_know_us_by_ours() -> Result<()> {
    let (_folder, repo, _server) = repository()?;
    let commit = repo.commit(&[("a", "a")], "one")?;
    let Some(server) = SshServer::start()? else {
        eprintln!("skipped: OpenSSH's server is not installed");
        return Ok(());
    };
    let identity = |key: &str, passphrase: Option<&str>, host: &str| -> Result<Access> {
        let identity = SshIdentity {
            key: server.key(key)?.into_bytes(),
            passphrase: passphrase.map(str::to_owned),
            known_hosts: server.known_hosts(host)?,
        };
        Ok(Access { credentials: Credentials::Ssh(identity), ..Access::anonymous(server.url(repo.path())?) })
    };
    for (key, passphrase) in [("user", None), ("locked", Some("open sesame")), ("rsa", None)] {
        let found = checkout(&identity(key, passphrase, "host")?, &branch("main")).await?;
        assert_eq!(found.revision.to_string(), format!("main@sha1:{commit}"), "{key}");
        assert_eq!(text(&found, "a").as_deref(), Some("a"), "{key}");
    }
    for (access, wanted) in [
        (identity("stranger", None, "host")?, "the server does not accept the key SHA256:"),
        (identity("locked", None, "host")?, "'identity' is encrypted, and the Secret has no 'password'"),
        (identity("locked", Some("wrong"), "host")?, "'identity' is no private key that can be used"),
        (identity("user", None, "stranger")?, "'known_hosts' has another key of this server"),
        (Access::anonymous(server.url(repo.path())?), "an SSH URL needs a Secret"),
    ] {
        let text = error(&access, &branch("main")).await;
        assert!(text.contains(wanted), "{text}");
    }
    let missing = identity("user", None, "host")?;
    let missing = Access { url: format!("{}-none", missing.url), ..missing };
    let text = error(&missing, &branch("main")).await;
    assert!(text.contains("app.git-none"), "{text}");
    Ok(())
}

#[tokio::test]
async fn denied_addresses_are_not_talked_to() -> Result<()> {
    let (_folder, repo, server) = repository()?;
    repo.commit(&[("a", "a")], "one")?;
    let library = Library::new(rhumb::source::Egress::denying("loopback").unwrap());
    let identity = SshIdentity {
        key: super::git_server::private_key()?.into_bytes(),
        passphrase: None,
        known_hosts: "localhost ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
            .to_owned(),
    };
    let ssh = Access { credentials: Credentials::Ssh(identity), ..Access::anonymous("ssh://git@localhost:1/app.git") };
    for access in [Access::anonymous(server.url("team/app.git")), ssh] {
        let error = library.checkout(&access, &branch("main"), false).await.unwrap_err().to_string();
        assert!(error.contains("is denied (loopback)"), "{error}");
    }
    assert_eq!(server.fetches(), 0);
    Ok(())
}
