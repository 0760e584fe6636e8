//! Charts through the real HTTP and registry clients, from servers on loopback. What is expected follows the documented rules of Flux's
//! source-controller 1.9 and, where they differ, those of `rhumb::source`.

/// Who is told what: logins, tokens, proxies, tenants.
mod credentials;
/// Commits out of Git servers.
mod git;
/// Charts out of a commit's files.
mod git_charts;
#[path = "../../e2e/support/git_server.rs"]
mod git_server;
/// Signatures of commits and tags.
mod git_signatures;
/// Logins of GitHub Apps.
mod github;
/// Servers that mean ill.
mod hostile;
#[path = "../../e2e/support/http_server.rs"]
mod http_server;
mod malice;
mod registry;
mod repository;
pub(crate) mod server;
/// Signatures of cosign.
mod signatures;
/// Certificates of servers and of our own.
mod tls;
