//! How wide a text is on a terminal.

/// The columns that a text takes.
pub(super) fn width_of(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// The text, or so much of it as goes into so many columns, with a sign that there is more.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width_of(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |letter: &char| {
        let fits = width(*letter) <= left;
        left = left.saturating_sub(width(*letter));
        fits
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// Whether a terminal shows the letter, and does nothing else with it.
pub(super) fn is_shown(letter: char) -> bool {
    // Signs that turn the direction of writing, or join lines, are neither.
    !letter.is_control()
        && !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// East Asian letters and pictures take two columns; marks that stand on others are counted as one, which is never too little.
fn width(letter: char) -> usize {
    let wide = matches!(u32::from(letter),
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xa960..=0xa97c | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60
        | 0xffe0..=0xffe6 | 0x1f000..=0x1ffff | 0x20000..=0x3fffd);
    if wide { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_to_its_columns() {
        for (text, columns, expected) in
            [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("图图图", 4, "图…"), ("图图", 4, "图图"), ("ab", 0, "…")]
        {
            assert_eq!(cut(text, columns), expected);
        }
    }
}
