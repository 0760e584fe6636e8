//! Execution: walks a parsed template and writes its output.
//!
//! Counterpart of `text/template/exec.go` (Go 1.26). Where Go looks up variables and functions by name and panics to leave a loop,
//! this uses slots and return values. Values of Go's `reflect` package become [`Operand`]s.
//!
//! **Invariant:** limits on depth, iterations and output hold across nested executions.

mod call;
mod eval;
mod range;

use crate::value::{Text, Value, print, quote};

use super::error::{Error, Frame};
use super::funcs::FuncMap;
use super::limits::{Budget, Limit, Limits};
use super::node::{At, Node, NodeKind, Pipe, Tree, Variable};
use super::set::TemplateSet;

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
    stacks: Stacks,
}

impl<'e, H> Execution<'e, H> {
    /// An execution with default limits, where missing keys give zero values. The functions must be those that the templates
    /// were parsed with.
    pub fn new(functions: &'e FuncMap<H>, host: &'e H) -> Self {
        let (missing_key, budget) = (MissingKey::default(), Budget::new(Limits::default()));
        Self { functions, host, missing_key, budget, stacks: Stacks::default() }
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
        let (budget, stacks) = (&mut self.budget, &mut self.stacks);
        let mut call = Call { functions, host, missing_key, budget, stacks, set, template: name };
        call.execute_into(set, name, dot, <[u8]>::to_vec)
    }
}

/// What nested executions put on top of each other's, so that none of them needs memory of its own.
#[derive(Default)]
struct Stacks {
    /// Variables; nothing where a declaration was skipped.
    variables: Vec<Option<Operand>>,
    /// Arguments of the calls under way.
    arguments: Vec<Value>,
    /// Output.
    out: Vec<u8>,
}

/// What a hosted function may reach while a template runs.
pub struct Call<'a, H> {
    functions: &'a FuncMap<H>,
    host: &'a H,
    missing_key: MissingKey,
    budget: &'a mut Budget,
    stacks: &'a mut Stacks,
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
    pub fn execute(&mut self, name: &str, dot: &Value) -> Result<Text, Error> {
        self.execute_set(self.set, name, dot)
    }

    /// Runs a template of another set, such as a clone with more templates, within the running limits.
    pub fn execute_set(&mut self, set: &TemplateSet, name: &str, dot: &Value) -> Result<Text, Error> {
        self.execute_into(set, name, dot, |output| Text::from(output))
    }

    /// Runs a template and makes something of its output.
    fn execute_into<T>(
        &mut self,
        set: &TemplateSet,
        name: &str,
        dot: &Value,
        finish: fn(&[u8]) -> T,
    ) -> Result<T, Error> {
        let Some(tree) = set.get(name) else {
            return Err(Error::no_template(name, set.name()));
        };
        let depth = self.budget.depth();
        self.budget.enter().map_err(|limit| Error::limit(None, limit))?;
        let dot = Operand::new(dot.clone());
        let base = self.stacks.variables.len();
        let (arguments, start) = (self.stacks.arguments.len(), self.stacks.out.len());
        self.stacks.variables.push(Some(dot.clone()));
        let mut executor = Executor {
            functions: self.functions,
            host: self.host,
            missing_key: self.missing_key,
            budget: &mut *self.budget,
            stacks: &mut *self.stacks,
            set,
            tree,
            at: None,
            base,
        };
        let result = executor.walk(&dot, &tree.root);
        let output = result.map(|_| finish(self.stacks.out.get(start..).unwrap_or_default()));
        self.stacks.out.truncate(start);
        self.stacks.variables.truncate(base);
        self.stacks.arguments.truncate(arguments);
        self.budget.leave_to(depth);
        output
    }
}

/// A value as execution sees it: Go's `reflect.Value`.
#[derive(Clone, Debug, Default)]
pub(super) struct Operand {
    pub(super) value: Value,
    /// Whether the value is inside an `interface {}`, as elements of lists and maps are. Nothing in an interface is an error to
    /// look into; nothing at all is not.
    pub(super) boxed: bool,
}

impl Operand {
    /// A value of its own type.
    pub(super) fn new(value: Value) -> Self {
        Self { value, boxed: false }
    }

    /// The type that errors name.
    pub(super) fn type_name(&self) -> &str {
        if self.boxed { "interface {}" } else { self.value.type_name() }
    }
}

/// How a node was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// The state of one execution.
struct Executor<'x, H> {
    functions: &'x FuncMap<H>,
    host: &'x H,
    missing_key: MissingKey,
    budget: &'x mut Budget,
    stacks: &'x mut Stacks,
    set: &'x TemplateSet,
    /// The running template.
    tree: &'x Tree,
    /// What is being evaluated, for errors; set where Go sets it, as errors show it.
    at: Option<At<'x>>,
    /// Where the variables of the running template begin.
    base: usize,
}

impl<'x, H> Executor<'x, H> {
    fn frame(&self) -> Option<Frame> {
        self.at.map(|at| self.tree.frame(&self.tree.name, at))
    }

    fn error(&self, message: impl Into<String>) -> Error {
        match self.frame() {
            Some(frame) => Error::exec(frame, message.into()),
            None => Error::incomplete(&self.tree.name),
        }
    }

    fn limit(&self, limit: Limit) -> Error {
        Error::limit(self.frame(), limit)
    }

    fn walk(&mut self, dot: &Operand, nodes: &'x [Node]) -> Result<Flow, Error> {
        for node in nodes {
            let flow = self.walk_node(dot, node)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn walk_node(&mut self, dot: &Operand, node: &'x Node) -> Result<Flow, Error> {
        match &node.kind {
            NodeKind::Text(span) => {
                let text = self.tree.source.bytes(*span);
                self.budget.write(text.len()).map_err(|limit| self.limit(limit))?;
                self.stacks.out.extend_from_slice(text);
            }
            NodeKind::Action(pipe) => {
                self.at = Some(At::Node(node));
                let value = self.eval_pipe(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.at = Some(At::Node(node));
                    self.print(&value.value)?;
                }
            }
            NodeKind::If(branch) => {
                let mark = self.stacks.variables.len();
                let value = self.eval_pipe(dot, &branch.pipe)?;
                let nodes = if value.value.is_true() { &branch.body } else { &branch.otherwise };
                return self.walk_branch(mark, dot, nodes);
            }
            NodeKind::With(branch) => {
                let mark = self.stacks.variables.len();
                let value = self.eval_pipe(dot, &branch.pipe)?;
                if value.value.is_true() {
                    return self.walk_branch(mark, &value, &branch.body);
                }
                return self.walk_branch(mark, dot, &branch.otherwise);
            }
            NodeKind::Range(branch) => return self.walk_range(dot, branch),
            NodeKind::Break => return Ok(Flow::Break),
            NodeKind::Continue => return Ok(Flow::Continue),
            NodeKind::Template(template) => self.walk_template(dot, node, &template.name, template.pipe.as_ref())?,
            _ => {
                self.at = Some(At::Node(node));
                return Err(self.error("unknown node"));
            }
        }
        Ok(Flow::Next)
    }

    fn walk_branch(&mut self, mark: usize, dot: &Operand, nodes: &'x [Node]) -> Result<Flow, Error> {
        self.budget.check_stack().map_err(|limit| self.limit(limit))?;
        let flow = self.walk(dot, nodes)?;
        self.stacks.variables.truncate(mark);
        Ok(flow)
    }

    fn walk_template(
        &mut self,
        dot: &Operand,
        node: &'x Node,
        name: &str,
        pipe: Option<&'x Pipe>,
    ) -> Result<(), Error> {
        self.at = Some(At::Node(node));
        let set = self.set;
        let Some(tree) = set.get(name) else {
            return Err(self.error(format!("template {} not defined", quote(name))));
        };
        self.budget.enter().map_err(|limit| self.limit(limit))?;
        let dot = match pipe {
            Some(pipe) => self.eval_pipe(dot, pipe)?,
            None => Operand::default(),
        };
        let (outer_tree, outer_at, outer_base) = (self.tree, self.at, self.base);
        let mark = self.stacks.variables.len();
        self.tree = tree;
        self.base = mark;
        self.stacks.variables.push(Some(dot.clone()));
        self.walk(&dot, &tree.root)?;
        self.stacks.variables.truncate(mark);
        self.tree = outer_tree;
        self.at = outer_at;
        self.base = outer_base;
        self.budget.leave();
        Ok(())
    }

    /// Writes a value as an action does.
    fn print(&mut self, value: &Value) -> Result<(), Error> {
        let before = self.stacks.out.len();
        print::append_printable(&mut self.stacks.out, value);
        let written = self.stacks.out.len() - before;
        self.budget.write(written).map_err(|limit| self.limit(limit))
    }

    fn variable(&self, variable: &Variable) -> Result<&Operand, Error> {
        variable
            .slots()
            .find_map(|slot| self.stacks.variables.get(self.base + slot)?.as_ref())
            .ok_or_else(|| self.undefined(variable))
    }

    fn undefined(&self, variable: &Variable) -> Error {
        let name = String::from_utf8_lossy(self.tree.source.bytes(variable.name));
        self.error(format!("undefined variable: {name}"))
    }

    /// Gives an existing variable another value.
    fn assign(&mut self, variable: &Variable, value: Operand) -> Result<(), Error> {
        for slot in variable.slots() {
            if let Some(Some(known)) = self.stacks.variables.get_mut(self.base + slot) {
                *known = value;
                return Ok(());
            }
        }
        Err(self.undefined(variable))
    }

    fn declare(&mut self, variable: &Variable, value: Operand) {
        let position = self.base + variable.slot.unwrap_or(0) as usize;
        if self.stacks.variables.len() < position {
            // Declarations before this one were skipped.
            self.stacks.variables.resize_with(position, || None);
        }
        self.stacks.variables.truncate(position);
        self.stacks.variables.push(Some(value));
    }
}
