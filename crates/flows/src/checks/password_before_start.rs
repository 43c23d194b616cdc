//! `password-before-start`: the login folder holds PASSWORD before ComfyUI starts, or the first visitor sets the password.

use std::path::Path;

use auth_core::LoginToken;
use report::{CheckId, Finding};
use token_sync::FileFacts;

use super::{fail, pass, warn};
use crate::answers;

pub(super) const ID: CheckId = CheckId("password-before-start");

/// What the login folder holds.
pub(crate) enum Held {
    /// A token, and whose file it is in.
    Token(LoginToken, FileFacts),
    /// A file without one.
    Blank,
    /// No file.
    Nothing,
    /// It can't be told.
    Unknown(token_sync::Error),
}

/// What is at `path`.
pub(crate) fn look(path: &Path) -> Held {
    match token_sync::read_password_file(path) {
        Ok(Some((file, facts))) => file.token().map_or(Held::Blank, |token| Held::Token(token.clone(), facts)),
        Ok(None) => Held::Nothing,
        Err(error) => Held::Unknown(error),
    }
}

/// Judges what is `held` at the place that is `shown`. `wanted` is the source's token, if there is a source; `writes`, whether this
/// journey writes what is missing.
pub(crate) fn judge(shown: &str, held: &Held, wanted: Option<&LoginToken>, writes: bool) -> Finding {
    let made = "make a source of truth, and PASSWORD with it: `genai-auth setup --comfy-dir DIR`";
    match (held, wanted) {
        (Held::Token(token, _), Some(wanted)) if token != wanted => {
            warn(ID, format!("`{shown}` holds another token than the source of truth"))
                .hint("write it again: `genai-tokens sync`")
        }
        (Held::Token(..), _) => pass(ID, format!("`{shown}` holds a token")),
        (Held::Nothing, Some(_)) if writes => pass(ID, format!("`{shown}` is written from the source of truth")),
        (Held::Nothing, Some(_)) => fail(ID, format!("there is no `{shown}`: the first visitor would set the password"))
            .hint("write it from the source of truth: `genai-stack up`, or `genai-tokens sync`"),
        (Held::Nothing, None) => fail(
            ID,
            format!("there is no `{shown}`: the first visitor would set the password, and an empty token would open the server"),
        )
        .hint(made),
        (Held::Blank, wanted) => {
            let again = if wanted.is_some() { "then `genai-stack up` writes it from the source of truth" } else { made };
            fail(ID, format!("`{shown}` is blank: an empty token would open the server")).hint(format!("remove it; {again}"))
        }
        (Held::Unknown(error), _) => fail(ID, format!("`{shown}` can't be read: {}", answers::chain(error)))
            .hint("run this as a user who may read it: whether it guards the server must be known before the start"),
    }
}

/// The finding where the container sees no `login` folder of this machine.
pub(crate) fn unmounted(what: &str) -> Finding {
    fail(ID, format!("{what} mounts no `login` folder: the first visitor would set the password"))
        .hint("say where it is: `login` in `[stack.mounts]` of genai.toml; then `genai-stack up`")
}

/// The finding through an engine whose folders are not ours to look at.
pub(crate) fn elsewhere(is_allowed: bool) -> Finding {
    super::elsewhere(ID, "whether the container's user can read a PASSWORD can't be told", is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_in_it_nothing_is_started() {
        let token = |text: &str| LoginToken::new(text).unwrap();
        let (own, other) = (token("one"), token("other"));
        let outcome = |held: &Held, wanted| judge("login/PASSWORD", held, wanted, true).outcome.name();
        let held = |token: &LoginToken| Held::Token(token.clone(), FileFacts { uid: 0, gid: 0, mode: 0o600 });
        assert_eq!(outcome(&held(&own), Some(&own)), "pass");
        assert_eq!(outcome(&held(&own), None), "pass");
        assert_eq!(outcome(&held(&other), Some(&own)), "warn");
        assert_eq!(outcome(&Held::Nothing, Some(&own)), "pass");
        assert_eq!(judge("login/PASSWORD", &Held::Nothing, Some(&own), false).outcome.name(), "fail", "nobody writes it");
        assert_eq!(outcome(&Held::Nothing, None), "fail");
        assert_eq!(outcome(&Held::Blank, Some(&own)), "fail");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("PASSWORD");
        assert!(matches!(look(&path), Held::Nothing));
        std::fs::write(&path, "\nann\n").unwrap();
        assert!(matches!(look(&path), Held::Blank));
        std::fs::write(&path, "one\nann\n").unwrap();
        assert!(matches!(look(&path), Held::Token(..)));
        assert_eq!(unmounted("the container `p-ui-1`").outcome.name(), "fail");
        assert_eq!((elsewhere(false).outcome.name(), elsewhere(true).outcome.name()), ("unknown", "skipped"));
    }
}
