//! Names of hosts.
//!
//! Counterpart: `network.go` of sprig 3.3.0, which fails where a host has no address; here that is an empty text, as Helm has it
//! where look-ups are off.
//!
//! **Invariant:** look-ups go through [`Ambient::resolve_host`].

use super::Ambient;
use super::args::{STRING, string, text};
use crate::gotemplate::Function;
use crate::value::Signature;

/// The functions on hosts.
pub(super) fn functions<H: Ambient>() -> Vec<Function<H>> {
    vec![Function::hosted("getHostByName", Signature::fixed(STRING), |call, args| {
        string(call.host().resolve_host(&text(args, 0)).unwrap_or_default())
    })]
}
