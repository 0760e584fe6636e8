//! Calls: arguments checked against parameters, with Go's texts.
//!
//! **Invariant:** a function runs only with arguments of the types that it declares.

use crate::value::{Bytes, ElementType, IntType, Kind, List, Map, MapType, Signature, Type, UintType, Value};

use super::super::builtins::{self, Special};
use super::super::error::Error;
use super::super::funcs::Body;
use super::super::node::{At, Node, NodeKind};
use super::eval::Final;
use super::{Call, Executor, Operand};

impl<'x, H> Executor<'x, H> {
    /// Calls the function in a slot. The operands begin with the function itself.
    pub(super) fn call_function(
        &mut self,
        dot: &Operand,
        slot: u32,
        at: At<'x>,
        operands: &'x [Node],
        last: Final,
    ) -> Result<Operand, Error> {
        let functions = self.functions;
        let Some(function) = functions.get(slot as usize) else {
            return Err(self.error("not a defined function"));
        };
        let name = function.name;
        match &function.body {
            Body::Pure(body) => {
                let height = self.eval_arguments(dot, &function.signature, name, operands, last)?;
                let result = body(self.arguments(height));
                self.stacks.arguments.truncate(height);
                self.finish_call(name, at, result)
            }
            Body::Hosted(body) => {
                let height = self.eval_arguments(dot, &function.signature, name, operands, last)?;
                let arguments: Vec<Value> = self.stacks.arguments.drain(height..).collect();
                let result = body(&mut self.call(), &arguments);
                self.finish_call(name, at, result)
            }
            Body::Builtin(builtin) => {
                self.check_count(&function.signature, name, operands, &last)?;
                self.call_builtin(dot, builtin.0, name, at, operands, last)
            }
        }
    }

    fn call(&mut self) -> Call<'_, H> {
        Call {
            functions: self.functions,
            host: self.host,
            missing_key: self.missing_key,
            budget: &mut *self.budget,
            stacks: &mut *self.stacks,
            set: self.set,
            template: &self.tree.name,
        }
    }

    fn call_builtin(
        &mut self,
        dot: &Operand,
        special: Special,
        name: &str,
        at: At<'x>,
        operands: &'x [Node],
        last: Final,
    ) -> Result<Operand, Error> {
        if matches!(special, Special::And | Special::Or) {
            let mut result = Operand::default();
            for operand in operands.iter().skip(1) {
                result = self.eval_argument(dot, operand)?;
                if result.value.is_true() == (special == Special::Or) {
                    return Ok(result);
                }
            }
            return Ok(last.unwrap_or(result));
        }
        let mut arguments = Vec::with_capacity(operands.len());
        for operand in operands.iter().skip(1) {
            arguments.push(self.eval_argument(dot, operand)?);
        }
        arguments.extend(last);
        let result = match (special, arguments.first()) {
            (Special::Slice, _) => builtins::slice(&arguments),
            (Special::Len, Some(first)) => builtins::len(first),
            (_, Some(first)) => {
                let written = operands.get(1).map(|operand| At::Node(operand).print(&self.tree.source));
                builtins::call(&written.unwrap_or_else(|| reflected_text(&first.value)), first)
            }
            _ => Ok(Value::Nil),
        };
        self.finish_call(name, at, result)
    }

    fn check_count(&self, signature: &Signature, name: &str, operands: &[Node], last: &Final) -> Result<(), Error> {
        let written = operands.len().saturating_sub(1);
        let given = written + usize::from(last.is_some());
        let wanted = signature.params.len();
        if signature.variadic {
            let at_least = wanted.saturating_sub(1);
            if given < at_least {
                let message = format!("wrong number of args for {name}: want at least {at_least} got {written}");
                return Err(self.error(message));
            }
        } else if given != wanted {
            return Err(self.error(format!("wrong number of args for {name}: want {wanted} got {given}")));
        }
        Ok(())
    }

    /// The arguments that were put on the stack since it had this height.
    pub(super) fn arguments(&self, height: usize) -> &[Value] {
        self.stacks.arguments.get(height..).unwrap_or_default()
    }

    /// Evaluates and checks the arguments of a call, and puts them on the stack, whose height before it gives. The operands begin with
    /// the function itself.
    pub(super) fn eval_arguments(
        &mut self,
        dot: &Operand,
        signature: &Signature,
        name: &str,
        operands: &'x [Node],
        last: Final,
    ) -> Result<usize, Error> {
        self.check_count(signature, name, operands, &last)?;
        let height = self.stacks.arguments.len();
        let operands = operands.get(1..).unwrap_or_default();
        for (position, operand) in operands.iter().enumerate() {
            let argument = self.eval_typed(dot, parameter(signature, position), operand)?;
            self.stacks.arguments.push(argument);
        }
        if let Some(last) = last {
            let last = self.check_type(last, parameter(signature, operands.len()))?;
            self.stacks.arguments.push(last);
        }
        Ok(height)
    }

    /// Evaluates an argument for a parameter that takes anything, and keeps whether it was in an interface.
    fn eval_argument(&mut self, dot: &Operand, node: &'x Node) -> Result<Operand, Error> {
        self.at = Some(At::Node(node));
        if matches!(node.kind, NodeKind::Nil) { Ok(Operand::default()) } else { self.eval_any(dot, node) }
    }

    /// Evaluates an operand that is not called with others.
    pub(super) fn eval_any(&mut self, dot: &Operand, node: &'x Node) -> Result<Operand, Error> {
        self.at = Some(At::Node(node));
        match &node.kind {
            NodeKind::Dot => Ok(dot.clone()),
            NodeKind::Nil => Err(self.error("cannot assign nil to interface {}")),
            NodeKind::Field(fields) => self.eval_fields(dot, dot.clone(), node, fields, &[], None),
            NodeKind::Variable(variable) => self.eval_variable(dot, node, variable, &[], None),
            NodeKind::Pipe(pipe) => self.eval_pipe(dot, pipe),
            NodeKind::Identifier { function, .. } => {
                let result = self.call_function(dot, *function, At::Node(node), &[], None)?;
                // Only a function that gives an interface gives nothing.
                let boxed = matches!(result.value, Value::Nil);
                Ok(Operand { boxed, ..result })
            }
            NodeKind::Chain(chain) => self.eval_chain(dot, node, chain, &[], None),
            NodeKind::Bool(value) => Ok(Operand::new(Value::Bool(*value))),
            NodeKind::Number(number) => self.ideal_constant(node, &number.number),
            NodeKind::String { end, unquoted } => Ok(Operand::new(self.string(node, *end, unquoted.as_deref()))),
            _ => {
                let text = At::Node(node).print(&self.tree.source);
                Err(self.error(format!("can't handle assignment of {text} to empty interface argument")))
            }
        }
    }

    fn eval_typed(&mut self, dot: &Operand, parameter: Type, node: &'x Node) -> Result<Value, Error> {
        self.at = Some(At::Node(node));
        match &node.kind {
            NodeKind::Nil => match zero_of_nillable(parameter) {
                Some(zero) => Ok(zero),
                None => Err(self.error(format!("cannot assign nil to {}", parameter.name()))),
            },
            NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::String { .. }
                if !matches!(parameter, Type::Any | Type::Reflected) =>
            {
                self.constant(parameter, node)
            }
            _ => {
                let operand = self.eval_any(dot, node)?;
                self.check_type(operand, parameter)
            }
        }
    }

    /// A constant as the type that the parameter asks for.
    fn constant(&self, parameter: Type, node: &Node) -> Result<Value, Error> {
        let (wanted, value) = match (parameter, &node.kind) {
            (Type::Bool, NodeKind::Bool(value)) => ("bool", Some(Value::Bool(*value))),
            (Type::Bool, _) => ("bool", None),
            (Type::String, NodeKind::String { end, unquoted }) => {
                ("string", Some(self.string(node, *end, unquoted.as_deref())))
            }
            (Type::String, _) => ("string", None),
            (Type::Float64, NodeKind::Number(number)) => ("float", number.number.float.map(Value::Float)),
            (Type::Float64, _) => ("float", None),
            (Type::Int | Type::Int64 | Type::Duration, NodeKind::Number(number)) => {
                let int_type = match parameter {
                    Type::Int64 => IntType::Int64,
                    Type::Duration => IntType::Duration,
                    _ => IntType::Int,
                };
                ("integer", number.number.int.map(|value| Value::Int(int_type, value)))
            }
            (Type::Int | Type::Int64 | Type::Duration, _) => ("integer", None),
            (Type::Uint32, NodeKind::Number(number)) => {
                // Go sets the constant without a look at the size of the type.
                let value = number.number.uint.map(|value| u64::from(value as u32));
                ("unsigned integer", value.map(|value| Value::Uint(UintType::Uint32, value)))
            }
            (Type::Uint32, _) => ("unsigned integer", None),
            _ => {
                let text = At::Node(node).print(&self.tree.source);
                return Err(self.error(format!("can't handle {text} for arg of type {}", parameter.name())));
            }
        };
        value.ok_or_else(|| {
            let text = At::Node(node).print(&self.tree.source);
            self.error(format!("expected {wanted}; found {text}"))
        })
    }

    /// Guarantees that the value is assignable to the type.
    fn check_type(&self, operand: Operand, parameter: Type) -> Result<Value, Error> {
        if parameter == Type::Reflected {
            return Ok(operand.value);
        }
        if parameter == Type::Any {
            // In Go the function gets a copy, in an interface.
            let copied = if let Value::Object(object) = &operand.value { object.copied() } else { None };
            return Ok(copied.unwrap_or(operand.value));
        }
        if matches!(operand.value, Value::Nil) {
            if operand.boxed {
                let wanted = parameter.name();
                return Err(self.error(format!("wrong type for value; expected {wanted}; got interface {{}}")));
            }
            return zero_of_nillable(parameter)
                .ok_or_else(|| self.error(format!("invalid value; expected {}", parameter.name())));
        }
        assign(operand.value, parameter).map_err(|value| {
            let (wanted, given) = (parameter.name(), value.type_name());
            self.error(format!("wrong type for value; expected {wanted}; got {given}"))
        })
    }
}

/// What `reflect.Value.String` gives.
fn reflected_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        _ => format!("<{} Value>", value.type_name()),
    }
}

/// The type of the parameter at a position; the last one's for all further ones.
fn parameter(signature: &Signature, position: usize) -> Type {
    signature.params.get(position).or(signature.params.last()).copied().unwrap_or(Type::Any)
}

/// The value that stands for nil in a type that has one.
fn zero_of_nillable(parameter: Type) -> Option<Value> {
    match parameter {
        Type::Any | Type::Reflected => Some(Value::Nil),
        Type::Bytes => Some(Value::Bytes(Bytes::NIL)),
        Type::List => Some(Value::List(List::nil(ElementType::Any))),
        Type::Strings => Some(Value::List(List::nil(ElementType::String))),
        Type::Map => Some(Value::Map(Map::nil(MapType::Any))),
        Type::Object(name) if name.starts_with('*') => Some(Value::Nil),
        _ => None,
    }
}

/// The value as the type has it, or the value back if it cannot be assigned.
fn assign(value: Value, parameter: Type) -> Result<Value, Value> {
    let fits = match (&value, parameter) {
        (Value::Bool(_), Type::Bool)
        | (Value::Int(IntType::Int, _), Type::Int)
        | (Value::Int(IntType::Int64, _), Type::Int64)
        | (Value::Uint(UintType::Uint32, _), Type::Uint32)
        | (Value::Int(IntType::Duration, _), Type::Duration)
        | (Value::Float(_), Type::Float64)
        | (Value::String(_), Type::String)
        | (Value::Bytes(_), Type::Bytes) => true,
        (Value::List(list), Type::List) => list.element_type() == ElementType::Any,
        (Value::List(list), Type::Strings) => list.element_type() == ElementType::String,
        (Value::Map(map), Type::Map) => map.map_type().boxes(),
        (Value::Object(object), Type::Object(name)) => {
            let given = object.type_name();
            given == name || (object.kind() == Kind::Ptr && given.strip_prefix('*') == Some(name))
        }
        (Value::Object(object), Type::Map | Type::List | Type::Strings | Type::Bytes) => {
            return match object.underlying() {
                Some(underlying) => assign(underlying, parameter).map_err(|_| value),
                None => Err(value),
            };
        }
        _ => false,
    };
    if fits { Ok(value) } else { Err(value) }
}
