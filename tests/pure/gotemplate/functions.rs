//! The functions and objects that the cases use, as the Go program that gave the expected results had them.

use std::any::Any;

use rhumb::gotemplate::{Call, FuncMap, Function};
use rhumb::value::{
    CallError, CallResult, ElementType, IntType, Kind, List, Map, MapType, Method, Object, Signature, Text, Type,
    UintType, Value, print,
};

const ANY: &[Type] = &[Type::Any];
const STRING: &[Type] = &[Type::String];

pub(super) fn functions() -> FuncMap<()> {
    let mut map = FuncMap::default();
    map.extend([
        Function::pure("upper", Signature::fixed(STRING), |args| {
            Ok(Value::string(text(args, 0).to_str().to_uppercase()))
        }),
        Function::pure("dict", Signature::variadic(ANY), dict),
        Function::pure("list", Signature::variadic(ANY), |args| Ok(Value::list(args.to_vec()))),
        Function::pure("strs", Signature::variadic(STRING), |args| Ok(typed_list(ElementType::String, args))),
        Function::pure("ints", Signature::variadic(&[Type::Int]), |args| Ok(typed_list(ElementType::Int, args))),
        Function::pure("smap", Signature::fixed(&[Type::String, Type::String]), |args| {
            let map = Map::new(MapType::Strings);
            map.insert(text(args, 0), args[1].clone());
            Ok(Value::Map(map))
        }),
        Function::pure("takesInt", Signature::fixed(&[Type::Int]), |args| Ok(Value::int(number(&args[0]) + 1))),
        Function::pure("takesInt64", Signature::fixed(&[Type::Int64]), |args| Ok(Value::int64(number(&args[0]) + 1))),
        Function::pure("takesFloat", Signature::fixed(&[Type::Float64]), |args| match args {
            [Value::Float(value)] => Ok(Value::Float(value / 2.0)),
            _ => panic!("not a float: {args:?}"),
        }),
        Function::pure("takesBool", Signature::fixed(&[Type::Bool]), |args| Ok(Value::Bool(!args[0].is_true()))),
        Function::pure("takesMap", Signature::fixed(&[Type::Map]), |args| match args {
            [Value::Map(map)] => Ok(count(map.len())),
            _ => panic!("not a map: {args:?}"),
        }),
        Function::pure("takesList", Signature::fixed(&[Type::List]), list_length),
        Function::pure("takesStrings", Signature::fixed(&[Type::Strings]), list_length),
        Function::pure("takesAny", Signature::fixed(ANY), |args| Ok(Value::string(args[0].type_name()))),
        Function::pure("takesDuration", Signature::fixed(&[Type::Duration]), |args| {
            Ok(Value::String(args[0].to_text()))
        }),
        Function::pure("takesTwo", Signature::fixed(&[Type::String, Type::Int]), |args| {
            Ok(Value::String(print::sprint(args)))
        }),
        Function::pure("takesMany", Signature::variadic(&[Type::String, Type::Int]), |args| {
            let rest = typed_list(ElementType::Int, &args[1..]);
            Ok(Value::String(print::sprint(&[args[0].clone(), rest])))
        }),
        Function::pure("nothing", Signature::fixed(&[]), |_| Ok(Value::Nil)),
        Function::pure("int", Signature::fixed(ANY), |args| Ok(Value::int(number(&args[0])))),
        Function::pure("int64", Signature::fixed(ANY), |args| Ok(Value::int64(number(&args[0])))),
        Function::pure("uint8", Signature::fixed(ANY), |args| {
            Ok(Value::Uint(UintType::Uint8, number(&args[0]).unsigned_abs()))
        }),
        Function::pure("uint64", Signature::fixed(ANY), |args| {
            Ok(Value::Uint(UintType::Uint64, number(&args[0]).unsigned_abs()))
        }),
        Function::pure("duration", Signature::fixed(&[Type::Int64]), |args| typed_int(IntType::Duration, args)),
        Function::pure("month", Signature::fixed(&[Type::Int]), |args| typed_int(IntType::Month, args)),
        Function::pure("weekday", Signature::fixed(&[Type::Int]), |args| typed_int(IntType::Weekday, args)),
        Function::pure("bytes", Signature::fixed(STRING), |args| Ok(Value::Bytes(text(args, 0).as_bytes().into()))),
        Function::pure("fail", Signature::fixed(STRING), |args| Err(CallError::new(text(args, 0).to_string()))),
        Function::pure("set", Signature::fixed(&[Type::Map, Type::String, Type::Any]), |args| {
            let map = args[0].as_map().expect("a map");
            map.insert(text(args, 1), args[2].clone());
            Ok(args[0].clone())
        }),
        Function::pure("box", Signature::fixed(&[]), |_| Ok(Value::object(Crate))),
        Function::pure("boxValue", Signature::fixed(&[]), |_| Ok(Value::object(Inner("v", 81)))),
        Function::hosted("include", Signature::fixed(&[Type::String, Type::Any]), include),
    ]);
    map
}

fn include(call: &mut Call<'_, ()>, args: &[Value]) -> CallResult {
    let output = call.execute(&text(args, 0).to_str(), &args[1]).map_err(CallError::nested)?;
    Ok(Value::string(output))
}

fn text(args: &[Value], position: usize) -> Text {
    args[position].as_text().expect("a string").clone()
}

fn count(length: usize) -> Value {
    Value::int(i64::try_from(length).expect("a short list"))
}

fn number(value: &Value) -> i64 {
    match value {
        Value::Int(_, number) => *number,
        Value::Float(number) => *number as i64,
        _ => 0,
    }
}

fn typed_int(int_type: IntType, args: &[Value]) -> CallResult {
    Ok(Value::Int(int_type, number(&args[0])))
}

fn typed_list(element_type: ElementType, items: &[Value]) -> Value {
    Value::List(List::new(element_type, items.to_vec()))
}

fn list_length(args: &[Value]) -> CallResult {
    match args {
        [Value::List(list)] => Ok(count(list.len())),
        _ => panic!("not a list: {args:?}"),
    }
}

fn dict(args: &[Value]) -> CallResult {
    let map = Map::new(MapType::Any);
    for pair in args.chunks_exact(2) {
        map.insert(pair[0].to_text(), pair[1].clone());
    }
    Ok(Value::Map(map))
}

/// `struct { Host string; Port int }`.
#[derive(Debug)]
struct Inner(&'static str, i64);

impl Object for Inner {
    fn type_name(&self) -> &'static str {
        "main.Inner"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Host", Value::string(self.0)), ("Port", Value::int(self.1))]
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A pointer to a struct with methods.
#[derive(Debug)]
struct Crate;

impl Object for Crate {
    fn type_name(&self) -> &'static str {
        "*main.Box"
    }

    fn kind(&self) -> Kind {
        Kind::Ptr
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Name", Value::string("crate")),
            ("Count", Value::int(3)),
            ("Inner", Value::object(Inner("h", 80))),
            ("Any", Value::Nil),
            ("Tags", Value::strings(["a"])),
        ]
    }

    fn method(&self, name: &str) -> Option<Method<'_>> {
        let (signature, call): (_, fn(&[Value]) -> CallResult) = match name {
            "Has" => (Signature::fixed(STRING), |args| Ok(Value::Bool(text(args, 0) == "crate"))),
            "Join" => (Signature::variadic(&[Type::String, Type::String]), |args| {
                let parts: Vec<String> = (1..args.len()).map(|position| text(args, position).to_string()).collect();
                Ok(Value::string(parts.join(&text(args, 0).to_str())))
            }),
            "Fail" => (Signature::fixed(&[]), |_| Err(CallError::new("box failed"))),
            _ => return None,
        };
        Some(Method { signature, call: Box::new(call) })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
