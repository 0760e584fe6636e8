//! `range`: over integers, lists and maps.
//!
//! **Invariant:** walks what the value was when the loop began; a body that changes a map does not disturb its own loop.

use crate::value::{ElementType, IntType, Kind, MapType, Text, UintType, Value, print};

use super::super::error::Error;
use super::super::node::{At, Branch};
use super::{Executor, Flow, Operand};

/// What there is to walk.
enum Items {
    Ints(IntType, i64),
    Uints(UintType, u64),
    List(ElementType, Value),
    Entries(MapType, Vec<(Text, Value)>),
}

impl<'x, H> Executor<'x, H> {
    pub(super) fn walk_range(&mut self, dot: &Operand, branch: &'x Branch) -> Result<Flow, Error> {
        self.at = Some(At::Pipe(&branch.pipe));
        let outside = self.stacks.variables.len();
        let value = self.eval_pipe(dot, &branch.pipe)?.value;
        self.budget.check_stack().map_err(|limit| self.limit(limit))?;
        let inside = self.stacks.variables.len();
        let ran = match self.items(branch, &value)? {
            Some(items) => self.walk_items(branch, &items)?,
            None => false,
        };
        let mut flow = Flow::Next;
        if !ran {
            self.stacks.variables.truncate(inside);
            flow = self.walk(dot, &branch.otherwise)?;
        }
        self.stacks.variables.truncate(outside);
        Ok(flow)
    }

    /// What a value has to walk; nothing for no value.
    fn items(&self, branch: &Branch, value: &Value) -> Result<Option<Items>, Error> {
        let items = match value {
            Value::Nil => return Ok(None),
            Value::Int(..) | Value::Uint(..) if branch.pipe.variables.len() > 1 => {
                let text = value.to_text();
                return Err(self.error(format!("can't use {text} to iterate over more than one variable")));
            }
            Value::Int(int_type, count) => Items::Ints(*int_type, *count),
            Value::Uint(uint_type, count) => Items::Uints(*uint_type, *count),
            Value::List(list) => Items::List(list.element_type(), value.clone()),
            Value::Bytes(_) => Items::List(ElementType::Named("[]uint8"), value.clone()),
            Value::Map(map) => Items::Entries(map.map_type(), map.snapshot()),
            Value::Object(object) if object.kind() != Kind::Struct && object.underlying().is_some() => {
                return self.items(branch, &object.underlying().unwrap_or_default());
            }
            _ => {
                let copied = if let Value::Object(object) = value { object.copied() } else { None };
                let mut text = Vec::new();
                print::append_printable(&mut text, copied.as_ref().unwrap_or(value));
                let text = Text::from(text);
                return Err(self.error(format!("range can't iterate over {text}")));
            }
        };
        Ok(Some(items))
    }

    /// Walks the items and says whether there were any.
    fn walk_items(&mut self, branch: &'x Branch, items: &Items) -> Result<bool, Error> {
        match items {
            Items::Ints(int_type, count) => {
                for number in 0..*count {
                    let element = Operand::new(Value::Int(*int_type, number));
                    if self.iterate(branch, Value::Nil, &element)? == Flow::Break {
                        break;
                    }
                }
                Ok(*count > 0)
            }
            Items::Uints(uint_type, count) => {
                for number in 0..*count {
                    let element = Operand::new(Value::Uint(*uint_type, number));
                    if self.iterate(branch, Value::Nil, &element)? == Flow::Break {
                        break;
                    }
                }
                Ok(*count > 0)
            }
            Items::List(element_type, Value::List(list)) => {
                let boxed = *element_type == ElementType::Any;
                for (position, item) in list.iter().enumerate() {
                    let index = Value::int(i64::try_from(position).unwrap_or(i64::MAX));
                    if self.iterate(branch, index, &Operand { value: item.clone(), boxed })? == Flow::Break {
                        break;
                    }
                }
                Ok(!list.is_empty())
            }
            Items::List(_, Value::Bytes(bytes)) => {
                for (position, byte) in bytes.iter().enumerate() {
                    let index = Value::int(i64::try_from(position).unwrap_or(i64::MAX));
                    let element = Operand::new(Value::Uint(UintType::Uint8, u64::from(*byte)));
                    if self.iterate(branch, index, &element)? == Flow::Break {
                        break;
                    }
                }
                Ok(!bytes.is_empty())
            }
            Items::List(..) => Ok(false),
            Items::Entries(map_type, entries) => {
                let boxed = map_type.boxes();
                for (key, value) in entries {
                    let element = Operand { value: value.clone(), boxed };
                    if self.iterate(branch, Value::String(key.clone()), &element)? == Flow::Break {
                        break;
                    }
                }
                Ok(!entries.is_empty())
            }
        }
    }

    /// Runs the body once. The variables, if any, are the element, or the index and the element.
    fn iterate(&mut self, branch: &'x Branch, index: Value, element: &Operand) -> Result<Flow, Error> {
        self.budget.iterate().map_err(|limit| self.limit(limit))?;
        match &*branch.pipe.variables {
            [] => {}
            [variable] => self.assign(variable, element.clone())?,
            [first, second, ..] => {
                self.assign(first, Operand::new(index))?;
                self.assign(second, element.clone())?;
            }
        }
        let mark = self.stacks.variables.len();
        let flow = self.walk(element, &branch.body)?;
        self.stacks.variables.truncate(mark);
        Ok(if flow == Flow::Break { Flow::Break } else { Flow::Next })
    }
}
