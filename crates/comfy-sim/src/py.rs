//! The few rules of Python that show on the wire: truth, `str()`, `repr()`, `int()`, `float()`, and lookups that raise.
//!
//! ComfyUI answers 500 wherever a handler raises, and quotes Python values inside its validation errors.

pub(crate) mod json;
pub(crate) mod path;

use std::path::Path;

use serde_json::Value;

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
        Value::String(_) if json::as_beyond(value).is_some_and(|number| number.ends_with(['N', 'y'])) => "float",
        Value::String(_) if json::as_beyond(value).is_some() => "int",
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
        _ if json::as_beyond(value).is_some() => {
            Err(Raised::type_error(format!("argument of type '{}' is not iterable", type_name(value))))
        }
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
        Value::String(_) if json::as_beyond(value).is_none() => {
            Err(Raised::type_error("string indices must be integers, not 'str'"))
        }
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
        Value::String(s) if json::as_beyond(value).is_none() => Ok(s.chars().map(|c| Value::String(c.to_string())).collect()),
        Value::Object(o) => Ok(o.keys().cloned().map(Value::String).collect()),
        _ => Err(Raised::type_error(format!("'{}' object is not iterable", type_name(value)))),
    }
}

/// `str(value)`.
pub(crate) fn str_of(value: &Value) -> String {
    match value {
        Value::String(_) if json::as_beyond(value).is_some() => repr(value),
        Value::String(s) => s.clone(),
        other => repr(other),
    }
}

/// `repr(value)`.
pub(crate) fn repr(value: &Value) -> String {
    if let Some(number) = json::as_beyond(value) {
        return number.to_lowercase().replace("infinity", "inf");
    }
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
    match json::as_beyond(value) {
        Some("NaN") => return Err(Raised::new("ValueError", "cannot convert float NaN to integer")),
        Some("Infinity" | "-Infinity") => {
            return Err(Raised::new("OverflowError", "cannot convert float infinity to integer"));
        }
        Some(_) => return Ok(value.clone()),
        None => {}
    }
    match value {
        Value::Bool(b) => Ok(Value::from(u8::from(*b))),
        Value::Number(n) => Ok(match n.as_f64() {
            Some(f) if n.is_f64() => whole(f.trunc()),
            _ => value.clone(),
        }),
        Value::String(s) => int_of_str(s).ok_or_else(|| no_int(s)),
        other => Err(Raised::type_error(format!(
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            type_name(other)
        ))),
    }
}

/// The exception of `int(text)`.
pub(crate) fn no_int(text: &str) -> Raised {
    Raised::new("ValueError", format!("invalid literal for int() with base 10: {}", quote(text)))
}

/// `float(value)`.
pub(crate) fn float_of(value: &Value) -> Result<f64, Raised> {
    if let Some(number) = json::as_beyond(value) {
        let float = number.parse().unwrap_or(f64::NAN);
        let is_int = type_name(value) == "int";
        let too_large = || Raised::new("OverflowError", "int too large to convert to float");
        return if is_int && f64::is_infinite(float) { Err(too_large()) } else { Ok(float) };
    }
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

/// A whole float as the integer that Python would make of it.
fn whole(f: f64) -> Value {
    json::integer_of(&format!("{f:.0}"))
}

/// The digits of a Python number literal: blanks around are cut, single underscores between digits are dropped.
fn literal(text: &str) -> Option<String> {
    let text = text.trim();
    if text.starts_with('_') || text.ends_with('_') || text.contains("__") {
        return None;
    }
    text.chars().filter(|c| *c != '_').map(ascii_digit).collect()
}

/// The zeros of all scripts that have digits; nine others follow each.
const ZEROS: &[u32] = &[
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6, 0x0e50, 0x0ed0,
    0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
    0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450,
    0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8,
    0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// A digit of any script as one of ASCII; ASCII as it is, and nothing else.
fn ascii_digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c);
    }
    let after = ZEROS.partition_point(|zero| *zero <= u32::from(c));
    let value = u32::from(c) - ZEROS.get(after.checked_sub(1)?)?;
    char::from_digit(value, 10)
}

fn int_of_str(text: &str) -> Option<Value> {
    let digits = literal(text)?;
    let bare = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    if bare.is_empty() || bare.len() > json::DIGITS || !bare.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(json::integer_of(&digits))
}

/// `int(text)` as a small number, for query parameters and file counters; one that is not small is the largest.
pub(crate) fn small_int(text: &str) -> Option<i64> {
    let value = int_of_str(text)?;
    let is_negative = json::as_beyond(&value).is_some_and(|digits| digits.starts_with('-'));
    Some(value.as_i64().unwrap_or(if is_negative { i64::MIN } else { i64::MAX }))
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
            (json!("\u{661}\u{ff10}"), Some(json!(10))),
            (json!("123456789012345678901"), Some(json::integer_of("123456789012345678901"))),
            (json!(1e30), Some(json::integer_of("1000000000000000019884624838656"))),
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
    fn numbers_beyond_json_are_numbers() {
        for (number, kind, shown, float) in [
            (json::of_float(f64::NAN), "float", "nan", None),
            (json::of_float(f64::NEG_INFINITY), "float", "-inf", Some(f64::NEG_INFINITY)),
            (json::integer_of("100000000000000000000"), "int", "100000000000000000000", Some(1e20)),
        ] {
            assert_eq!((type_name(&number), str_of(&number).as_str()), (kind, shown));
            assert_eq!(float_of(&number).ok().filter(|float| !float.is_nan()), float);
        }
        assert_eq!(small_int("99999999999999999999"), Some(i64::MAX));
        assert_eq!(small_int("-99999999999999999999"), Some(i64::MIN));
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
