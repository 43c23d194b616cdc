//! Pictures in terminals that can show them, each drawn over the one before it.

use data_encoding::BASE64;
use settings::World;

/// How high a picture is, in lines.
const ROWS: usize = 16;
/// The number under which kitty knows our picture, so that the next one replaces it.
const ID: u32 = 0x67_63;
/// The longest piece that kitty takes.
const PIECE: usize = 4096;

/// How a terminal takes pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// kitty's: PNG only.
    Kitty,
    /// iTerm2's: any common format.
    Iterm,
}

impl Protocol {
    /// What the terminal is known to take, by the variables that it sets. Nothing inside of tmux and screen, which don't pass pictures on.
    pub fn of(world: &World) -> Option<Self> {
        let is = |name, values: &[&str]| world.var(name).is_some_and(|value| values.contains(&value));
        let term = world.var("TERM").unwrap_or_default();
        if world.var("TMUX").or(world.var("STY")).is_some() || term.starts_with("screen") || term.starts_with("tmux") {
            None
        } else if world.var("KITTY_WINDOW_ID").is_some()
            || matches!(term, "xterm-kitty" | "xterm-ghostty")
            || is("TERM_PROGRAM", &["ghostty"])
        {
            Some(Self::Kitty)
        } else if is("TERM_PROGRAM", &["iTerm.app", "WezTerm"]) || is("LC_TERMINAL", &["iTerm2"]) {
            Some(Self::Iterm)
        } else {
            None
        }
    }

    /// The bytes that draw the picture in the lines above the cursor, which stays where it is; `first` makes room for it.
    pub(super) fn draw(self, image: &[u8], first: bool) -> Vec<u8> {
        let mut bytes = if first { vec![b'\n'; ROWS] } else { Vec::new() };
        bytes.extend(format!("\u{1b}7\u{1b}[{ROWS}A\r").bytes());
        match self {
            Self::Kitty => kitty(&mut bytes, &BASE64.encode(image)),
            Self::Iterm => {
                let size = image.len();
                let head =
                    format!("\u{1b}]1337;File=inline=1;size={size};height={ROWS};preserveAspectRatio=1;doNotMoveCursor=1:");
                bytes.extend(head.bytes().chain(BASE64.encode(image).bytes()).chain([0x07]));
            }
        }
        bytes.extend(b"\x1b8");
        bytes
    }
}

fn kitty(bytes: &mut Vec<u8>, encoded: &str) {
    let mut pieces = encoded.as_bytes().chunks(PIECE).peekable();
    let mut keys = format!("a=T,f=100,i={ID},p=1,q=2,C=1,r={ROWS},");
    while let Some(piece) = pieces.next() {
        let more = u8::from(pieces.peek().is_some());
        bytes.extend(format!("\u{1b}_G{keys}m={more};").bytes().chain(piece.iter().copied()).chain(*b"\x1b\\"));
        keys.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn terminals_are_known_by_what_they_set() {
        let of = |vars: &[(&str, &str)]| {
            let world = World::for_tests(Path::new("/"));
            Protocol::of(&vars.iter().fold(world, |world, (name, value)| world.with_env(name, value)))
        };
        assert_eq!(of(&[("TERM", "xterm-256color")]), None);
        assert_eq!(of(&[("TERM", "xterm-kitty")]), Some(Protocol::Kitty));
        assert_eq!(of(&[("TERM_PROGRAM", "ghostty")]), Some(Protocol::Kitty));
        assert_eq!(of(&[("TERM_PROGRAM", "iTerm.app")]), Some(Protocol::Iterm));
        assert_eq!(of(&[("LC_TERMINAL", "iTerm2")]), Some(Protocol::Iterm));
        assert_eq!(of(&[("KITTY_WINDOW_ID", "1"), ("TMUX", "/tmp/tmux,1,0")]), None);
    }

    #[test]
    fn a_picture_is_sent_in_pieces_and_the_cursor_stays() {
        let drawn = |protocol: Protocol, image: &[u8], first| {
            String::from_utf8(protocol.draw(image, first)).unwrap().replace('\u{1b}', "ESC").replace('\u{7}', "BEL")
        };
        assert_eq!(
            drawn(Protocol::Iterm, b"abc", false),
            "ESC7ESC[16A\rESC]1337;File=inline=1;size=3;height=16;preserveAspectRatio=1;doNotMoveCursor=1:YWJjBELESC8"
        );
        assert_eq!(
            drawn(Protocol::Kitty, b"abc", true),
            "\n".repeat(16) + "ESC7ESC[16A\rESC_Ga=T,f=100,i=26467,p=1,q=2,C=1,r=16,m=0;YWJjESC\\ESC8"
        );
        let long = drawn(Protocol::Kitty, &[0; 4000], false);
        assert_eq!(long.matches("ESC_G").count(), 2);
        assert!(long.contains("ESC\\ESC_Gm=0;"), "only the first piece has the keys");
    }
}
