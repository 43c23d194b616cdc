//! What Compose makes of a scalar without quotes: `0x1F`, `1.10` and `yes` are no texts to YAML, and the container sees the
//! number as the program prints it. Compose 2 reads YAML as Go's yaml.v3 does, Compose 1 as PyYAML does.

use super::{
    Compose,
    tree::{Kind, Node, TEXT},
};

/// A value, as Compose sees it.
#[derive(Debug, PartialEq)]
pub(super) enum Plain {
    Null,
    Text(String),
    /// A number or a truth value, as it is printed.
    Other(String),
}

impl Plain {
    /// What a container gets; `None` for null.
    pub(super) fn into_text(self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Text(text) | Self::Other(text) => Some(text),
        }
    }
}

/// What `node` is.
///
/// # Errors
/// What Compose refuses, and the few spellings whose outcome nobody would guess.
pub(super) fn resolve(node: &Node, compose: Compose) -> Result<Plain, &'static str> {
    let Kind::Scalar(text) = &node.kind else { return Err("a list or map where a value must be") };
    let text = text.as_deref().unwrap_or_default();
    match (node.tag.as_deref(), compose) {
        (None, _) => {}
        (Some(TEXT), _) => return Ok(Plain::Text(text.to_owned())),
        (Some(tag), Compose::V2) if tag.starts_with('!') => return Ok(Plain::Text(text.to_owned())),
        (Some(_), _) => return Err("a value with a tag: write it in quotes"),
    }
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Ok(Plain::Null);
    }
    match compose {
        Compose::V2 => go(text),
        Compose::V1 => python(text),
    }
    .map(|other| other.map_or_else(|| Plain::Text(text.to_owned()), Plain::Other))
}

type Printed = Result<Option<String>, &'static str>;

const DATE: &str = "a date without quotes, of which Compose makes another text: write it in quotes";
const INFINITE: &str = "a number that Compose refuses: write it in quotes";

/// What stands for `text` in Go's eyes; `None` if it is a text.
fn go(text: &str) -> Printed {
    if let "true" | "True" | "TRUE" | "false" | "False" | "FALSE" = text {
        return Ok(Some(text.to_ascii_lowercase()));
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if is_infinite(unsigned) {
        return Err(INFINITE);
    }
    if is_date(text) {
        return Err(DATE);
    }
    if !unsigned.starts_with(|sign: char| sign.is_ascii_digit() || sign == '.') {
        return Ok(None);
    }
    // A number that starts with its point has no `_`.
    let digits = if text.starts_with('.') { text.to_owned() } else { text.replace('_', "") };
    let whole = whole(&digits.to_ascii_lowercase(), &[("0x", 16), ("0o", 8), ("0b", 2), ("0", 8)]);
    let fits = |number: &i128| i64::try_from(*number).is_ok() || (u64::try_from(*number).is_ok() && !digits.starts_with('+'));
    if let Some(number) = whole.filter(fits) {
        return Ok(Some(number.to_string()));
    }
    Ok(is_decimal(&digits, false)
        .then(|| digits.parse::<f64>().ok())
        .flatten()
        .filter(|it| it.is_finite())
        .map(|it| float(it, 6)))
}

/// What stands for `text` in Python's eyes; `None` if it is a text.
fn python(text: &str) -> Printed {
    let (word, tail) = text.split_at_checked(1).unwrap_or((text, ""));
    let lower = text.to_ascii_lowercase();
    let is_word = tail == &lower[word.len()..] || text == text.to_ascii_uppercase();
    if is_word && matches!(lower.as_str(), "yes" | "no" | "true" | "false" | "on" | "off") {
        return Err("a truth value, which Compose 1 refuses: write it in quotes");
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if is_infinite(unsigned) {
        return Err(INFINITE);
    }
    if is_date(text) || text == "=" {
        return Err("a value that Compose 1 can't read: write it in quotes");
    }
    if !unsigned.starts_with(|sign: char| sign.is_ascii_digit() || sign == '.') {
        return Ok(None);
    }
    if unsigned.contains(':') && unsigned.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'_' | b'.')) {
        return Err("digits and `:` without quotes, which Compose 1 may take for a number to the base 60: write them in quotes");
    }
    let digits = text.replace('_', "");
    if let Some(number) = whole(&digits, &[("0x", 16), ("0b", 2), ("0", 8)]) {
        return Ok(Some(number.to_string()));
    }
    let is_signed_point = text.starts_with(['+', '-']) && unsigned.starts_with('.'); // a text to PyYAML
    let number = (!is_signed_point && is_decimal(&digits, true)).then(|| digits.parse::<f64>().ok()).flatten();
    Ok(number.map(|number| {
        let printed = float(number, 16);
        if printed.contains(['.', 'e', 'n']) { printed } else { format!("{printed}.0") }
    }))
}

fn is_infinite(unsigned: &str) -> bool {
    matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN")
}

/// A whole number, its base told by one of `prefixes`.
fn whole(text: &str, prefixes: &[(&str, u32)]) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let based = prefixes.iter().find_map(|(prefix, base)| Some((digits.strip_prefix(prefix)?, *base)));
    let (digits, base) = based.filter(|(digits, _)| !digits.is_empty()).unwrap_or((digits, 10));
    let is_plain = digits.starts_with(|sign: char| sign.is_ascii_alphanumeric());
    i128::from_str_radix(digits, base).ok().filter(|_| is_plain).map(|number| sign * number)
}

/// Whether it is a number with a point or an exponent; Python wants both the point and the exponent's sign.
fn is_decimal(text: &str, is_python: bool) -> bool {
    let (mantissa, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let unsigned = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (before, after) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_mantissa = digits(before) && digits(after) && !(before.is_empty() && after.is_empty());
    let has_exponent = exponent.is_none_or(|exponent| {
        let unsigned = exponent.strip_prefix(['+', '-']);
        let unsigned = if is_python { unsigned.unwrap_or_default() } else { unsigned.unwrap_or(exponent) };
        !unsigned.is_empty() && digits(unsigned)
    });
    has_mantissa && has_exponent && (!is_python || unsigned.contains('.'))
}

/// The shortest digits that mean `number`, with an exponent if it is under -4 or at least `most`, as Go and Python print it.
fn float(number: f64, most: i32) -> String {
    let short = format!("{number:e}");
    let Some((digits, exponent)) = short.split_once('e') else { return short }; // infinite
    match exponent.parse::<i32>() {
        Ok(exponent) if exponent < -4 || exponent >= most => {
            format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => number.to_string(),
    }
}

/// Whether it starts as a date does, and goes on as a time, if at all.
fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let mut digits = |lengths: std::ops::RangeInclusive<usize>| {
        let part = parts.next().unwrap_or_default();
        let length = part.bytes().take_while(u8::is_ascii_digit).count();
        lengths.contains(&length).then(|| &part[length..])
    };
    let (year, month, day) = (digits(4..=4), digits(1..=2), digits(1..=2));
    year == Some("") && month == Some("") && day.is_some_and(|rest| rest.is_empty() || rest.starts_with(['T', 't', ' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was read by the real program: Compose 2.26.1, Compose 1.29.2; `None` where it refuses the file.
    #[test]
    fn scalars_are_what_the_real_programs_see() {
        type Row<'a> = (&'a str, Option<&'a str>, Option<&'a str>);
        let rows: &[Row<'_>] = &[
            ("0x1F", Some("31"), Some("31")),
            ("-0x1F", Some("-31"), Some("-31")),
            ("0x_1F", Some("31"), Some("31")),
            ("0xFFFFFFFFFFFFFFFFF", Some("0xFFFFFFFFFFFFFFFFF"), Some("295147905179352825855")),
            ("0x", Some("0x"), Some("0x")),
            ("0x1.8p3", Some("0x1.8p3"), Some("0x1.8p3")),
            ("017", Some("15"), Some("15")),
            ("-017", Some("-15"), Some("-15")),
            ("08", Some("8"), Some("08")),
            ("0o17", Some("15"), Some("0o17")),
            ("0O17", Some("15"), Some("0O17")),
            ("0b101", Some("5"), Some("5")),
            ("00", Some("0"), Some("0")),
            ("-0", Some("0"), Some("0")),
            ("-0.0", Some("-0"), Some("-0.0")),
            ("+5", Some("5"), Some("5")),
            ("1_000", Some("1000"), Some("1000")),
            ("1__0", Some("10"), Some("10")),
            ("_1", Some("_1"), Some("_1")),
            ("1_0.5", Some("10.5"), Some("10.5")),
            ("1.10", Some("1.1"), Some("1.1")),
            ("100.0", Some("100"), Some("100.0")),
            (".5", Some("0.5"), Some("0.5")),
            ("+.5", Some("0.5"), Some("+.5")),
            ("0X1F", Some("31"), Some("0X1F")),
            ("5.", Some("5"), Some("5.0")),
            ("1e3", Some("1000"), Some("1e3")),
            ("1.0e+3", Some("1000"), Some("1000.0")),
            ("1e6", Some("1e+06"), Some("1e6")),
            ("1e400", Some("1e400"), Some("1e400")),
            ("0.00001", Some("1e-05"), Some("1e-05")),
            ("123456789.5", Some("1.234567895e+08"), Some("123456789.5")),
            ("1.0e+16", Some("1e+16"), Some("1e+16")),
            ("9223372036854775808", Some("9223372036854775808"), Some("9223372036854775808")),
            ("18446744073709551616", Some("1.8446744073709552e+19"), Some("18446744073709551616")),
            ("True", Some("true"), None),
            ("tRue", Some("tRue"), Some("tRue")),
            ("yes", Some("yes"), None),
            ("Off", Some("Off"), None),
            ("y", Some("y"), Some("y")),
            (".inf", None, None),
            ("inf", Some("inf"), Some("inf")),
            ("2001-12-14", None, None),
            ("2001-12-14x", Some("2001-12-14x"), Some("2001-12-14x")),
            ("=", Some("="), None),
            ("1.2.3", Some("1.2.3"), Some("1.2.3")),
            ("TRUE", Some("true"), None),
            ("10:20", Some("10:20"), None),
            ("é", Some("é"), Some("é")),
        ];
        for (text, two, one) in rows {
            let node = Node::new(Kind::Scalar(Some((*text).to_owned())), 0..0);
            for (compose, expected) in [(Compose::V2, two), (Compose::V1, one)] {
                let seen = resolve(&node, compose).ok().and_then(Plain::into_text);
                assert_eq!(seen.as_deref(), *expected, "{text} {compose:?}");
            }
        }
    }

    #[test]
    fn a_tag_says_more_than_the_text() {
        let seen = |tag: &str, compose| {
            let scalar = Node::new(Kind::Scalar(Some("1.10".to_owned())), 0..0);
            resolve(&Node { tag: Some(tag.to_owned()), ..scalar }, compose)
        };
        assert_eq!(seen(TEXT, Compose::V1), Ok(Plain::Text("1.10".to_owned())));
        assert_eq!(seen("!own", Compose::V2), Ok(Plain::Text("1.10".to_owned())));
        assert!(seen("!own", Compose::V1).is_err() && seen("tag:yaml.org,2002:binary", Compose::V2).is_err());
    }
}
