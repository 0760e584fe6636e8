//! Which variables there are, and where their values will be.
//!
//! Go checks names while parsing and looks values up by name while executing, and the two do not quite agree: a variable may be
//! known to the parser and not exist when the template runs. This keeps both views, so that such templates fail or work as in Go.
//!
//! **Invariant:** a slot's number equals the height of the variable stack at run time when it is declared, unless declarations
//! before it were skipped.

use super::super::node::{Span, Variable};

/// The variables at one place of a template, by their names in the text.
pub(super) struct Scope<'t> {
    /// The names that the parser knows.
    known: Vec<&'t [u8]>,
    /// What exists at run time, by slot.
    slots: Vec<Slot<'t>>,
    /// How many commands around may skip their operands (`and` and `or`).
    conditional: usize,
}

struct Slot<'t> {
    name: &'t [u8],
    /// Whether the declaration may have been skipped.
    may_be_unset: bool,
}

/// A height of the scope to go back to.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    known: usize,
    slots: usize,
}

impl Default for Scope<'_> {
    fn default() -> Self {
        let slots = vec![Slot { name: b"$", may_be_unset: false }];
        Self { known: vec![b"$"], slots, conditional: 0 }
    }
}

impl<'t> Scope<'t> {
    pub(super) fn mark(&self) -> Mark {
        Mark { known: self.known.len(), slots: self.slots.len() }
    }

    /// Leaves the first branch of a control structure: its variables no longer exist, but the parser still knows them.
    pub(super) fn leave_branch(&mut self, mark: Mark) {
        self.slots.truncate(mark.slots);
    }

    /// Leaves a control structure.
    pub(super) fn leave_control(&mut self, mark: Mark) {
        self.known.truncate(mark.known);
        self.slots.truncate(mark.slots);
    }

    /// Tells the parser a name, before its value is parsed.
    pub(super) fn announce(&mut self, name: &'t [u8]) {
        self.known.push(name);
    }

    /// Whether the parser knows the name.
    pub(super) fn knows(&self, name: &[u8]) -> bool {
        self.known.contains(&name)
    }

    /// Enters the operands of a command that may skip them.
    pub(super) fn enter_conditional(&mut self) {
        self.conditional += 1;
    }

    /// Leaves them.
    pub(super) fn leave_conditional(&mut self) {
        self.conditional = self.conditional.saturating_sub(1);
    }

    /// Declares a variable, after its value is parsed. The name comes with its place in the text.
    pub(super) fn declare(&mut self, name: &'t [u8], span: Span) -> Variable {
        let slot = self.slots.len() as u32;
        self.slots.push(Slot { name, may_be_unset: self.conditional > 0 });
        Variable { name: span, slot: Some(slot), outer: Box::default() }
    }

    /// Finds where a variable's value is.
    pub(super) fn resolve(&self, name: &[u8], span: Span) -> Variable {
        let mut found = self.slots.iter().enumerate().rev().filter(|(_, slot)| slot.name == name);
        let Some((innermost, slot)) = found.next() else {
            return Variable { name: span, slot: None, outer: Box::default() };
        };
        let mut outer = Vec::new();
        if slot.may_be_unset {
            for (position, slot) in found {
                outer.push(position as u32);
                if !slot.may_be_unset {
                    break;
                }
            }
        }
        Variable { name: span, slot: Some(innermost as u32), outer: outer.into() }
    }
}
