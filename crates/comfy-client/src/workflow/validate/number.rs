//! Numbers as the server takes them: Python's `int()` and `float()`, whole numbers exactly.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Whole(i128),
    Real(f64),
}

impl Number {
    /// A JSON number as it stands.
    pub(super) fn plain(value: &Value) -> Option<Self> {
        let whole = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
        whole.map(Self::Whole).or_else(|| value.as_f64().map(Self::Real))
    }

    /// What `int()` makes of it.
    pub(super) fn int(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Whole((*value).into())),
            Value::String(text) => digits(text).parse().ok().map(Self::Whole),
            value => Self::plain(value).map(|number| match number {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "int() cuts the fraction off; what is beyond i128 is beyond every limit"
                )]
                Self::Real(real) => Self::Whole(real as i128),
                whole => whole,
            }),
        }
    }

    /// What `float()` makes of it.
    pub(super) fn float(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Real(f64::from(u8::from(*value)))),
            Value::String(text) => digits(text).parse().ok().map(Self::Real),
            value => Self::plain(value),
        }
    }

    fn real(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "compared with a real number, as Python shows it")]
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }
}

/// Python lets blanks stand around a number, and single underscores between its digits.
fn digits(text: &str) -> String {
    let text = text.trim();
    let bytes = text.as_bytes();
    let between = |at: usize| {
        [at.checked_sub(1), at.checked_add(1)]
            .map(|at| at.and_then(|at| bytes.get(at)))
            .iter()
            .all(|byte| byte.is_some_and(u8::is_ascii_digit))
    };
    if text.match_indices('_').all(|(at, _)| between(at)) { text.replace('_', "") } else { text.to_owned() }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Some(one.cmp(other)),
            _ => self.real().partial_cmp(&other.real()),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(whole) => whole.fmt(f),
            Self::Real(real) => real.fmt(f),
        }
    }
}

/// Whether two values are equal to Python, where 1, 1.0 and true are.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Bool(value) => Some(Number::Whole((*value).into())),
        value => Number::plain(value),
    };
    one == other || number(one).zip(number(other)).is_some_and(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_made_as_python_makes_them() {
        for (value, int, float) in [
            (json!(7), Some("7"), Some("7")),
            (json!(7.9), Some("7"), Some("7.9")),
            (json!(" 1_0 "), Some("10"), Some("10")),
            (json!("1__0"), None, None),
            (json!("_1"), None, None),
            (json!("7.5"), None, Some("7.5")),
            (json!(true), Some("1"), Some("1")),
            (json!(u64::MAX), Some("18446744073709551615"), Some("18446744073709551615")),
            (json!(18_446_744_073_709_551_616.0), Some("18446744073709551616"), Some("18446744073709552000")),
            (json!(null), None, None),
            (json!("x"), None, None),
            (json!({}), None, None),
        ] {
            assert_eq!(Number::int(&value).map(|number| number.to_string()).as_deref(), int, "{value}");
            assert_eq!(Number::float(&value).map(|number| number.to_string()).as_deref(), float, "{value}");
        }
        assert!(Number::int(&json!(18_446_744_073_709_551_616.0)) > Number::int(&json!(u64::MAX)));
        assert!(same(&json!(1), &json!(1.0)) && same(&json!(true), &json!(1)) && !same(&json!("1"), &json!(1)));
    }
}
