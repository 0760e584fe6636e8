//! From asynchronous streams to the blocking ones that gitoxide reads and writes, with a deadline.
//!
//! **Invariant:** used only on threads that may block; whatever waits, waits no longer than the deadline.

use std::io::{self, Read, Write};
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

/// Where the blocking side does its waiting, and until when.
#[derive(Clone)]
pub(super) struct Waiting {
    pub(super) runtime: Handle,
    pub(super) deadline: Instant,
}

impl Waiting {
    /// The result of a future.
    ///
    /// # Errors
    /// The deadline passes first.
    pub(super) fn on<T>(&self, future: impl Future<Output = T>) -> io::Result<T> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "no complete answer within spec.timeout");
        self.runtime.block_on(timeout_at(self.deadline, future)).map_err(|_| late())
    }
}

/// A stream that is read by blocking.
pub(super) struct Reading {
    pub(super) waiting: Waiting,
    pub(super) stream: Pin<Box<dyn AsyncRead + Send>>,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.waiting.on(self.stream.read(buffer))?
    }
}

/// A stream that is written to by blocking.
pub(super) struct Writing {
    pub(super) waiting: Waiting,
    pub(super) stream: Pin<Box<dyn AsyncWrite + Send>>,
}

impl Write for Writing {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.waiting.on(self.stream.write(buffer))?
    }

    fn flush(&mut self) -> io::Result<()> {
        self.waiting.on(self.stream.flush())?
    }
}
