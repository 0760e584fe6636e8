//! What other modules work out from a chart once and keep with it, such as its parsed templates.
//!
//! **Invariant:** the slot is shared by all copies of a chart, so what lies in it must not depend on how a copy was changed.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A slot for one thing; empty until somebody asks for it. Equal to any other, because it can be made anew.
#[derive(Clone, Default)]
pub struct Derived(Arc<OnceLock<Box<dyn Any + Send + Sync>>>);

impl Derived {
    /// What lies in the slot, made now if it is empty; nothing if something of another type lies there.
    pub fn get_or_default<T: Any + Send + Sync + Default>(&self) -> Option<&T> {
        self.0.get_or_init(|| Box::new(T::default())).downcast_ref()
    }
}

impl PartialEq for Derived {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derived")
    }
}

#[cfg(test)]
mod tests {
    use super::Derived;

    #[test]
    fn copies_share_the_slot_and_its_type_is_fixed() {
        let slot = Derived::default();
        let copy = slot.clone();
        let first: *const String = slot.get_or_default().unwrap();
        assert_eq!(copy.get_or_default::<String>().map(std::ptr::from_ref), Some(first));
        assert!(copy.get_or_default::<Vec<u8>>().is_none());
        assert_eq!(slot, Derived::default());
    }
}
