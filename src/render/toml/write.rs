//! Values into TOML.
//!
//! Counterpart: `encode.go` of BurntSushi/toml 1.6.0: keys in byte order, plain keys before tables, nested tables indented by two
//! spaces, a blank line before every top-level table.
//!
//! **Invariant:** writing ends, whatever the value: nesting beyond [`MAX_DEPTH`] is an error.

use std::fmt::Write;

use super::{escaped, quoted_key};
use crate::sprig::toml_time;
use crate::value::{IntType, List, MAX_DEPTH, Object, Text, Value, format_float};

/// The TOML of a value.
pub(in crate::render) fn to_toml(value: &Value) -> Result<String, String> {
    let mut encoder = Encoder { out: String::new(), depth: 0 };
    encoder.document(value)?;
    Ok(encoder.out)
}

struct Encoder {
    out: String,
    depth: usize,
}

/// What a value is in TOML, as far as the layout depends on it.
enum Shape {
    Nil,
    Plain,
    Table(Vec<(Text, Value)>),
    Tables(List),
}

fn shape(value: &Value) -> Result<Shape, String> {
    Ok(match value {
        Value::Nil => Shape::Nil,
        Value::Bytes(bytes) if bytes.is_nil() => Shape::Nil,
        Value::List(list) if list.is_nil() => Shape::Nil,
        Value::Map(map) if map.is_nil() => Shape::Nil,
        Value::List(list) => {
            let mut all_tables = !list.is_empty();
            for item in list.iter() {
                match shape(item)? {
                    Shape::Nil => return Err("toml: cannot encode array with nil element".to_owned()),
                    Shape::Table(_) => {}
                    Shape::Plain | Shape::Tables(_) => all_tables = false,
                }
            }
            if all_tables { Shape::Tables(list.clone()) } else { Shape::Plain }
        }
        Value::Object(object) => match seen(object.as_ref()) {
            Some(value) => shape(&value)?,
            None => table_of(value).map_or(Shape::Plain, Shape::Table),
        },
        _ => table_of(value).map_or(Shape::Plain, Shape::Table),
    })
}

/// The entries of a table: of a map by their keys, of an object its exported fields in their order.
fn table_of(value: &Value) -> Option<Vec<(Text, Value)>> {
    match value {
        Value::Map(map) => Some(map.snapshot()),
        Value::Object(object) => {
            if let Some(value) = seen(object.as_ref()) {
                return table_of(&value);
            }
            let exported = |name: &str| name.starts_with(|first: char| first.is_uppercase());
            let fields = object.fields().into_iter().filter(|(name, _)| exported(name));
            let entries: Vec<_> = fields.map(|(name, value)| (Text::from(name), value)).collect();
            (!entries.is_empty()).then_some(entries)
        }
        _ => None,
    }
}

/// What the encoder sees in place of an object.
fn seen(object: &dyn Object) -> Option<Value> {
    object.encoded().or_else(|| object.underlying())
}

impl Encoder {
    fn document(&mut self, value: &Value) -> Result<(), String> {
        match shape(value)? {
            Shape::Nil if matches!(value, Value::Bytes(_) | Value::List(_)) => self.inline(value),
            Shape::Nil => Ok(()),
            Shape::Table(entries) => self.entries(&[], &entries),
            Shape::Tables(_) => Err("toml: top-level values must be Go maps or structs".to_owned()),
            Shape::Plain => self.inline(value),
        }
    }

    fn nested(&mut self, work: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("toml: nesting deeper than {MAX_DEPTH}"));
        }
        work(self)?;
        self.depth -= 1;
        Ok(())
    }

    /// The entries of a table: those that are no tables first.
    fn entries(&mut self, path: &[String], entries: &[(Text, Value)]) -> Result<(), String> {
        self.nested(|encoder| {
            let mut tables = Vec::new();
            for (key, value) in entries {
                let key = key.to_str().into_owned();
                match shape(value)? {
                    Shape::Nil => {}
                    Shape::Plain => {
                        let _ = write!(encoder.out, "{}{} = ", "  ".repeat(path.len()), quoted_key(&key));
                        encoder.inline(value)?;
                        encoder.out.push('\n');
                    }
                    table => tables.push((key, table)),
                }
            }
            for (key, table) in tables {
                let path = [path, &[key]].concat();
                encoder.table(&path, &table)?;
            }
            Ok(())
        })
    }

    fn table(&mut self, path: &[String], table: &Shape) -> Result<(), String> {
        let indent = "  ".repeat(path.len().saturating_sub(1));
        let name = path.iter().map(|key| quoted_key(key)).collect::<Vec<_>>().join(".");
        match table {
            Shape::Table(entries) => {
                if path.len() == 1 {
                    self.separate();
                }
                let _ = writeln!(self.out, "{indent}[{name}]");
                self.entries(path, entries)
            }
            Shape::Tables(list) => {
                for entries in list.iter().filter_map(table_of) {
                    self.separate();
                    let _ = writeln!(self.out, "{indent}[[{name}]]");
                    self.entries(path, &entries)?;
                }
                Ok(())
            }
            Shape::Nil | Shape::Plain => Ok(()),
        }
    }

    fn separate(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn inline(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(IntType::Duration, _) => self.quoted(&value.to_text().to_str()),
            Value::Int(_, value) => self.out.push_str(&value.to_string()),
            Value::Uint(_, value) => self.out.push_str(&value.to_string()),
            Value::Float(value) => self.out.push_str(&float(*value)),
            Value::String(text) => self.quoted(&text.to_str()),
            Value::Bytes(bytes) => {
                let items: Vec<String> = bytes.iter().map(u8::to_string).collect();
                let _ = write!(self.out, "[{}]", items.join(", "));
            }
            Value::List(list) => {
                return self.nested(|encoder| {
                    encoder.out.push('[');
                    for (position, item) in list.iter().enumerate() {
                        if position > 0 {
                            encoder.out.push_str(", ");
                        }
                        encoder.inline(item)?;
                    }
                    encoder.out.push(']');
                    Ok(())
                });
            }
            Value::Map(map) => return self.inline_table(&map.snapshot()),
            Value::Object(object) => match (toml_time(value), seen(object.as_ref())) {
                (Some(time), _) => self.out.push_str(&time),
                (None, Some(value)) => return self.nested(|encoder| encoder.inline(&value)),
                (None, None) => match table_of(value) {
                    Some(entries) => return self.inline_table(&entries),
                    None => self.quoted(&value.to_text().to_str()),
                },
            },
            Value::Nil => return Err("toml: cannot encode array with nil element".to_owned()),
        }
        Ok(())
    }

    fn inline_table(&mut self, entries: &[(Text, Value)]) -> Result<(), String> {
        self.nested(|encoder| {
            let mut plain = Vec::new();
            let mut tables = Vec::new();
            for (key, value) in entries {
                match shape(value)? {
                    Shape::Nil => {}
                    Shape::Plain => plain.push((key, value)),
                    Shape::Table(_) | Shape::Tables(_) => tables.push((key, value)),
                }
            }
            plain.append(&mut tables);
            encoder.out.push('{');
            for (position, (key, value)) in plain.iter().enumerate() {
                if position > 0 {
                    encoder.out.push_str(", ");
                }
                let _ = write!(encoder.out, "{} = ", quoted_key(&key.to_str()));
                encoder.inline(value)?;
            }
            encoder.out.push('}');
            Ok(())
        })
    }

    fn quoted(&mut self, text: &str) {
        let _ = write!(self.out, "\"{}\"", escaped(text));
    }
}

fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = format_float(value, b'g', None);
    if text.contains(['e', '.']) { text } else { format!("{text}.0") }
}
