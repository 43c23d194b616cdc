//! `json.loads`: what serde_json reads, and what only Python reads besides.
//!
//! A [`Value`] holds no NaN, no infinity, no integer beyond 64 bits and no half of a surrogate pair. They are kept in
//! texts of private characters, which [`dumps`](super::dumps) writes as what they stand for.

use serde_json::{Map, Number, Value};

use crate::py::Raised;

/// The first character of a text that stands for a number.
const MARK: char = '\u{10f7ff}';

/// Half a surrogate pair is kept as the character that is this much further.
const HALF: u32 = 0x10_f800 - 0xd800;

/// How deep Python reads.
const DEPTH: usize = 990;

/// How many digits Python reads as one number.
pub(crate) const DIGITS: usize = 4300;

/// What stands for a number that a [`Value`] cannot hold, in Python's own notation of JSON.
fn beyond(number: &str) -> Value {
    Value::String(format!("{MARK}{number}"))
}

/// The number that a text stands for.
pub(crate) fn as_beyond(value: &Value) -> Option<&str> {
    value.as_str()?.strip_prefix(MARK)
}

/// The number as a value, whatever it is.
pub(crate) fn of_float(float: f64) -> Value {
    let name = if float.is_nan() {
        "NaN"
    } else if float > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    Number::from_f64(float).map_or_else(|| beyond(name), Value::Number)
}

/// The code unit that a character of a text stands for, if it is half a pair.
pub(super) fn half(c: char) -> Option<u32> {
    u32::from(c).checked_sub(HALF).filter(|unit| (0xd800..0xe000).contains(unit))
}

/// The characters that [`dumps`](super::dumps) makes of [`MARK`].
pub(super) const WRITTEN_MARK: &str = r"\udbfd\udfff";

/// `json.loads(text)`.
pub(crate) fn loads(text: &str) -> Result<Value, Raised> {
    if !has_odd_number(text)
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.blank();
    if reader.at < text.len() { Err(reader.wrong("Extra data")) } else { Ok(value) }
}

/// Whether a number may have more digits than 64 bits hold, or be the integer `-0`, which serde_json takes for a float.
fn has_odd_number(text: &str) -> bool {
    let mut run = 0;
    let mut before = [b' '; 2];
    text.bytes().any(|byte| {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        let is_odd = run > 18 || (byte == b'0' && before[1] == b'-' && !before[0].is_ascii_alphanumeric());
        before = [before[1], byte];
        is_odd
    })
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn wrong(&self, what: &str) -> Raised {
        Raised::new("json.decoder.JSONDecodeError", format!("{what}: char {}", self.at))
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blank(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.rest().starts_with(word);
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    fn value(&mut self, depth: usize) -> Result<Value, Raised> {
        if depth > DEPTH {
            return Err(Raised::new("RecursionError", "maximum recursion depth exceeded while decoding a JSON document"));
        }
        self.blank();
        match self.rest().bytes().next() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::String),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Raised> {
        let mut map = Map::new();
        self.at += 1;
        self.blank();
        if self.take("}") {
            return Ok(Value::Object(map));
        }
        loop {
            self.blank();
            if !self.rest().starts_with('"') {
                return Err(self.wrong("Expecting property name enclosed in double quotes"));
            }
            let key = self.string()?;
            self.blank();
            if !self.take(":") {
                return Err(self.wrong("Expecting ':' delimiter"));
            }
            let value = self.value(depth + 1)?;
            map.insert(key, value);
            self.blank();
            if self.take("}") {
                return Ok(Value::Object(map));
            }
            if !self.take(",") {
                return Err(self.wrong("Expecting ',' delimiter"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Raised> {
        let mut list = Vec::new();
        self.at += 1;
        self.blank();
        if self.take("]") {
            return Ok(Value::Array(list));
        }
        loop {
            list.push(self.value(depth + 1)?);
            self.blank();
            if self.take("]") {
                return Ok(Value::Array(list));
            }
            if !self.take(",") {
                return Err(self.wrong("Expecting ',' delimiter"));
            }
        }
    }

    fn word(&mut self) -> Result<Value, Raised> {
        for (word, value) in [("null", Value::Null), ("true", true.into()), ("false", false.into())] {
            if self.take(word) {
                return Ok(value);
            }
        }
        for word in ["NaN", "Infinity", "-Infinity"] {
            if self.take(word) {
                return Ok(beyond(word));
            }
        }
        self.number()
    }

    fn number(&mut self) -> Result<Value, Raised> {
        let rest = self.rest();
        let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
        let start = usize::from(rest.starts_with('-'));
        let whole = if rest[start..].starts_with('0') { 1 } else { digits(start) };
        let mut end = start + whole;
        if whole == 0 {
            return Err(self.wrong("Expecting value"));
        }
        let integer = end;
        if rest[end..].starts_with('.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
        }
        if rest[end..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
            let exponent = digits(end + 1 + sign);
            end += if exponent > 0 { 1 + sign + exponent } else { 0 };
        }
        self.at += end;
        let text = &rest[..end];
        if end > integer {
            return Ok(of_float(text.parse().unwrap_or(f64::NAN)));
        }
        if whole > DIGITS {
            return Err(Raised::new("ValueError", "Exceeds the limit (4300 digits) for integer string conversion"));
        }
        Ok(integer_of(text))
    }

    fn string(&mut self) -> Result<String, Raised> {
        let mut out = String::new();
        self.at += 1;
        loop {
            let Some(c) = self.rest().chars().next() else {
                return Err(self.wrong("Unterminated string starting at"));
            };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => self.escape(&mut out)?,
                '\0'..='\u{1f}' => return Err(self.wrong("Invalid control character at")),
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), Raised> {
        for (letter, c) in
            [("\"", '"'), ("\\", '\\'), ("/", '/'), ("b", '\u{8}'), ("f", '\u{c}'), ("n", '\n'), ("r", '\r'), ("t", '\t')]
        {
            if self.take(letter) {
                out.push(c);
                return Ok(());
            }
        }
        let unit = self.unit()?;
        let before = self.at;
        let low = if (0xd800..0xdc00).contains(&unit) && self.rest().starts_with("\\u") {
            self.at += 1;
            Some(self.unit()?)
        } else {
            None
        };
        let whole = match low {
            Some(low) if (0xdc00..0xe000).contains(&low) => 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00),
            _ => {
                self.at = before;
                unit
            }
        };
        out.extend(char::from_u32(whole).or_else(|| char::from_u32(whole + HALF)));
        Ok(())
    }

    /// Four digits behind a `u`.
    fn unit(&mut self) -> Result<u32, Raised> {
        let digits = self.rest().strip_prefix('u').and_then(|rest| rest.get(..4));
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.wrong("Invalid \\uXXXX escape"))?;
        self.at += 5;
        Ok(unit)
    }
}

/// A whole number of ASCII digits, of whatever size.
pub(crate) fn integer_of(digits: &str) -> Value {
    let small = digits.parse::<i64>().map(Value::from);
    small.or_else(|_| digits.parse::<u64>().map(Value::from)).unwrap_or_else(|_| {
        let (sign, bare) = digits.strip_prefix('-').map_or(("", digits), |bare| ("-", bare));
        beyond(&format!("{sign}{}", bare.trim_start_matches(['0', '+'])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::py::json::dumps;

    #[test]
    fn what_only_python_reads_is_written_as_it_came() {
        for text in [
            r#"[NaN, Infinity, -Infinity, 123456789012345678901234567890, -99999999999999999999]"#,
            r#"{"\ud800": "a\udfff\u00e9", "b": "\ud83d\ude00"}"#,
            &format!("{}1{}", "[".repeat(900), "]".repeat(900)),
        ] {
            assert_eq!(loads(text).map(|value| dumps(&value)).as_deref(), Ok(text));
        }
        for (text, written) in [
            ("1e400", "Infinity"),
            ("-0", "0"),
            ("1.5E3", "1500.0"),
            (r#"["\ud800\u0041"]"#, r#"["\ud800A"]"#),
            (r#"{"a": 1, "b": NaN, "a": 2}"#, r#"{"a": 2, "b": NaN}"#),
        ] {
            assert_eq!(loads(text).map(|value| dumps(&value)).as_deref(), Ok(written), "{text}");
        }
        for text in ["", "NaN1", "[NaN,]", "{\"a\" NaN}", "\"\\ud80\"", "\u{feff}1", "nan", "01", "1.", "\"\u{1}\"", "[Infinity"]
        {
            assert!(loads(text).is_err(), "{text}");
        }
        assert_eq!(loads(&"9".repeat(4301)).map_err(|raised| raised.kind), Err("ValueError"));
        assert_eq!(loads(&"[".repeat(2000)).map_err(|raised| raised.kind), Err("RecursionError"));
    }

    proptest::proptest! {
        #[test]
        fn plain_json_is_read_alike_by_both_ways(text in r#"[\[\]{}",:a0-9.eE+\\u -]{0,40}"#) {
            let mut reader = Reader { text: &text, at: 0 };
            let slow = reader.value(0).ok().filter(|_| { reader.blank(); reader.at == text.len() });
            let fast = serde_json::from_str::<Value>(&text).ok().filter(|_| !has_odd_number(&text));
            assert!(fast.is_none() || slow == fast, "{fast:?} {slow:?}");
        }
    }
}
