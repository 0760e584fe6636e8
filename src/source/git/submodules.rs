//! Submodules: other repositories in folders of a commit, fetched at the commits that it names and joined to its files.
//!
//! Counterpart: go-git's checkout as Flux uses it with `recurseSubmodules`. URLs may be relative to the repository's own.
//!
//! **Invariant:** credentials go along only to the repository's own server.

use std::sync::Arc;

use url::Url;

use super::bridge::Waiting;
use super::commit::Commit;
use super::pack::error_text;
use super::reference::GitRevision;
use super::visit::{Git, Wanted};
use crate::source::http::shown;
use crate::source::{Access, Credentials, Error, Tls};

/// The file that says where submodules come from.
const FILE: &str = ".gitmodules";
/// The most bytes of a file `.gitmodules`.
const MAX_FILE: u64 = 1024 * 1024;
/// How deep submodules may have submodules.
const MAX_DEPTH: usize = 8;
/// How many submodules one commit may have, with those of its submodules.
const MAX_SUBMODULES: usize = 64;

/// A commit with the files of its submodules.
pub(super) async fn join(git: &Arc<Git>, access: &Access, commit: &Commit, waiting: &Waiting) -> Result<Commit, Error> {
    let mut tree = commit.tree.clone();
    let mut size = commit.size;
    let mut open = vec![(String::new(), access.clone(), Arc::new(commit.clone()), 0)];
    let mut count = 0;
    while let Some((folder, access, commit, depth)) = open.pop() {
        if commit.submodules.is_empty() {
            continue;
        }
        let failed = |message: String| Error::Git {
            url: Url::parse(&access.url).map_or_else(|_| String::new(), |url| shown(&url)),
            message,
        };
        let text = commit.tree.read(FILE, MAX_FILE).map_err(failed)?.unwrap_or_default();
        let urls = urls(&text).map_err(failed)?;
        for (path, id) in &commit.submodules {
            count += 1;
            if depth >= MAX_DEPTH || count > MAX_SUBMODULES {
                return Err(failed(format!(
                    "submodules are nested deeper than {MAX_DEPTH} or more than {MAX_SUBMODULES}"
                )));
            }
            let named = urls.iter().find(|(at, _)| at == path);
            // Git leaves the folder of a submodule that it knows no URL of empty.
            let Some((_, url)) = named else { continue };
            let there = access_to(&access, url).map_err(failed)?;
            let wanted = Wanted::Revision(GitRevision { label: None, commit: *id });
            let found = Arc::clone(git).talk((&there, there.identity()), wanted, false, waiting).await;
            let found = found.map_err(|error| failed(format!("submodule '{path}': {error}")))?;
            let Some(submodule) = found.commit else { continue };
            let place = if folder.is_empty() { path.clone() } else { format!("{folder}/{path}") };
            tree.put_below(&place, &submodule.tree, "");
            size += submodule.size;
            open.push((place, there, submodule, depth + 1));
        }
    }
    Ok(Commit { subject: commit.subject.clone(), signed: commit.signed.clone(), tree, submodules: Vec::new(), size })
}

/// The paths and URLs in a `.gitmodules`.
fn urls(text: &[u8]) -> Result<Vec<(String, String)>, String> {
    let options = gix_config::file::init::Options::default();
    let metadata = gix_config::file::Metadata::default();
    let file = gix_config::File::from_bytes_no_includes(text, metadata, options);
    let file = file.map_err(|error| format!("{FILE} cannot be read: {}", error_text(&error)))?;
    let sections = file.sections_by_name("submodule").into_iter().flatten();
    let pair = |section: gix_config::file::SectionRef<'_>| {
        Some((section.value("path")?.to_string(), section.value("url")?.to_string()))
    };
    Ok(sections.filter_map(pair).collect())
}

/// Access to a submodule: a relative URL is taken from the repository's own, and `user@host:path` is short for SSH.
fn access_to(access: &Access, url: &str) -> Result<Access, String> {
    let invalid = |error: url::ParseError| format!("a submodule URL is invalid: {error}");
    let own = Url::parse(&access.url).map_err(invalid)?;
    let there = if url.starts_with("./") || url.starts_with("../") {
        let mut folder = own.clone();
        folder.set_path(&format!("{}/", own.path().trim_end_matches('/')));
        folder.join(url).map_err(invalid)?
    } else {
        match url.split_once(':') {
            Some((host, path)) if !path.starts_with("//") && !host.contains('/') => {
                Url::parse(&format!("ssh://{host}/{}", path.trim_start_matches('/'))).map_err(invalid)?
            }
            _ => Url::parse(url).map_err(invalid)?,
        }
    };
    if there.scheme() == "http" && own.scheme() != "http" {
        return Err(format!("submodule URL '{}' leads from {} to http", shown(&there), own.scheme()));
    }
    let is_own_server = (there.scheme(), there.host_str(), there.port_or_known_default())
        == (own.scheme(), own.host_str(), own.port_or_known_default());
    if !there.username().is_empty() && there.scheme() != "ssh" {
        return Err("a submodule URL with a user in it is refused; credentials belong into the Secret".to_owned());
    }
    let url = there.to_string();
    if is_own_server || matches!((&access.credentials, there.scheme()), (Credentials::Ssh(_), "ssh")) {
        return Ok(Access { url, ..access.clone() });
    }
    let tls = Tls { ca: access.tls.ca.clone(), client: None };
    Ok(Access { url, credentials: Credentials::Anonymous, tls, ..access.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(url: &str) -> Access {
        let credentials = Credentials::Basic { username: "u".to_owned(), password: "p".to_owned() };
        Access { credentials, ..Access::anonymous(url) }
    }

    fn to(own: &str, url: &str) -> (String, bool) {
        let there = access_to(&access(own), url).unwrap();
        (there.url, there.credentials != Credentials::Anonymous)
    }

    #[test]
    fn credentials_go_to_the_own_server_alone() {
        let own = "https://git.local/team/app.git";
        assert_eq!(to(own, "../lib.git"), ("https://git.local/team/lib.git".to_owned(), true));
        assert_eq!(to(own, "https://git.local:443/x"), ("https://git.local/x".to_owned(), true));
        assert_eq!(to(own, "https://other.local/x"), ("https://other.local/x".to_owned(), false));
        assert_eq!(to(own, "git@other.local:x/y"), ("ssh://git@other.local/x/y".to_owned(), false));
        assert!(access_to(&access(own), "http://git.local/x").is_err());
    }

    #[test]
    fn paths_and_urls_are_read_as_git_writes_them() {
        let text = b"# ours\n[submodule \"lib\"]\n\tpath = charts/lib\n\turl = \"../lib.git\"\n[submodule \"x\"]\n\tpath = x\n";
        assert_eq!(urls(text).unwrap(), [("charts/lib".to_owned(), "../lib.git".to_owned())]);
    }
}
