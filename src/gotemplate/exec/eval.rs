//! Evaluation of pipelines, commands and fields.
//!
//! **Invariant:** prints nothing; only walking writes output.

use crate::value::{CallError, Kind, Map, MapType, Method, Value, quote, value_method};

use super::super::error::Error;
use super::super::node::{At, Chain, Command, Node, NodeKind, Pipe, Span, VariableFields};
use super::super::number::Number;
use super::{Executor, MissingKey, Operand};

/// What a pipeline gives to the command after it.
pub(super) type Final = Option<Operand>;

impl<'x, H> Executor<'x, H> {
    /// Evaluates a pipeline and stores its value in the variables that it declares or assigns.
    pub(super) fn eval_pipe(&mut self, dot: &Operand, pipe: &'x Pipe) -> Result<Operand, Error> {
        self.at = Some(At::Pipe(pipe));
        let mut value = self.eval_command(dot, &pipe.first, None)?;
        // What was in an interface comes out of it.
        value.boxed = false;
        for command in &pipe.others {
            value = self.eval_command(dot, command, Some(value))?;
            value.boxed = false;
        }
        for variable in &pipe.variables {
            if pipe.assigns {
                self.assign(variable, value.clone())?;
            } else {
                self.declare(variable, value.clone());
            }
        }
        Ok(value)
    }

    fn eval_command(&mut self, dot: &Operand, command: &'x Command, last: Final) -> Result<Operand, Error> {
        let Some(first) = command.operands.first() else {
            return Err(self.error("empty command"));
        };
        let operands = &command.operands;
        match &first.kind {
            NodeKind::Field(fields) => {
                self.at = Some(At::Node(first));
                self.eval_fields(dot, dot.clone(), first, fields, operands, last)
            }
            NodeKind::Chain(chain) => self.eval_chain(dot, first, chain, operands, last),
            NodeKind::Identifier { function, .. } => {
                self.at = Some(At::Node(first));
                self.call_function(dot, *function, At::Command(command), operands, last)
            }
            NodeKind::Pipe(pipe) => {
                self.check_no_arguments(operands, &last)?;
                self.eval_pipe(dot, pipe)
            }
            NodeKind::Variable(variable) => self.eval_variable(dot, first, variable, operands, last),
            _ => {
                self.at = Some(At::Node(first));
                self.check_no_arguments(operands, &last)?;
                self.eval_literal(dot, first)
            }
        }
    }

    fn eval_literal(&mut self, dot: &Operand, node: &'x Node) -> Result<Operand, Error> {
        match &node.kind {
            NodeKind::Bool(value) => Ok(Operand::new(Value::Bool(*value))),
            NodeKind::Dot => Ok(dot.clone()),
            NodeKind::Nil => Err(self.error("nil is not a command")),
            NodeKind::Number(number) => self.ideal_constant(node, &number.number),
            NodeKind::String { end, unquoted } => Ok(Operand::new(self.string(node, *end, unquoted.as_deref()))),
            _ => {
                let text = quote(At::Node(node).print(&self.tree.source));
                Err(self.error(format!("can't evaluate command {text}")))
            }
        }
    }

    /// The value of a string literal.
    pub(super) fn string(&self, node: &Node, end: u32, unquoted: Option<&[u8]>) -> Value {
        Value::string(node.string(end, unquoted, &self.tree.source))
    }

    /// The value of a number where no type is asked for.
    pub(super) fn ideal_constant(&mut self, node: &'x Node, number: &Number) -> Result<Operand, Error> {
        self.at = Some(At::Node(node));
        let value = match number {
            Number { complex: Some((real, imaginary)), .. } => Value::complex(*real, *imaginary),
            Number { float: Some(value), looks_like_float: true, .. } => Value::Float(*value),
            Number { int: Some(value), .. } => Value::int(*value),
            Number { uint: Some(_), .. } => {
                let text = At::Node(node).print(&self.tree.source);
                return Err(self.error(format!("{text} overflows int")));
            }
            _ => Value::Nil,
        };
        Ok(Operand::new(value))
    }

    /// Fails if what is no function was given arguments. The operands begin with the thing itself.
    fn check_no_arguments(&self, operands: &[Node], last: &Final) -> Result<(), Error> {
        match operands.first() {
            Some(first) if operands.len() > 1 || last.is_some() => {
                // Go prints a pipeline here without its parentheses.
                let text = At::Node(first).print(&self.tree.source);
                Err(self.error(format!("can't give argument to non-function {text}")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn eval_chain(
        &mut self,
        dot: &Operand,
        node: &'x Node,
        chain: &'x Chain,
        operands: &'x [Node],
        last: Final,
    ) -> Result<Operand, Error> {
        self.at = Some(At::Node(node));
        let receiver = self.eval_any(dot, &chain.node)?;
        self.eval_fields(dot, receiver, node, &chain.fields, operands, last)
    }

    pub(super) fn eval_variable(
        &mut self,
        dot: &Operand,
        node: &'x Node,
        variable: &'x VariableFields,
        operands: &'x [Node],
        last: Final,
    ) -> Result<Operand, Error> {
        self.at = Some(At::Node(node));
        let VariableFields { variable, fields } = variable;
        let value = self.variable(variable)?.clone();
        if fields.is_empty() {
            self.check_no_arguments(operands, &last)?;
            return Ok(value);
        }
        self.eval_fields(dot, value, node, fields, operands, last)
    }

    /// Walks down a chain of fields. Arguments are for the last one.
    pub(super) fn eval_fields(
        &mut self,
        dot: &Operand,
        mut receiver: Operand,
        node: &'x Node,
        fields: &'x [Span],
        operands: &'x [Node],
        last: Final,
    ) -> Result<Operand, Error> {
        let Some((field, path)) = fields.split_last() else {
            return Ok(receiver);
        };
        for field in path {
            receiver = self.eval_field(dot, &receiver, node, *field, &[], None)?;
        }
        self.eval_field(dot, &receiver, node, *field, operands, last)
    }

    fn eval_field(
        &mut self,
        dot: &Operand,
        receiver: &Operand,
        node: &'x Node,
        field: Span,
        operands: &'x [Node],
        last: Final,
    ) -> Result<Operand, Error> {
        let tree = self.tree;
        let has_arguments = operands.len() > 1 || last.is_some();
        if let Value::Map(map) = &receiver.value
            && !matches!(map.map_type(), MapType::Named(_))
        {
            return self.eval_key(map, tree.source.bytes(field), has_arguments);
        }
        let field = tree.source.name(field);
        match &receiver.value {
            Value::Nil if receiver.boxed => Err(self.error(format!("nil pointer evaluating interface {{}}.{field}"))),
            Value::Nil if self.missing_key == MissingKey::Error => {
                Err(self.error(format!("nil data; no entry for key {}", quote(field))))
            }
            Value::Nil => Ok(Operand::default()),
            Value::Map(map) => match self.functions.map_method(map, field) {
                Some(method) => self.call_method(dot, &method, field, At::Node(node), operands, last),
                None => self.eval_key(map, field.as_bytes(), has_arguments),
            },
            Value::Object(object) => {
                if let Some(method) = object.method(field) {
                    return self.call_method(dot, &method, field, At::Node(node), operands, last);
                }
                if let Some(value) = object.field(field) {
                    if has_arguments {
                        return Err(self.error(format!("{field} has arguments but cannot be invoked as function")));
                    }
                    // Only a field of an interface type holds nothing.
                    let boxed = matches!(value, Value::Nil);
                    return Ok(Operand { value, boxed });
                }
                match object.underlying() {
                    Some(Value::Map(map)) if object.kind() == Kind::Map => {
                        self.eval_key(&map, field.as_bytes(), has_arguments)
                    }
                    _ => Err(self.no_field(receiver, field)),
                }
            }
            value => match value_method(value, field) {
                Some(method) => self.call_method(dot, &method, field, At::Node(node), operands, last),
                None => Err(self.no_field(receiver, field)),
            },
        }
    }

    fn no_field(&self, receiver: &Operand, field: &str) -> Error {
        self.error(format!("can't evaluate field {field} in type {}", receiver.type_name()))
    }

    fn eval_key(&self, map: &Map, key: &[u8], has_arguments: bool) -> Result<Operand, Error> {
        if has_arguments {
            let key = String::from_utf8_lossy(key);
            return Err(self.error(format!("{key} is not a method but has arguments")));
        }
        let boxed = map.map_type().boxes();
        if let Some(value) = map.get(key) {
            return Ok(Operand { value, boxed });
        }
        match self.missing_key {
            MissingKey::Invalid => Ok(Operand::default()),
            MissingKey::Zero => Ok(Operand { value: map.zero_element(), boxed }),
            MissingKey::Error => Err(self.error(format!("map has no entry for key {}", quote(key)))),
        }
    }

    fn call_method(
        &mut self,
        dot: &Operand,
        method: &Method<'_>,
        name: &str,
        at: At<'x>,
        operands: &'x [Node],
        last: Final,
    ) -> Result<Operand, Error> {
        let height = self.eval_arguments(dot, &method.signature, name, operands, last)?;
        let result = (method.call)(self.arguments(height));
        self.stacks.arguments.truncate(height);
        self.finish_call(name, at, result)
    }

    /// Checks what a function or method gave.
    pub(super) fn finish_call(
        &mut self,
        name: &str,
        at: At<'x>,
        result: Result<Value, CallError>,
    ) -> Result<Operand, Error> {
        match result {
            Ok(value) => {
                self.budget.check_value(&value).map_err(|limit| self.limit(limit))?;
                Ok(Operand::new(value))
            }
            Err(cause) => {
                self.at = Some(at);
                let frame = self.tree.frame(&self.tree.name, at);
                Err(Error::call(frame, name, cause))
            }
        }
    }
}
