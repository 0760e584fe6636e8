//! Execution: walks a parsed template and writes its output.
//!
//! **Invariant:** limits on depth, iterations and output hold across nested executions.

/// What a hosted function may reach while a template runs.
pub struct Call<'a, H> {
    host: &'a H,
}

impl<H> Call<'_, H> {
    /// The host that the embedding program gave.
    pub fn host(&self) -> &H {
        self.host
    }
}
