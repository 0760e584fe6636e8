//! The sprig 3.3.0 function library, by topic.
//!
//! Every file has a table of its functions, declared with the parameters that they have in Go, so that the engine checks arguments
//! with Go's own texts. Left out are `env` and `expandenv`, which Helm removes. Where Go is random without need (the order of `keys`
//! and `values`), everything here is in order.
//!
//! **Invariant:** no function reaches the clock, randomness or the network but through [`Ambient`], except for RSA, ECDSA and Ed25519
//! keys, which aws-lc makes with a generator of its own.

mod address;
mod ambient;
mod args;
mod case;
mod cast;
mod certs;
mod date;
mod decimal;
mod defaults;
mod dicts;
mod dsa;
mod duration;
mod encoding;
mod json;
mod keys;
mod layout;
mod layout_parse;
mod lists;
mod merge;
mod network;
mod numeric;
mod password;
mod paths;
mod pem;
mod random;
mod re2;
mod reflect;
mod regex;
mod semver;
mod strings;
mod time;
mod toml_time;
mod unicode;
mod url;
mod words;

pub use ambient::Ambient;
pub use cast::parse_float;
pub use duration::parse_duration;
pub use regex::{GoRegex, regex_fault};
pub use toml_time::{toml_time, toml_time_from};
pub use url::url_scheme;

use crate::gotemplate::Function;

/// Every function of the library, for hosts that offer the outside.
pub fn functions<H: Ambient>() -> Vec<Function<H>> {
    let mut functions = Vec::with_capacity(220);
    functions.extend(strings::functions());
    functions.extend(words::functions());
    functions.extend(lists::functions());
    functions.extend(dicts::functions());
    functions.extend(merge::functions());
    functions.extend(numeric::functions());
    functions.extend(cast::functions());
    functions.extend(defaults::functions());
    functions.extend(reflect::functions());
    functions.extend(paths::functions());
    functions.extend(regex::functions());
    functions.extend(semver::functions());
    functions.extend(encoding::functions());
    functions.extend(url::functions());
    functions.extend(random::functions());
    functions.extend(network::functions());
    functions.extend(date::functions());
    functions.extend(json::functions());
    functions.extend(certs::functions());
    functions.extend(password::functions());
    functions
}
