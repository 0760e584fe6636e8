//! Go slices: an element type and items that nobody changes in place.
//!
//! Templates have no way to store into a slice, so sharing the items is safe; the items themselves may be maps, which are shared.
//!
//! **Invariant:** items never change after construction.

use std::ops::Deref;
use std::rc::Rc;

use super::Value;
use super::release::is_nesting;

/// The element type of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// `interface {}`.
    Any,
    /// `string`.
    String,
    /// `int`.
    Int,
    /// `[]interface {}`, as `chunk` gives.
    List,
    /// `map[string]interface {}`.
    Map,
    /// Another type, by the name that `%T` gives the whole slice.
    Named(&'static str),
}

impl ElementType {
    /// The type of the slice as `%T` prints it.
    pub fn slice_name(self) -> &'static str {
        match self {
            Self::Any => "[]interface {}",
            Self::String => "[]string",
            Self::Int => "[]int",
            Self::List => "[][]interface {}",
            Self::Map => "[]map[string]interface {}",
            Self::Named(name) => name,
        }
    }
}

/// A slice; cheap to clone. Dereferences to its items.
#[derive(Clone, Debug)]
pub struct List {
    element_type: ElementType,
    /// `None` for a nil slice, which prints as an empty one but is `null` in JSON.
    items: Option<Rc<[Value]>>,
}

impl List {
    /// A slice of these items.
    pub fn new(element_type: ElementType, items: Vec<Value>) -> Self {
        Self { element_type, items: Some(Rc::from(items)) }
    }

    /// A nil slice.
    pub fn nil(element_type: ElementType) -> Self {
        Self { element_type, items: None }
    }

    /// The type of the elements.
    pub fn element_type(&self) -> ElementType {
        self.element_type
    }

    /// Moves nested lists and maps out, if nobody else holds the items.
    pub(super) fn take_nested(&mut self, nested: &mut Vec<Value>) {
        let items = self.items.as_mut().and_then(Rc::get_mut).unwrap_or_default();
        nested.extend(items.iter_mut().filter(|item| is_nesting(item)).map(std::mem::take));
    }

    /// Whether this is a nil slice.
    pub fn is_nil(&self) -> bool {
        self.items.is_none()
    }
}

impl Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        self.items.as_deref().unwrap_or_default()
    }
}
