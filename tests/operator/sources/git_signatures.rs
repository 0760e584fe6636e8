//! Signatures that Git itself makes with keys of SSH. What counts follows Git's documentation and, for words, Flux's
//! source-controller 1.9.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use rhumb::source::{Access, AuthorKeys, Checkout, Class, GitReference, Library, Wanted};
use tempfile::TempDir;

use super::git_server::{GitFolder, GitRepo, GitServer};

struct Ground {
    repo: GitRepo,
    server: GitServer,
    keys: TempDir,
    _folder: GitFolder,
}

impl Ground {
    fn new() -> Result<Self> {
        let folder = GitFolder::new()?;
        let repo = folder.create("app.git")?;
        let server = GitServer::start(folder.path())?;
        Ok(Self { repo, server, keys: tempfile::tempdir()?, _folder: folder })
    }

    /// A new key of a kind; its private half lies at the path, its public one is given.
    fn key(&self, name: &str, kind: &str) -> Result<(PathBuf, String)> {
        let path = self.keys.path().join(name);
        let at = path.display().to_string();
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-C", "ann@example", "-f", &at]).status()?;
        ensure!(made.success(), "ssh-keygen ended with {made}");
        let public = std::fs::read_to_string(format!("{at}.pub"))?;
        Ok((path, public))
    }

    /// Runs Git, which signs with the key.
    fn sign(&self, key: &Path, arguments: &[&str]) -> Result<String> {
        let key = format!("user.signingkey={}", key.display());
        self.repo.git(&[&["-c", "gpg.format=ssh", "-c", &key], arguments].concat())
    }

    fn commit_signed(&self, key: &Path, message: &str) -> Result<String> {
        self.sign(key, &["commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", message])?;
        self.repo.git(&["push", "--quiet", "origin", "HEAD", "--tags"])?;
        self.repo.git(&["rev-parse", "HEAD"])
    }

    async fn checkout(&self, reference: GitReference) -> Result<Checkout> {
        let access = Access::anonymous(self.server.url("app.git"));
        let wanted = Wanted::Reference { reference, known: None };
        Ok(Library::default().checkout(&access, &wanted, false).await?)
    }
}

fn keys(texts: &[&str]) -> AuthorKeys {
    let entries = texts.iter().enumerate();
    let data: BTreeMap<_, _> =
        entries.map(|(at, text)| (format!("author{at}.sshpub"), text.as_bytes().to_vec())).collect();
    AuthorKeys::of_secret("ns/authors", &data).unwrap()
}

fn main_branch() -> GitReference {
    GitReference { branch: Some("main".to_owned()), ..GitReference::default() }
}

fn tag(name: &str) -> GitReference {
    GitReference { tag: Some(name.to_owned()), ..GitReference::default() }
}

#[tokio::test]
async fn commits_are_checked_by_keys_of_every_kind() -> Result<()> {
    let ground = Ground::new()?;
    let stranger = ground.key("stranger", "ed25519")?.1;
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let (path, public) = ground.key(kind, kind)?;
        ground.commit_signed(&path, &format!("By {kind}\n\n-----BEGIN SSH SIGNATURE-----\nnot here\n"))?;
        let commit = ground.checkout(main_branch()).await?.commit.unwrap();
        // A comment, an empty line and another key do not matter.
        let listed = format!("# ours\n\n{stranger}{public}");
        let fingerprint = keys(&[&listed]).check(&commit.signed).unwrap();
        let told = Command::new("ssh-keygen").args(["-l", "-f", &format!("{}.pub", path.display())]).output()?;
        assert!(String::from_utf8(told.stdout)?.contains(&fingerprint), "{fingerprint}");
        let error = keys(&[&stranger]).check(&commit.signed).unwrap_err();
        assert!(error.contains("any of the given authorized keys") && error.contains(&fingerprint), "{error}");
    }
    ground.repo.commit(&[("a", "a")], "Nobody's")?;
    let unsigned = ground.checkout(main_branch()).await?.commit.unwrap();
    let error = keys(&[&stranger]).check(&unsigned.signed).unwrap_err();
    assert_eq!(error, "unable to verify payload as the provided signature is empty");
    Ok(())
}

#[tokio::test]
async fn a_signature_of_other_bytes_or_for_another_use_does_not_count() -> Result<()> {
    let ground = Ground::new()?;
    let (path, public) = ground.key("ann", "ed25519")?;
    ground.commit_signed(&path, "Good")?;
    let signed = ground.repo.git(&["cat-file", "commit", "HEAD"])?;
    for (from, to) in [("Good", "Evil"), ("author Ann", "author Eve"), ("\n\n", "\nencoding utf-8\n\n")] {
        let at = signed.rfind(from).or_else(|| signed.find(from)).unwrap();
        let mut forged = signed.clone();
        forged.replace_range(at..at + from.len(), to);
        let file = ground.keys.path().join("forged");
        std::fs::write(&file, forged + "\n")?;
        let id = ground.repo.git(&["hash-object", "-t", "commit", "-w", &file.display().to_string()])?;
        ground.repo.git(&["push", "--quiet", "--force", "origin", &format!("{id}:refs/heads/forged")])?;
        let reference = GitReference { branch: Some("forged".to_owned()), ..GitReference::default() };
        let commit = ground.checkout(reference).await?.commit.unwrap();
        assert!(commit.signed.has_signature(), "{from}");
        let error = keys(&[&public]).check(&commit.signed).unwrap_err();
        assert!(error.contains("any of the given authorized keys"), "{from}: {error}");
    }

    // The same key has signed the same bytes as a file.
    let payload = ground.keys.path().join("payload");
    ground.repo.commit(&[("a", "a")], "Plain")?;
    std::fs::write(&payload, ground.repo.git(&["cat-file", "commit", "HEAD"])? + "\n")?;
    for (namespace, counts) in [("file", false), ("git", true)] {
        let (key, at) = (path.display().to_string(), payload.display().to_string());
        let done = Command::new("ssh-keygen").args(["-q", "-Y", "sign", "-n", namespace, "-f", &key, &at]).status()?;
        ensure!(done.success(), "ssh-keygen ended with {done}");
        let signature = std::fs::read_to_string(format!("{at}.sig"))?;
        std::fs::remove_file(format!("{at}.sig"))?;
        let header = format!("gpgsig {}\n\n", signature.trim_end().replace('\n', "\n "));
        let commit = std::fs::read_to_string(&payload)?.replacen("\n\n", &format!("\n{header}"), 1);
        let file = ground.keys.path().join("commit");
        std::fs::write(&file, commit)?;
        let id = ground.repo.git(&["hash-object", "-t", "commit", "-w", &file.display().to_string()])?;
        ground.repo.git(&["push", "--quiet", "--force", "origin", &format!("{id}:refs/heads/use")])?;
        let reference = GitReference { branch: Some("use".to_owned()), ..GitReference::default() };
        let found = ground.checkout(reference).await?.commit.unwrap();
        assert_eq!(keys(&[&public]).check(&found.signed).is_ok(), counts, "{namespace}");
    }
    Ok(())
}

#[tokio::test]
async fn tags_are_checked_by_their_own_signature() -> Result<()> {
    let ground = Ground::new()?;
    let (ann, ann_public) = ground.key("ann", "ed25519")?;
    let (bob, bob_public) = ground.key("bob", "ecdsa")?;
    ground.sign(&ann, &["commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", "one"])?;
    ground.sign(&bob, &["tag", "--sign", "--message", "First", "1.0.0"])?;
    ground.repo.git(&["tag", "--annotate", "--message", "Plain", "1.1.0"])?;
    ground.repo.git(&["tag", "light"])?;
    ground.commit_signed(&ann, "two")?;
    let object = ground.repo.git(&["rev-parse", "1.0.0"])?;
    let range = GitReference { semver: Some("1.0.x".to_owned()), ..GitReference::default() };
    let name = GitReference { name: Some("refs/tags/1.0.0".to_owned()), ..GitReference::default() };
    for reference in [tag("1.0.0"), range, name] {
        let found = ground.checkout(reference).await?;
        let (commit, tag) = (found.commit.unwrap(), found.tag.unwrap());
        assert_eq!(tag.to_string(), format!("1.0.0@{object}"));
        assert!(keys(&[&bob_public]).check(&tag.signed).is_ok());
        assert!(keys(&[&ann_public]).check(&tag.signed).is_err());
        assert!(keys(&[&ann_public]).check(&commit.signed).is_ok());
        assert!(keys(&[&bob_public]).check(&commit.signed).is_err());
    }
    for (name, has_object) in [("1.1.0", true), ("light", false)] {
        let tag = ground.checkout(tag(name)).await?.tag.unwrap();
        assert!(!tag.signed.has_signature() && tag.to_string().contains('@') == has_object, "{tag}");
    }
    assert_eq!(ground.checkout(main_branch()).await?.tag, None);
    Ok(())
}

#[test]
fn keys_that_cannot_be_used_are_named() {
    let of = |text: &str| {
        let data = BTreeMap::from([("author.asc".to_owned(), text.as_bytes().to_vec())]);
        AuthorKeys::of_secret("ns/authors", &data).unwrap_err()
    };
    let pgp = of("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjMEZ\n-----END PGP PUBLIC KEY BLOCK-----\n");
    assert_eq!(pgp.class(), Class::Terminal);
    assert!(pgp.to_string().contains("'author.asc' of secret 'ns/authors'"), "{pgp}");
    assert!(of("# nothing\n").to_string().contains("has no public key"));
    let broken = of("ssh-ed25519 hunter2\n").to_string();
    assert!(
        broken.contains("'author.asc' holds a line that is no public key of SSH") && !broken.contains("hunter2"),
        "{broken}"
    );
}
