//! `token-in-place`: a place that holds a token holds the one of the source of truth.

use auth_core::{HashFault, LoginToken, Shape};
use report::{CheckId, Finding};
use settings::Settings;
use token_sync::Reading;

use super::{fail, pass, unknown, warn};
use crate::{
    answers, credential,
    tokens::places::{Role, Spot},
};

pub(crate) const ID: CheckId = CheckId("token-in-place");

/// `group` names the place's token among the project's distinct ones (`token A, 1f2e3d4c`); `wanted` is the source's.
pub(crate) fn judge(settings: &Settings, spot: &Spot, group: Option<&str>, wanted: Option<&LoginToken>) -> Finding {
    let (name, group) = (spot.name(settings), group.unwrap_or_default());
    let source = settings.shown(settings.source.value.path());
    let (shape, mangled) = spot.token().map_or((String::new(), false), shape);
    let finding = match (&spot.reading, spot.role) {
        (_, Role::Stray) => fail(ID, format!("{name}: ComfyUI-Login moves it over login/PASSWORD at its next start"))
            .hint(format!("remove it with `rm '{}'`", spot.path.display())),
        (Reading::Unreadable(error), Role::Found | Role::Unclaimed) => {
            unknown(ID, format!("{name}: it may hold a token"), answers::chain(error))
        }
        (Reading::Token(..), Role::Unclaimed) => {
            warn(ID, format!("{name}: a bcrypt line, and nothing says that it is this service's: it is left alone"))
                .hint(format!("if it should hold the token, add it with `genai-tokens unify --from '{source}' --also '{name}'`"))
        }
        (Reading::Token(..), _) if mangled => fail(ID, format!("{name}: {group}, {shape}")),
        (Reading::Token(..), Role::Source) => pass(ID, format!("{name}: {group}{shape}")),
        (Reading::Token(token, _), Role::Target) if Some(token) == wanted => pass(ID, format!("{name}: {group}")),
        (Reading::Token(token, _), Role::Found) if Some(token) == wanted => warn(
            ID,
            format!("{name}: {group}, in a place that the source of truth does not name, so that a rotation would miss it"),
        )
        .hint(format!("make it a target with `genai-tokens unify --from '{source}' --yes`, or remove the token there")),
        (Reading::Token(..), _) if wanted.is_none() => warn(ID, format!("{name}: {group}{shape}")),
        (Reading::Token(..), _) => fail(ID, format!("{name}: {group}, not the source's{shape}")),
        (reading, _) => fail(ID, format!("{name}: {}", credential::lack(reading))),
    };
    finding.at(settings.shown(&spot.path))
}

/// The finding for a target that is not looked at.
pub(crate) fn refused(path: &str, error: &settings::Error) -> Finding {
    error.hints().iter().fold(fail(ID, error.to_string()), Finding::hint).at(path)
}

/// What is odd about a token's shape, and whether it is a damaged one.
fn shape(token: &LoginToken) -> (String, bool) {
    match token.shape() {
        Shape::Bcrypt(_) => (String::new(), false),
        Shape::NotBcrypt(HashFault::Mangled(mangling)) => (mangling.to_string(), true),
        Shape::NotBcrypt(fault @ HashFault::Impossible { .. }) => (format!(", {fault}"), false),
        Shape::NotBcrypt(fault) => (format!(", not a bcrypt hash: {fault}"), false),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn spot(role: Role, token: &str) -> Spot {
        Spot { path: PathBuf::from("x"), role, target: None, reading: Reading::Token(LoginToken::new(token).unwrap(), None) }
    }

    #[test]
    fn judged_by_role_and_token() {
        let world = settings::World::for_tests(std::path::Path::new("/nowhere"));
        let settings = Settings::load(&settings::Flags::default(), &world).unwrap();
        let wanted = LoginToken::new("right").unwrap();
        let of = |role, token, wanted| judge(&settings, &spot(role, token), Some("token A"), wanted).outcome.name();
        assert_eq!(of(Role::Source, "right", Some(&wanted)), "pass");
        assert_eq!(of(Role::Target, "right", Some(&wanted)), "pass");
        assert_eq!(of(Role::Target, "wrong", Some(&wanted)), "fail");
        assert_eq!(of(Role::Found, "right", Some(&wanted)), "warn");
        assert_eq!(of(Role::Found, "wrong", Some(&wanted)), "fail");
        assert_eq!(of(Role::Found, "wrong", None), "warn");
        assert_eq!(of(Role::Target, "$2b$12.SXfJ8VAtHc3jujq3UAj5WjBi", Some(&wanted)), "fail");
        assert_eq!(of(Role::Unclaimed, "wrong", Some(&wanted)), "warn");
        assert_eq!(of(Role::Stray, "right", Some(&wanted)), "fail");
        let empty = Spot { reading: Reading::Empty, ..spot(Role::Target, "x") };
        assert_eq!(judge(&settings, &empty, None, Some(&wanted)).outcome.name(), "fail");
    }
}
