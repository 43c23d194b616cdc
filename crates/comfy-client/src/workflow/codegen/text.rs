//! Texts of a server inside of Rust: literals, and documentation that shows what was written.

use std::f64::consts;

use serde_json::Value;

/// A string literal.
pub(super) fn literal(text: &str) -> String {
    let mut made = String::from("\"");
    for letter in text.chars() {
        match letter {
            // What nobody sees, or what turns the line round, is spelled out.
            _ if letter.is_alphanumeric() || letter == ' ' => made.push(letter),
            '\'' => made.push(letter),
            _ if letter.is_ascii() => made.extend(letter.escape_default()),
            _ => made.extend(letter.escape_unicode()),
        }
    }
    made + "\""
}

/// A number, true or false, or a text as an expression of Rust.
pub(super) fn expression(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(literal(text)),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Some(format!("{whole}_i64")),
            (None, Some(whole)) => Some(format!("{whole}_u64")),
            (None, None) => number.as_f64().map(float),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A float; one that is near to a famous number is given by its bits, for which nobody suggests the famous one.
pub(super) fn float(number: f64) -> String {
    let famous = [
        consts::E,
        consts::FRAC_1_PI,
        consts::FRAC_1_SQRT_2,
        consts::FRAC_2_PI,
        consts::FRAC_2_SQRT_PI,
        consts::FRAC_PI_2,
        consts::FRAC_PI_3,
        consts::FRAC_PI_4,
        consts::FRAC_PI_6,
        consts::FRAC_PI_8,
        consts::LN_2,
        consts::LN_10,
        consts::LOG2_10,
        consts::LOG2_E,
        consts::LOG10_2,
        consts::LOG10_E,
        consts::PI,
        consts::SQRT_2,
        consts::TAU,
        // the golden ratio
        1.618_033_988_749_895,
        0.577_215_664_901_532_9,
    ];
    if famous.iter().any(|one| (number.abs() - one).abs() < 0.005) {
        return format!("f64::from_bits({:#x})", number.to_bits());
    }
    format!("{number:?}")
}

/// A code span that holds the text, whatever it is; one of nothing but space says so.
pub(super) fn code(text: &str) -> String {
    let text = one_line(text);
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let gap = if longest > 0 { " " } else { "" };
    if text.is_empty() { "nothing".to_owned() } else { format!("{fence}{gap}{text}{gap}{fence}") }
}

/// Prose of a server as one paragraph of documentation, in which nothing is mark-up.
pub(super) fn prose(text: &str) -> String {
    let words = one_line(text).split(' ').map(word).collect::<Vec<_>>().join(" ");
    // A paragraph that begins like a list, a heading or a quotation is none.
    let digits = words.len() - words.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    if digits > 0 && words[digits..].starts_with(['.', ')']) {
        return format!("{}\\{}", &words[..digits], &words[digits..]);
    }
    if words.starts_with(['#', '-', '+', '=', ':', '|', '~']) { format!("\\{words}") } else { words }
}

fn word(word: &str) -> String {
    let is_address = ["http://", "https://"].iter().any(|scheme| word.contains(scheme));
    // An address would be called a bare one: it is shown as code.
    if is_address {
        return code(word);
    }
    let mut made = String::new();
    for letter in word.chars() {
        if matches!(letter, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '$') {
            made.push('\\');
        }
        made.push(letter);
    }
    // Inside of a word an underscore is nothing but that.
    if word.trim_matches('_') == word { made.replace("\\_", "_") } else { made }
}

/// The text on one line, without what nobody sees.
fn one_line(text: &str) -> String {
    let visible: String = text.chars().map(|letter| if is_visible(letter) { letter } else { ' ' }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_visible(letter: char) -> bool {
    letter == '\'' || letter == '"' || letter == '\\' || letter.escape_debug().len() == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn literals_say_the_same_in_rust() {
        assert_eq!(literal("a\"b\\c\n{é}\u{200b}'"), r#""a\"b\\c\n{é}\u{200b}'""#);
        let made = [
            json!(-1),
            json!(u64::MAX),
            json!(0.1),
            json!(8.0),
            json!(consts::PI),
            json!(true),
            json!("x"),
            json!([1]),
            json!(null),
        ]
        .iter()
        .map(|value| expression(value).unwrap_or_default())
        .collect::<Vec<_>>();
        assert_eq!(
            made,
            ["-1_i64", "18446744073709551615_u64", "0.1", "8.0", "f64::from_bits(0x400921fb54442d18)", "true", "\"x\"", "", ""]
        );
    }

    #[test]
    fn prose_holds_no_mark_up() {
        for (text, expected) in [
            ("Loads  a\n\nmodel.", "Loads a model."),
            ("- one\n- two", "\\- one - two"),
            ("1. one", "1\\. one"),
            ("# loud", "\\# loud"),
            ("<lora:x> [y] *z* _w_ a_b", "\\<lora:x\\> \\[y\\] \\*z\\* \\_w\\_ a_b"),
            ("see https://example.com/a_b.", "see `https://example.com/a_b.`"),
            ("turned \u{202e}round\u{200b}", "turned round"),
        ] {
            assert_eq!(prose(text), expected, "{text}");
        }
        assert_eq!([code("a"), code("a`b"), code("  "), code("``")], ["`a`", "`` a`b ``", "nothing", "``` `` ```"]);
    }
}
