//! Makes a fresh password and its token; knows whose they are.

use auth_core::{BcryptHash, DEFAULT_COST, LoginToken, Password, SourceOfTruth};
use report::{Failure, FailureKind};
use settings::{Settings, World};
use token_sync::{Reading, Target};

use crate::answers;

/// The login's name unless somebody says otherwise.
pub(crate) const DEFAULT_USER: &str = "comfy";

/// A random password of 160 bits and its bcrypt hash. Takes a fraction of a second, off the reactor.
pub(crate) async fn fresh(settings: &Settings, world: &World) -> Result<(Password, LoginToken), Failure> {
    let password = Password::from_random(&world.entropy.bytes());
    let token = token_of(&password, settings, world).await?;
    Ok((password, token))
}

/// The token of `password`, with a fresh salt, at the plugin's own cost or what the policy asks for if that is more.
pub(crate) async fn token_of(password: &Password, settings: &Settings, world: &World) -> Result<LoginToken, Failure> {
    let (password, salt) = (password.clone(), world.entropy.bytes());
    let cost = DEFAULT_COST.max(settings.rules.limits.min_cost.value);
    let hashed = tokio::task::spawn_blocking(move || BcryptHash::of(&password, cost, salt)).await;
    match hashed {
        Ok(hash) => hash.map(LoginToken::from).map_err(|error| Failure::of(FailureKind::Unexpected, &error)),
        Err(error) => Err(Failure::new(FailureKind::Unexpected, format!("hashing the password was cut short: {error}"))),
    }
}

/// The login's name: the source's, or in older sources, which have none, the one that the plugin's PASSWORD file holds already.
pub(crate) fn user_of(source: &SourceOfTruth, targets: &[Target]) -> String {
    let seen = || {
        targets.iter().find_map(|target| match target.read() {
            Reading::Token(_, user) => user,
            _ => None,
        })
    };
    source.user().map(str::to_owned).or_else(seen).unwrap_or_else(|| DEFAULT_USER.to_owned())
}

/// What a place holds where it holds no token, in words.
pub(crate) fn lack(reading: &Reading) -> String {
    match reading {
        Reading::Token(..) => "a token".to_owned(),
        Reading::Absent => "no such file".to_owned(),
        Reading::Empty => "no token".to_owned(),
        Reading::NotAToken(error) => error.to_string(),
        Reading::Refused(fault) => format!("its reader refuses the file at {fault}"),
        Reading::Unreadable(error) => answers::chain(error),
    }
}
