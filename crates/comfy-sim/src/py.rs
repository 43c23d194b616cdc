//! The few rules of Python that show on the wire: truth, `str()`, `repr()`, `int()`, `float()`, and lookups that raise.
//!
//! ComfyUI answers 500 wherever a handler raises, and quotes Python values inside its validation errors.

pub(crate) mod json;
pub(crate) mod path;

use std::path::Path;

use serde_json::{Number, Value};

/// An exception of the emulated server: its type and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raised {
    /// The Python type, as `execution_error` names it.
    pub(crate) kind: &'static str,
    /// What `str()` of the exception says.
    pub(crate) text: String,
}

impl Raised {
    pub(crate) fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(crate) fn type_error(text: impl Into<String>) -> Self {
        Self::new("TypeError", text)
    }
}

/// The lines of a traceback through these lines and functions of `execution.py`, the outermost first. There is no Python
/// here, so it says where the real server would have been, without the code there.
pub(crate) fn traceback(base: &Path, calls: &[(u32, &str)]) -> Vec<String> {
    let file = base.join("execution.py");
    calls.iter().map(|(line, name)| format!("  File \"{}\", line {line}, in {name}\n", file.display())).collect()
}

/// What `type(value).__name__` says.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// What `bool(value)` says.
pub(crate) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64().is_some_and(|f| f != 0.0),
        Value::String(s) => !s.is_empty(),
        Value::Array(a) => !a.is_empty(),
        Value::Object(o) => !o.is_empty(),
    }
}

/// `key in value`, where `value` is what a client sent as its JSON body.
pub(crate) fn contains(value: &Value, key: &str) -> Result<bool, Raised> {
    match value {
        Value::Object(o) => Ok(o.contains_key(key)),
        Value::Array(a) => Ok(a.iter().any(|v| v.as_str() == Some(key))),
        Value::String(s) => Ok(s.contains(key)),
        _ => Err(Raised::type_error(format!("argument of type '{}' is not iterable", type_name(value)))),
    }
}

/// `value[key]` with a string key: only a dictionary has one.
pub(crate) fn item<'v>(value: &'v Value, key: &str) -> Result<&'v Value, Raised> {
    match value {
        Value::Object(o) => o.get(key).ok_or_else(|| Raised::new("KeyError", quote(key))),
        Value::String(_) => Err(Raised::type_error("string indices must be integers, not 'str'")),
        Value::Array(_) => Err(Raised::type_error("list indices must be integers or slices, not str")),
        _ => Err(Raised::type_error(format!("'{}' object is not subscriptable", type_name(value)))),
    }
}

/// `value.get(key)`: only a dictionary has that method.
pub(crate) fn get<'v>(value: &'v Value, key: &str) -> Result<Option<&'v Value>, Raised> {
    match value {
        Value::Object(o) => Ok(o.get(key)),
        _ => Err(no_attribute(value, "get")),
    }
}

/// The `AttributeError` of a value that lacks `name`.
pub(crate) fn no_attribute(value: &Value, name: &str) -> Raised {
    Raised::new("AttributeError", format!("'{}' object has no attribute '{name}'", type_name(value)))
}

/// What a `for` loop over the value yields.
pub(crate) fn each(value: &Value) -> Result<Vec<Value>, Raised> {
    match value {
        Value::Array(a) => Ok(a.clone()),
        Value::String(s) => Ok(s.chars().map(|c| Value::String(c.to_string())).collect()),
        Value::Object(o) => Ok(o.keys().cloned().map(Value::String).collect()),
        _ => Err(Raised::type_error(format!("'{}' object is not iterable", type_name(value)))),
    }
}

/// `str(value)`.
pub(crate) fn str_of(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        other => repr(other),
    }
}

/// `repr(value)`.
pub(crate) fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(n) => json::number(n),
        Value::String(s) => quote(s),
        Value::Array(a) => format!("[{}]", a.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Value::Object(o) => {
            let pairs: Vec<_> = o.iter().map(|(k, v)| format!("{}: {}", quote(k), repr(v))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

/// `repr()` of a string: single quotes, unless only those occur inside.
pub(crate) fn quote(text: &str) -> String {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(mark);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == mark => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(mark);
    out
}

/// `int(value)`.
pub(crate) fn int_of(value: &Value) -> Result<Value, Raised> {
    match value {
        Value::Bool(b) => Ok(Value::from(u8::from(*b))),
        Value::Number(n) => Ok(match n.as_f64() {
            Some(f) if n.is_f64() => whole(f.trunc()),
            _ => value.clone(),
        }),
        Value::String(s) => int_of_str(s)
            .ok_or_else(|| Raised::new("ValueError", format!("invalid literal for int() with base 10: {}", quote(s)))),
        other => Err(Raised::type_error(format!(
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            type_name(other)
        ))),
    }
}

/// `float(value)`.
pub(crate) fn float_of(value: &Value) -> Result<f64, Raised> {
    match value {
        Value::Bool(b) => Ok(f64::from(u8::from(*b))),
        Value::Number(n) => Ok(n.as_f64().unwrap_or(f64::NAN)),
        Value::String(s) => {
            float_of_str(s).ok_or_else(|| Raised::new("ValueError", format!("could not convert string to float: {}", quote(s))))
        }
        other => {
            Err(Raised::type_error(format!("float() argument must be a string or a real number, not '{}'", type_name(other))))
        }
    }
}

/// A whole float as the integer that Python would make of it; what fits no 64 bits stays a float.
fn whole(f: f64) -> Value {
    if (0.0..18_446_744_073_709_551_616.0).contains(&f) {
        Value::from(f as u64)
    } else if (-9_223_372_036_854_775_808.0..0.0).contains(&f) {
        Value::from(f as i64)
    } else {
        Number::from_f64(f).map_or(Value::Null, Value::Number)
    }
}

/// The digits of a Python number literal: blanks around are cut, single underscores between digits are dropped.
fn literal(text: &str) -> Option<String> {
    let text = text.trim();
    if text.starts_with('_') || text.ends_with('_') || text.contains("__") {
        return None;
    }
    Some(text.replace('_', ""))
}

fn int_of_str(text: &str) -> Option<Value> {
    let digits = literal(text)?;
    let bare = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    if bare.is_empty() || !bare.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if let Ok(n) = digits.parse::<i64>() {
        return Some(Value::from(n));
    }
    digits.parse::<u64>().map(Value::from).ok().or_else(|| digits.parse::<f64>().ok().map(whole))
}

/// `int(text)` as a small number, for query parameters and file counters.
pub(crate) fn small_int(text: &str) -> Option<i64> {
    int_of_str(text)?.as_i64()
}

fn float_of_str(text: &str) -> Option<f64> {
    literal(text)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_read_as_python_shows_them() {
        for (value, shown) in [
            (json!(null), "None"),
            (json!(true), "True"),
            (json!(3), "3"),
            (json!(3.0), "3.0"),
            (json!(1e20), "1e+20"),
            (json!("it's"), "\"it's\""),
            (json!(["a", 1, {"k": "v\n"}]), "['a', 1, {'k': 'v\\n'}]"),
        ] {
            assert_eq!(repr(&value), shown);
        }
        assert_eq!(str_of(&json!("plain")), "plain");
    }

    proptest::proptest! {
        #[test]
        fn whole_numbers_read_back(number: i64, noise in "[-+_0-9 ]{0,30}|.*") {
            assert_eq!(small_int(&number.to_string()), Some(number));
            let _ = (int_of_str(&noise), float_of_str(&noise), quote(&noise));
        }
    }

    #[test]
    fn int_takes_what_python_takes() {
        for (value, made) in [
            (json!(7.9), Some(json!(7))),
            (json!(-7.9), Some(json!(-7))),
            (json!(true), Some(json!(1))),
            (json!(" 1_000 "), Some(json!(1000))),
            (json!("+4"), Some(json!(4))),
            (json!("18446744073709551615"), Some(json!(u64::MAX))),
            (json!("1__0"), None),
            (json!("1.5"), None),
            (json!(""), None),
            (json!(null), None),
            (json!({}), None),
        ] {
            assert_eq!(int_of(&value).ok(), made, "{value}");
        }
        assert_eq!(int_of(&json!("wide")).map_err(|r| r.text), Err("invalid literal for int() with base 10: 'wide'".to_owned()));
    }

    #[test]
    fn lookups_raise_where_python_raises() {
        assert_eq!(contains(&json!(["prompt"]), "prompt"), Ok(true));
        assert_eq!(contains(&json!("a prompt"), "prompt"), Ok(true));
        assert!(contains(&json!(null), "prompt").is_err());
        assert!(get(&json!([]), "prompt_id").is_err());
        assert_eq!(item(&json!({}), "99").map_err(|r| r.text), Err("'99'".to_owned()));
        assert!(truthy(&json!("0")) && !truthy(&json!(0)) && !truthy(&json!({})));
    }
}
