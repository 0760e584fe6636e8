//! From an access and a reference to a commit with its files: what is at hand is not fetched again.
//!
//! **Invariant:** a commit that is kept is found again only with the address and the credentials that it was fetched with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use gix_hash::ObjectId;
use gix_transport::client::blocking_io::Transport;
use moka::sync::Cache;
use tokio::runtime::Handle;
use tokio::time::Instant;
use url::Url;

use super::bridge::Waiting;
use super::commit::{Commit, read_tag};
use super::github::Apps;
use super::http::{self, Asker, Failure};
use super::reference::{GitReference, GitRevision, GitTag};
use super::session::{History, Session};
use super::{ssh, submodules};
use crate::source::access::Identity;
use crate::source::egress::Egress;
use crate::source::flight::Flights;
use crate::source::http::{Http, shown};
use crate::source::transport::Transport as Clients;
use crate::source::{Access, Error};

/// How many bytes of packs are kept on disk that nobody uses.
const MAX_KEPT: u64 = 512 * 1024 * 1024;
/// How long a commit is kept that nobody asks for.
const IDLE: Duration = Duration::from_secs(1800);

/// What of a repository is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// What a reference stands for now, unless that is the revision that is known already.
    Reference {
        /// The reference.
        reference: GitReference,
        /// The revision whose files nobody needs.
        known: Option<GitRevision>,
    },
    /// One commit.
    Revision(GitRevision),
}

/// A commit that was found.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// The commit, and by what it was found.
    pub revision: GitRevision,
    /// The commit with its files; none if it is the one that was known.
    pub commit: Option<Arc<Commit>>,
    /// The tag by which it was found, read if the commit was.
    pub tag: Option<GitTag>,
}

/// Which commit is at hand: by whom it was fetched, its name, and whether with its submodules.
type Key = (Identity, ObjectId, bool);

/// Git repositories.
pub(in crate::source) struct Git {
    http: Arc<Http>,
    egress: Egress,
    apps: Apps,
    commits: Cache<Key, Arc<Commit>>,
    visits: Flights<(Identity, Wanted, bool), Checkout>,
}

impl Git {
    /// Nothing at hand; requests over HTTP are made by the given client, and no server with a denied address is talked to over SSH.
    pub(in crate::source) fn new(http: Arc<Http>, clients: Arc<Clients>, egress: Egress) -> Self {
        let commits = Cache::builder()
            .max_capacity(MAX_KEPT)
            .weigher(|_, commit: &Arc<Commit>| u32::try_from(commit.size).unwrap_or(u32::MAX))
            .time_to_idle(IDLE)
            .build();
        Self { http, egress, apps: Apps::new(clients), commits, visits: Flights::default() }
    }

    /// The commit that is wanted; with submodules if asked for. Whoever asks for the same at once shares one talk with the server.
    ///
    /// # Errors
    /// The server cannot be talked to, refuses, or has no such commit; or the time of the access is over.
    pub(in crate::source) async fn checkout(
        self: &Arc<Self>,
        access: &Access,
        wanted: &Wanted,
        with_submodules: bool,
    ) -> Result<Checkout, Error> {
        if let Wanted::Revision(revision) = wanted
            && let Some(commit) = self.commits.get(&(access.identity(), revision.commit, with_submodules))
        {
            return Ok(Checkout { revision: revision.clone(), commit: Some(commit), tag: None });
        }
        let key = (access.identity(), wanted.clone(), with_submodules);
        let (git, access, wanted) = (Arc::clone(self), access.clone(), wanted.clone());
        let errand = || async move { git.visit(access, wanted, with_submodules).await };
        self.visits.join(key, errand).await
    }

    async fn visit(self: Arc<Self>, access: Access, wanted: Wanted, with_submodules: bool) -> Result<Checkout, Error> {
        let waiting = Waiting { runtime: Handle::current(), deadline: Instant::now() + access.timeout };
        // What is kept is told by who asks, however often that is proved anew.
        let identity = access.identity();
        let named = access;
        let access = self.apps.login(&named).await?;
        let checkout = Arc::clone(&self).talk((&access, identity), wanted, with_submodules, &waiting).await;
        let checkout = checkout.inspect_err(|error| {
            if matches!(error, Error::Unauthorized { .. }) {
                self.apps.forget(&named);
            }
        })?;
        let Checkout { revision, commit: Some(commit), tag } = checkout else { return Ok(checkout) };
        let key = (identity, revision.commit, with_submodules);
        let commit = if with_submodules && self.commits.get(&key).is_none() {
            Arc::new(submodules::join(&self, &access, &commit, &waiting).await?)
        } else {
            commit
        };
        self.commits.insert(key, Arc::clone(&commit));
        Ok(Checkout { revision, commit: Some(commit), tag })
    }

    /// One talk with the server, in the name of whoever is told by the identity.
    pub(super) async fn talk(
        self: Arc<Self>,
        (access, identity): (&Access, Identity),
        wanted: Wanted,
        with_submodules: bool,
        waiting: &Waiting,
    ) -> Result<Checkout, Error> {
        let place = Place::of(access)?;
        let failure = Failure::default();
        // Whoever stops waiting for the talk ends it.
        let stop = Stop(Arc::new(AtomicBool::new(false)));
        let (transport, connection) = self.transport(&place, access, waiting, &failure).await?;
        let (git, stopped) = (Arc::clone(&self), Arc::clone(&stop.0));
        let job = move || {
            let mut session = Session::begin(transport)?;
            let (revision, tag) = match wanted {
                Wanted::Revision(revision) => (revision, None),
                Wanted::Reference { reference, known } => {
                    let (revision, tag) = match reference.exact()? {
                        Some(revision) => (revision, None),
                        None => find(&mut session, &reference)?,
                    };
                    if known.as_ref() == Some(&revision) {
                        return Ok(Checkout { revision, commit: None, tag });
                    }
                    (revision, tag)
                }
            };
            // A tag's own object comes along with its commit, and is not kept.
            let is_kept = tag.as_ref().is_none_or(|tag| tag.object.is_none());
            let key = (identity, revision.commit, with_submodules);
            if let Some(commit) = git.commits.get(&key).filter(|_| is_kept) {
                return Ok(Checkout { revision, commit: Some(commit), tag });
            }
            let (commit, tag) = fetch(&mut session, &revision, tag, &stopped)?;
            Ok(Checkout { revision, commit: Some(Arc::new(commit)), tag })
        };
        let result = tokio::time::timeout_at(waiting.deadline, tokio::task::spawn_blocking(job)).await;
        drop((stop, connection));
        let result = match result {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(Trouble::Message(format!("the talk was cut off: {error}"))),
            Err(_) => Err(Trouble::Message("not done within spec.timeout".to_owned())),
        };
        result.map_err(|trouble| {
            let own = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
            match (own, trouble) {
                (Some(error), _) => error,
                (None, Trouble::Empty) => Error::EmptyGitRepository,
                (None, Trouble::Message(message)) => place.error(message),
            }
        })
    }

    async fn transport(
        &self,
        place: &Place,
        access: &Access,
        waiting: &Waiting,
        failure: &Failure,
    ) -> Result<(Box<dyn Transport + Send>, Option<ssh::Connected>), Error> {
        if place.url.scheme() == "ssh" {
            let connect = ssh::connect(&place.url, &access.credentials, &self.egress, waiting.clone());
            let connected = tokio::time::timeout_at(waiting.deadline, connect).await;
            let connected = connected.unwrap_or_else(|_| Err("no connection within spec.timeout".to_owned()));
            let (transport, connection) = connected.map_err(|message| place.error(message))?;
            return Ok((transport, Some(connection)));
        }
        let asker = Asker {
            http: Arc::clone(&self.http),
            access: access.clone(),
            waiting: waiting.clone(),
            failure: Arc::clone(failure),
        };
        let transport = http::transport(asker).map_err(|message| place.error(message))?;
        Ok((Box::new(transport), None))
    }
}

/// Why a talk led nowhere.
enum Trouble {
    /// The repository has no commit.
    Empty,
    /// Anything else.
    Message(String),
}

impl From<String> for Trouble {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

fn find(session: &mut Session<'_>, reference: &GitReference) -> Result<(GitRevision, Option<GitTag>), Trouble> {
    let refs = session.refs(&reference.prefixes().unwrap_or_default())?;
    let missing = match reference.find(&refs) {
        Ok(revision) => {
            let tag = reference.tag_in(&refs, &revision);
            return Ok((revision, tag));
        }
        Err(missing) => missing,
    };
    // What else there is makes the error worth reading.
    let all = session.refs(&["HEAD".to_owned(), "refs/heads/".to_owned(), "refs/tags/".to_owned()])?;
    if all.iter().all(|found| matches!(found, gix_protocol::handshake::Ref::Unborn { .. })) {
        return Err(Trouble::Empty);
    }
    Err(Trouble::Message(reference.find(&all).err().unwrap_or(missing)))
}

/// Fetches a commit, with the tag that leads to it, by itself or, from a server that gives out only what a branch or tag stands for, with
/// the history of all of them.
fn fetch(
    session: &mut Session<'_>,
    revision: &GitRevision,
    tag: Option<GitTag>,
    stop: &AtomicBool,
) -> Result<(Commit, Option<GitTag>), Trouble> {
    let id = tag.as_ref().and_then(|tag| tag.object).unwrap_or(revision.commit);
    let alone = session.fetch(&[id], History::Leave, stop);
    let pack = match alone {
        Ok(pack) => pack,
        Err(message) if is_unadvertised(&message) => {
            let refs = session.refs(&["refs/heads/".to_owned(), "refs/tags/".to_owned()])?;
            let tips: Vec<ObjectId> = refs.iter().filter_map(super::reference::object_of).collect();
            let pack = session.fetch(&tips, History::Fetch, stop)?;
            if !pack.has(&id) {
                return Err(Trouble::Message(format!("unable to resolve commit object for '{id}': object not found")));
            }
            pack
        }
        Err(message) => return Err(Trouble::Message(message)),
    };
    let tag = match tag {
        Some(tag) if tag.object.is_some() => {
            let (signed, commit) = read_tag(&pack, id)?;
            // Whoever trusts the tag trusts what it names, whatever the server says of it.
            if commit != revision.commit {
                let told = revision.commit;
                return Err(Trouble::Message(format!("tag '{tag}' is one of commit {commit}, not of {told}")));
            }
            Some(GitTag { signed, ..tag })
        }
        tag => tag,
    };
    Ok((Commit::read(pack, id)?, tag))
}

/// Whether a server refused a commit because no branch or tag stands for it.
fn is_unadvertised(message: &str) -> bool {
    message.contains("not our ref") || message.contains("unadvertised object")
}

/// A repository's URL, parsed.
struct Place {
    url: Url,
}

impl Place {
    fn of(access: &Access) -> Result<Self, Error> {
        let invalid = |message: String| Error::InvalidUrl { url: shown_text(&access.url), message };
        let url = Url::parse(&access.url).map_err(|error| invalid(error.to_string()))?;
        match url.scheme() {
            "http" | "https" | "ssh" if url.has_host() => Ok(Self { url }),
            scheme => Err(invalid(format!("scheme '{scheme}' is not http, https or ssh"))),
        }
    }

    fn error(&self, message: String) -> Error {
        Error::Git { url: shown(&self.url), message }
    }
}

/// What cannot be parsed cannot be cleaned either; what may be a password is cut off.
fn shown_text(url: &str) -> String {
    url.rsplit_once('@').map_or(url, |(_, rest)| rest).to_owned()
}

/// Ends a talk when it goes.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
