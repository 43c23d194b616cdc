//! The name under which a server's file may lie on this machine.

use crate::error::{Error, ErrorKind};

/// The last part of the server's name, if it can only ever name a file in the folder that it is put in.
pub(super) fn safe(name: &str) -> Result<&str, Error> {
    // ComfyUI too takes the last part only.
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let odd = last.chars().any(|letter| letter.is_control() || matches!(letter, ':' | '*' | '?' | '"' | '<' | '>' | '|'));
    if last.trim_matches([' ', '.']).is_empty() || odd || last.ends_with([' ', '.']) {
        return Err(Error::new(ErrorKind::Protocol, format!("`{}` cannot be the name of a file here", name.escape_debug()))
            .hint("view it instead, and save it under a name of your own"));
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_never_leaves_its_folder() {
        for (name, kept) in [
            ("a.png", "a.png"),
            ("../../etc/passwd", "passwd"),
            ("v\\b.mp4", "b.mp4"),
            ("/x", "x"),
            (".hidden", ".hidden"),
            ("ü 1.png", "ü 1.png"),
        ] {
            assert_eq!(safe(name).unwrap(), kept);
        }
        for name in ["", ".", "..", "a/..", "a/", "x\0.png", "a\n", "c:x", "con?", " ", "x."] {
            assert_eq!(safe(name).unwrap_err().kind(), ErrorKind::Protocol, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_kept_is_one_plain_component(name in any::<String>()) {
            if let Ok(kept) = safe(&name) {
                let parts: Vec<_> = std::path::Path::new(kept).components().collect();
                prop_assert!(matches!(parts[..], [std::path::Component::Normal(part)] if part == kept));
            }
        }
    }
}
