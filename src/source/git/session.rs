//! One talk with a Git server: what references it has, and one commit without its history.
//!
//! Protocol version 2 is asked for; a server that knows 0 or 1 alone is understood as well.
//!
//! **Invariant:** runs on a thread that may block.

use std::io::BufRead;
use std::num::NonZeroU32;
use std::sync::atomic::AtomicBool;

use gix_error::ErrorExt as _;
use gix_hash::ObjectId;
use gix_protocol::fetch::negotiate::{Action, Round, one_round};
use gix_protocol::fetch::{Arguments, Context, Negotiate, Options, Response, Shallow, Tags};
use gix_protocol::handshake::Ref;
use gix_protocol::ls_refs::RefPrefixes;
use gix_protocol::{Handshake, LsRefsCommand};
use gix_transport::client::blocking_io::Transport;
use gix_transport::{Protocol, Service};
use gix_utils::progress::Discard;

use super::pack::{Pack, error_text, working_folder};

/// How we name ourselves to Git servers.
const AGENT: &str = concat!("rhumb/", env!("CARGO_PKG_VERSION"));

/// A talk with a server that has begun.
pub(super) struct Session<'a> {
    transport: Box<dyn Transport + 'a>,
    handshake: Handshake,
}

/// How much of a commit's history is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum History {
    /// None.
    Leave,
    /// All, from a branch or tag on, because the server does not give out a commit by itself.
    Fetch,
}

impl<'a> Session<'a> {
    /// Begins a talk.
    ///
    /// # Errors
    /// The server cannot be talked to, is no Git server or names objects by SHA-256.
    pub(super) fn begin(mut transport: Box<dyn Transport + 'a>) -> Result<Self, String> {
        let nobody = |_| Ok(None);
        let handshake = gix_protocol::handshake(&mut *transport, Service::UploadPack, nobody, Vec::new(), &mut Discard)
            .map_err(|error| error_text(&error))?;
        let format = handshake.capabilities.capability("object-format").and_then(|format| format.value());
        if let Some(format) = format.filter(|format| *format != "sha1") {
            return Err(format!("the repository names its objects by {format}; only sha1 is supported"));
        }
        Ok(Self { transport, handshake })
    }

    /// The references with one of the prefixes; with protocol versions 0 and 1 all of them.
    ///
    /// # Errors
    /// The server cannot be talked to.
    pub(super) fn refs(&mut self, prefixes: &[String]) -> Result<Vec<Ref>, String> {
        if self.handshake.server_protocol_version != Protocol::V2 {
            return Ok(self.handshake.refs.clone().unwrap_or_default());
        }
        let mut wanted = RefPrefixes::new();
        wanted.extend(prefixes.iter().map(|prefix| prefix.as_str().into()));
        let command = LsRefsCommand::new(Some(wanted), &self.handshake.capabilities, agent());
        command.invoke_blocking(&mut *self.transport, &mut Discard, false).map_err(|error| error_text(&error))
    }

    /// Fetches objects: a commit with all its files.
    ///
    /// # Errors
    /// The server does not give it out, or breaks off.
    pub(super) fn fetch(&mut self, wants: &[ObjectId], history: History, stop: &AtomicBool) -> Result<Pack, String> {
        let shallow = match history {
            History::Leave => Shallow::DepthAtRemote(NonZeroU32::MIN),
            History::Fetch => Shallow::NoChange,
        };
        // The exchange notes down where history ends; nobody reads that here.
        let folder = working_folder()?;
        let mut pack = None;
        let receive =
            |input: &mut dyn BufRead, _: &mut dyn gix_utils::progress::DynNestedProgress, stop: &AtomicBool| {
                let received = Pack::receive(input, stop).map_err(|text| std::io::Error::other(text).raise())?;
                pack = Some(received);
                Ok(true)
            };
        let context = Context {
            handshake: &mut self.handshake,
            transport: &mut self.transport,
            user_agent: agent(),
            trace_packetlines: false,
        };
        let options = Options {
            shallow_file: folder.path().join("shallow"),
            shallow: &shallow,
            tags: Tags::None,
            reject_shallow_remote: false,
        };
        let result = gix_protocol::fetch(&mut Want { wants }, receive, Discard, stop, context, options);
        result.map_err(|error| error_text(&error))?;
        pack.ok_or_else(|| "the server sent nothing".to_owned())
    }
}

fn agent() -> (&'static str, Option<String>) {
    ("agent", Some(AGENT.to_owned()))
}

/// Wants some objects and has none.
struct Want<'a> {
    wants: &'a [ObjectId],
}

impl Negotiate for Want<'_> {
    fn mark_complete_and_common_ref(&mut self) -> gix_error::Result<Action> {
        Ok(Action::MustNegotiate { remote_ref_target_known: Vec::new() })
    }

    fn add_wants(&mut self, arguments: &mut Arguments, _: &[bool]) -> bool {
        for id in self.wants {
            arguments.want(id);
        }
        !self.wants.is_empty()
    }

    fn one_round(
        &mut self,
        _: &mut one_round::State,
        _: &mut Arguments,
        _: Option<&Response>,
    ) -> gix_error::Result<(Round, bool)> {
        let round =
            Round { haves_sent: 0, in_vain: 0, haves_to_send: 0, previous_response_had_at_least_one_in_common: false };
        Ok((round, true))
    }
}
