//! The real world behind `sprig::Ambient`: the system's clock, random numbers and names.
//!
//! **Invariant:** random bytes come from the operating system, since charts make passwords of them.

use std::net::ToSocketAddrs;
use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::render::Ambient;

/// Clock, randomness and name look-ups of the machine.
#[derive(Debug, Default)]
pub struct SystemAmbient {
    /// Found when it is first asked for: the search goes through all zones on disk, which takes longer than most renders.
    time_zone: OnceLock<String>,
}

impl Ambient for SystemAmbient {
    fn now(&self) -> i128 {
        Timestamp::now().as_nanosecond()
    }

    fn time_zone(&self) -> &str {
        self.time_zone.get_or_init(|| TimeZone::system().iana_name().unwrap_or("UTC").to_owned())
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        // A chart's password must never be made of bytes that are not random, so there is nothing to do but to try again.
        // The provider of TLS would first gather entropy of its own, which takes longer than most renders.
        while getrandom::fill(buffer).is_err() {
            std::thread::yield_now();
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn resolve_host(&self, host: &str) -> Option<String> {
        (host, 0).to_socket_addrs().ok()?.next().map(|address| address.ip().to_string())
    }
}
