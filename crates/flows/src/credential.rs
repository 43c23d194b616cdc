//! Makes a fresh password and its token.

use auth_core::{BcryptHash, DEFAULT_COST, LoginToken, Password};
use report::{Failure, FailureKind};
use settings::{Settings, World};

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
