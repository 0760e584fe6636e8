//! Charts through the real HTTP and registry clients, from servers on loopback. What is expected follows the documented rules of Flux's
//! source-controller 1.9 and, where they differ, those of `rhumb::source`.

mod git;
mod git_charts;
#[path = "../../e2e/support/git_server.rs"]
mod git_server;
mod registry;
mod repository;
pub(crate) mod server;
