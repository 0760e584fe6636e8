//! Git over SSH: one channel on which the server's `git-upload-pack` runs.
//!
//! **Invariant:** nothing is sent to a server whose key is not among those that are trusted.

use std::sync::{Arc, Mutex, PoisonError};

use gix_transport::Protocol;
use gix_transport::client::blocking_io::Transport;
use gix_transport::client::git::ConnectMode;
use gix_transport::client::git::blocking_io::Connection;
use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::Preferred;
use russh::client::{self, Handle, Handler};
use russh::keys::PublicKeyOrCertificate;
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, KnownHosts, Marker};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use url::Url;

use super::bridge::{Reading, Waiting, Writing};
use crate::source::egress::Egress;
use crate::source::{Credentials, SshIdentity};

/// Who logs in where the URL does not say, as Git hosts want it.
const DEFAULT_USER: &str = "git";
/// The port where the URL does not say.
const DEFAULT_PORT: u16 = 22;

/// Keeps a connection open for as long as it lives.
pub(super) type Connected = Handle<HostCheck>;

/// Connects to the server of a URL and starts `git-upload-pack` there.
///
/// # Errors
/// The text says which part failed: the key, the connection, the server's key, the login, or the command.
pub(super) async fn connect(
    url: &Url,
    credentials: &Credentials,
    egress: &Egress,
    waiting: Waiting,
) -> Result<(Box<dyn Transport + Send>, Connected), String> {
    let Credentials::Ssh(identity) = credentials else {
        return Err("an SSH URL needs a Secret with 'identity' and 'known_hosts' in spec.secretRef".to_owned());
    };
    let key = private_key(identity)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port().unwrap_or(DEFAULT_PORT);
    let known = Known::parse(&identity.known_hosts)?;
    let mut config = client::Config::default();
    let algorithms = known.algorithms(&host, port);
    if !algorithms.is_empty() {
        config.preferred.key = algorithms.into();
    }
    let refused = Arc::new(Mutex::new(None));
    let check = HostCheck { known, host: host.clone(), port, refused: Arc::clone(&refused) };
    let unreachable = |error: &dyn std::fmt::Display| format!("cannot connect to {host}:{port}: {error}");
    // The brackets of an IPv6 address belong to the URL.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = egress.addresses(name, port).await.map_err(|error| unreachable(&error))?;
    let handle = client::connect(Arc::new(config), addresses.as_slice(), check).await;
    let mut handle = handle.map_err(|error| {
        let refused = refused.lock().unwrap_or_else(PoisonError::into_inner).take();
        refused.unwrap_or_else(|| unreachable(&error))
    })?;
    let user = if url.username().is_empty() { DEFAULT_USER } else { url.username() };
    log_in(&mut handle, user, key).await?;
    let path = url.path().to_owned();
    let failed = |error: russh::Error| format!("cannot run git-upload-pack on {host}: {error}");
    let channel = handle.channel_open_session().await.map_err(failed)?;
    // A server that does not take the variable answers in an older version of the protocol.
    channel.set_env(false, "GIT_PROTOCOL", "version=2").await.map_err(failed)?;
    channel.exec(true, format!("git-upload-pack {}", quoted(&path))).await.map_err(failed)?;
    let (reader, writer) = tokio::io::split(channel.into_stream());
    let reading = Reading { waiting: waiting.clone(), stream: Box::pin(reader) };
    let writing = Writing { waiting, stream: Box::pin(writer) };
    let nobody = None::<(String, Option<u16>)>;
    let connection = Connection::new(reading, writing, Protocol::V2, path, nobody, ConnectMode::Process, false);
    Ok((Box::new(connection), handle))
}

fn private_key(identity: &SshIdentity) -> Result<PrivateKey, String> {
    let text =
        std::str::from_utf8(&identity.key).map_err(|_| "'identity' is no private key: it is not text".to_owned())?;
    russh::keys::decode_secret_key(text, identity.passphrase.as_deref()).map_err(|error| match error {
        russh::keys::Error::KeyIsEncrypted => {
            "'identity' is encrypted, and the Secret has no 'password' to open it".to_owned()
        }
        error => format!("'identity' is no private key that can be used: {error}"),
    })
}

async fn log_in(handle: &mut Handle<HostCheck>, user: &str, key: PrivateKey) -> Result<(), String> {
    let failed = |error: russh::Error| format!("login as '{user}' failed: {error}");
    let hash = if key.algorithm().is_rsa() {
        // A server that does not say what it takes is hoped to take what is current.
        handle.best_supported_rsa_hash().await.map_err(failed)?.unwrap_or(Some(HashAlg::Sha512))
    } else {
        None
    };
    let fingerprint = key.public_key().fingerprint(HashAlg::Sha256);
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    let answer = handle.authenticate_publickey(user, key).await.map_err(failed)?;
    if answer.success() {
        return Ok(());
    }
    Err(format!("the server does not accept the key {fingerprint} for user '{user}'"))
}

/// A path as the shell on the other side has to see it.
fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', "'\\''"))
}

/// Checks the server's key.
pub(super) struct HostCheck {
    known: Known,
    host: String,
    port: u16,
    /// Why the key was refused.
    refused: Arc<Mutex<Option<String>>>,
}

impl Handler for HostCheck {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let answer = match key {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.known.check(&self.host, self.port, key),
            PublicKeyOrCertificate::Certificate(_) => Err("certificates of hosts are not supported".to_owned()),
        };
        let refusal = answer.err().map(|why| format!("the key of {}:{} is not trusted: {why}", self.host, self.port));
        let is_trusted = refusal.is_none();
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refusal;
        Ok(is_trusted)
    }
}

/// The servers' keys that are trusted.
pub(super) struct Known(Vec<Entry>);

impl Known {
    /// Reads what OpenSSH's file `known_hosts` would hold.
    ///
    /// # Errors
    /// A line cannot be read; or there is none, so that no server could be trusted.
    fn parse(text: &str) -> Result<Self, String> {
        let entries: Result<Vec<Entry>, _> = KnownHosts::new(text).collect();
        let entries = entries.map_err(|error| format!("'known_hosts' cannot be read: {error}"))?;
        if entries.is_empty() {
            return Err("'known_hosts' is empty, so that no server can be trusted".to_owned());
        }
        Ok(Self(entries))
    }

    /// The entries for a server.
    fn of<'a>(&'a self, host: &str, port: u16) -> impl Iterator<Item = &'a Entry> {
        let name = if port == DEFAULT_PORT { host.to_owned() } else { format!("[{host}]:{port}") };
        self.0.iter().filter(move |entry| is_for(entry.host_patterns(), &name))
    }

    /// The kinds of keys that are known of a server; asking for others would end in a mismatch.
    fn algorithms(&self, host: &str, port: u16) -> Vec<Algorithm> {
        let known: Vec<Algorithm> = self.of(host, port).map(|entry| entry.public_key().algorithm()).collect();
        let is_known = |algorithm: &&Algorithm| match algorithm {
            Algorithm::Rsa { .. } => known.iter().any(|known| matches!(known, Algorithm::Rsa { .. })),
            algorithm => known.contains(algorithm),
        };
        Preferred::DEFAULT.key.iter().filter(is_known).cloned().collect()
    }

    /// Fails unless the key is one of the server's.
    fn check(&self, host: &str, port: u16, key: &PublicKey) -> Result<(), String> {
        let is_same = |entry: &&Entry| entry.public_key().key_data() == key.key_data();
        let found: Vec<&Entry> = self.of(host, port).collect();
        if found.iter().any(|entry| is_same(entry) && entry.marker() == Some(&Marker::Revoked)) {
            return Err("'known_hosts' has it as revoked".to_owned());
        }
        let plain: Vec<&&Entry> = found.iter().filter(|entry| entry.marker().is_none()).collect();
        if plain.iter().any(|entry| is_same(entry)) {
            return Ok(());
        }
        let fingerprint = key.fingerprint(HashAlg::Sha256);
        if plain.is_empty() {
            return Err(format!("'known_hosts' has no key of this server (it showed {fingerprint})"));
        }
        Err(format!("'known_hosts' has another key of this server than the {fingerprint} it showed"))
    }
}

/// Whether an entry is for a name, which has brackets and a port unless the port is the usual one.
fn is_for(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::Patterns(patterns) => {
            let (negated, plain): (Vec<&str>, Vec<&str>) =
                patterns.iter().map(String::as_str).partition(|pattern| pattern.starts_with('!'));
            !negated.iter().any(|pattern| is_like(pattern.trim_start_matches('!'), name))
                && plain.iter().any(|pattern| is_like(pattern, name))
        }
        HostPatterns::HashedName { salt, hash } => Hmac::<sha1::Sha1>::new_from_slice(salt)
            .is_ok_and(|mac| mac.chain_update(name.as_bytes()).verify_slice(hash).is_ok()),
    }
}

/// Whether a name fits a pattern with `*` and `?`, whatever the case.
fn is_like(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    fits(pattern.as_bytes(), name.as_bytes())
}

fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            (0..=name.len()).any(|skipped| name.get(skipped..).is_some_and(|name| fits(rest, name)))
        }
        ([b'?', rest @ ..], [_, name @ ..]) => fits(rest, name),
        ([first, rest @ ..], [letter, name @ ..]) => first == letter && fits(rest, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    //! The forms are those that `sshd(8)` documents for `known_hosts`; the hashed line was made by `ssh-keygen -H`.

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHWOMZIfTOQHDNpsm7MB8mqL0gVmPzgM5fAA5aZNUR9l";

    fn check(known: &str, host: &str, port: u16) -> Result<(), String> {
        Known::parse(known)?.check(host, port, &PublicKey::from_openssh(KEY).unwrap())
    }

    #[test]
    fn a_key_is_trusted_for_its_hosts_alone() {
        let known =
            format!("# ours\nother.example,*.example.com,!bad.example.com {KEY} comment\n[git.local]:2222 {KEY}\n");
        check(&known, "git.example.com", 22).unwrap();
        check(&known, "GIT.local", 2222).unwrap();
        for (host, port) in [("bad.example.com", 22), ("git.local", 22), ("git.example.com", 2222), ("example.com", 22)]
        {
            let error = check(&known, host, port).unwrap_err();
            assert!(error.starts_with("'known_hosts' has no key of this server (it showed SHA256:"), "{error}");
        }
    }

    #[test]
    fn another_key_and_a_revoked_one_are_refused() {
        let error = check(&format!("git.local {OTHER}"), "git.local", 22).unwrap_err();
        assert!(error.contains("has another key of this server"), "{error}");
        let revoked = format!("git.local {KEY}\n@revoked * {KEY}");
        assert_eq!(check(&revoked, "git.local", 22).unwrap_err(), "'known_hosts' has it as revoked");
        assert!(check("", "git.local", 22).unwrap_err().contains("no server can be trusted"));
        assert!(check("nonsense", "git.local", 22).unwrap_err().starts_with("'known_hosts' cannot be read"));
    }

    #[test]
    fn paths_are_quoted_for_the_shell() {
        assert_eq!(quoted("/it's/a repo"), "'/it'\\''s/a repo'");
    }
}
