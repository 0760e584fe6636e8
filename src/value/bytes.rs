//! Go's `[]byte`, which may be nil.
//!
//! **Invariant:** bytes never change after construction.

use std::ops::Deref;
use std::rc::Rc;

/// A slice of bytes; cheap to clone. Dereferences to the bytes.
#[derive(Clone, Debug, Default)]
pub struct Bytes(Option<Rc<[u8]>>);

impl Bytes {
    /// The nil slice, which is empty but `null` in JSON.
    pub const NIL: Self = Self(None);

    /// Whether this is the nil slice.
    pub fn is_nil(&self) -> bool {
        self.0.is_none()
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(Some(bytes.into()))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Some(bytes.into()))
    }
}
