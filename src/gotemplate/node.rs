//! The syntax tree.
//!
//! **Invariant:** holds no values.

use std::sync::Arc;

/// One parsed template.
#[derive(Debug)]
pub struct Tree {
    name: Arc<str>,
}

impl Tree {
    pub(super) fn is_blank(&self) -> bool {
        self.name.is_empty()
    }
}
