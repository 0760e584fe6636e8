//! Which variables there are, and where their values will be.
//!
//! Go checks names while parsing and looks values up by name while executing, and the two do not quite agree: a variable may be
//! known to the parser and not exist when the template runs. This keeps both views, so that such templates fail or work as in Go.
//!
//! **Invariant:** a slot's number equals the height of the variable stack at run time when it is declared, unless declarations
//! before it were skipped.

use super::super::node::Variable;

/// The variables at one place of a template.
pub(super) struct Scope {
    /// The names that the parser knows.
    known: Vec<Box<str>>,
    /// What exists at run time, by slot.
    slots: Vec<Slot>,
    /// How many commands around may skip their operands (`and` and `or`).
    conditional: usize,
}

struct Slot {
    name: Box<str>,
    /// Whether the declaration may have been skipped.
    may_be_unset: bool,
}

/// A height of the scope to go back to.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    known: usize,
    slots: usize,
}

impl Default for Scope {
    fn default() -> Self {
        let dollar = Box::<str>::from("$");
        let slots = vec![Slot { name: dollar.clone(), may_be_unset: false }];
        Self { known: vec![dollar], slots, conditional: 0 }
    }
}

impl Scope {
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
    pub(super) fn announce(&mut self, name: &str) {
        self.known.push(Box::from(name));
    }

    /// Whether the parser knows the name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.known.iter().any(|known| &**known == name)
    }

    /// Enters the operands of a command that may skip them.
    pub(super) fn enter_conditional(&mut self) {
        self.conditional += 1;
    }

    /// Leaves them.
    pub(super) fn leave_conditional(&mut self) {
        self.conditional = self.conditional.saturating_sub(1);
    }

    /// Declares a variable, after its value is parsed.
    pub(super) fn declare(&mut self, name: &str) -> Variable {
        let slot = self.slots.len();
        self.slots.push(Slot { name: Box::from(name), may_be_unset: self.conditional > 0 });
        Variable { name: Box::from(name), slots: vec![slot] }
    }

    /// Finds where a variable's value is.
    pub(super) fn resolve(&self, name: &str) -> Variable {
        let mut slots = Vec::new();
        for (position, slot) in self.slots.iter().enumerate().rev() {
            if &*slot.name == name {
                slots.push(position);
                if !slot.may_be_unset {
                    break;
                }
            }
        }
        Variable { name: Box::from(name), slots }
    }
}
