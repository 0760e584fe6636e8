//! What functions may ask of the outside.
//!
//! **Invariant:** nothing else in the engine is allowed to vary between two runs.

/// The world outside a render, handed in by the program: fixed in tests, real in production.
pub trait Ambient {
    /// Now, in nanoseconds since the Unix epoch.
    fn now(&self) -> i128;

    /// The name of the local time zone, such as `UTC`.
    #[expect(clippy::unnecessary_literal_bound, reason = "hosts give a name of their own")]
    fn time_zone(&self) -> &str {
        "UTC"
    }

    /// Fills the buffer with random bytes fit for secrets.
    fn fill_random(&self, buffer: &mut [u8]);

    /// A variable of the environment. Only the template of a release's name can ask; charts cannot.
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    /// The first address of a host, or nothing where look-ups are off or fail.
    fn resolve_host(&self, host: &str) -> Option<String>;
}
