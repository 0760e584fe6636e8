//! The function map: which functions templates can call, with their parameters.
//!
//! **Invariant:** names are unique; a later insertion replaces an earlier one but keeps its slot.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::value::{CallResult, Map, MapType, Method, Signature, Value};

use super::builtins::{self, Builtin};
use super::exec::Call;

/// What a function does. `H` is the host: whatever the embedding program gives to functions that need more than their arguments.
pub enum Body<H> {
    /// Depends on its arguments alone.
    Pure(fn(&[Value]) -> CallResult),
    /// Needs the host or the running template set.
    Hosted(fn(&mut Call<'_, H>, &[Value]) -> CallResult),
    /// One of Go's own that execution treats in a special way.
    Builtin(Builtin),
}

/// A function that templates can call.
pub struct Function<H> {
    /// The name in templates.
    pub name: &'static str,
    /// The parameters; arguments are checked against them before the call.
    pub signature: Signature,
    /// What it does.
    pub body: Body<H>,
}

impl<H> Function<H> {
    /// A function of its arguments alone.
    pub const fn pure(name: &'static str, signature: Signature, call: fn(&[Value]) -> CallResult) -> Self {
        Self { name, signature, body: Body::Pure(call) }
    }

    /// A function that needs the host.
    pub const fn hosted(
        name: &'static str,
        signature: Signature,
        call: fn(&mut Call<'_, H>, &[Value]) -> CallResult,
    ) -> Self {
        Self { name, signature, body: Body::Hosted(call) }
    }
}

/// The methods of a named map type: gives the one of a name, bound to the map.
pub type MapMethods = fn(&Map, &str) -> Option<Method<'static>>;

/// How many functions there is room for at first: about as many as Helm has.
const FUNCTIONS: usize = 300;

/// The functions of a template set, each in a numbered slot, and the methods of its named map types.
pub struct FuncMap<H> {
    functions: Vec<Function<H>>,
    /// The names come from the program alone, so that nobody can choose them to collide.
    slots: HashMap<&'static [u8], usize, FixedState>,
    /// Few, so that a search is quick.
    map_methods: Vec<(&'static str, MapMethods)>,
}

impl<H> Default for FuncMap<H> {
    /// Go's own functions, which later ones may replace.
    fn default() -> Self {
        let (functions, slots) =
            (Vec::with_capacity(FUNCTIONS), HashMap::with_capacity_and_hasher(FUNCTIONS, FixedState::default()));
        let mut map = Self { functions, slots, map_methods: Vec::new() };
        map.extend(builtins::functions());
        map
    }
}

impl<H> FuncMap<H> {
    /// Adds functions; one of a name that is there already replaces it.
    pub fn extend(&mut self, functions: impl IntoIterator<Item = Function<H>>) {
        for function in functions {
            let slot = *self.slots.entry(function.name.as_bytes()).or_insert(self.functions.len());
            match self.functions.get_mut(slot) {
                Some(known) => *known = function,
                None => self.functions.push(function),
            }
        }
    }

    /// Gives methods to the maps of a named type. As in Go, a method hides a key of its name in `.Name` form.
    pub fn set_map_methods(&mut self, type_name: &'static str, methods: MapMethods) {
        self.map_methods.retain(|(known, _)| *known != type_name);
        self.map_methods.push((type_name, methods));
    }

    /// The method of a map, if its type is a named one that has it.
    pub(super) fn map_method(&self, map: &Map, name: &str) -> Option<Method<'static>> {
        match map.map_type() {
            MapType::Named(type_name) => {
                let (_, methods) = self.map_methods.iter().find(|(known, _)| *known == type_name)?;
                methods(map, name)
            }
            MapType::Any | MapType::Strings | MapType::Bytes => None,
        }
    }

    /// The slot of a name.
    pub fn slot(&self, name: &[u8]) -> Option<usize> {
        self.slots.get(name).copied()
    }

    /// The function in a slot.
    pub fn get(&self, slot: usize) -> Option<&Function<H>> {
        self.functions.get(slot)
    }

    /// All names in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        let mut names: Vec<&'static str> = self.functions.iter().map(|function| function.name).collect();
        names.sort_unstable();
        names.into_iter()
    }
}
