//! How old, cheap or short a credential may be.

use std::{fmt, time::Duration};

use jiff::Timestamp;

use crate::{Shape, SourceOfTruth};

/// What is asked of a credential. Judged at a `now` that the caller gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How old a token may be since it was made or last rotated; `None` for any age.
    pub max_age: Option<Duration>,
    /// The lowest bcrypt cost.
    pub min_cost: u32,
    /// The shortest password in bytes.
    pub min_password_bytes: usize,
}

/// What a credential lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyFault {
    /// It is this old.
    Old(Duration),
    /// It says that it will be made in the future: a clock was wrong then, or is now.
    FromTheFuture,
    /// Nothing tells how old it is.
    NoDate,
    /// Its bcrypt cost is this low.
    Cheap(u32),
    /// Its password has this few bytes.
    Short(usize),
}

/// A year, the plugin's own cost, and a password that nobody guesses.
pub const DEFAULT_POLICY: Policy =
    Policy { max_age: Some(Duration::from_secs(365 * 24 * 60 * 60)), min_cost: crate::DEFAULT_COST, min_password_bytes: 12 };

impl Policy {
    /// What `source` lacks at `now`, the gravest first; empty if nothing. A token that is no bcrypt hash has no cost, and a
    /// password that is not kept has no length.
    pub fn judge(&self, source: &SourceOfTruth, now: Timestamp) -> Vec<PolicyFault> {
        let cost = match source.token().shape() {
            Shape::Bcrypt(hash) => Some(hash.cost()).filter(|cost| *cost < self.min_cost),
            Shape::NotBcrypt(_) => None,
        };
        let length = source.password().map(|password| password.expose().len()).filter(|length| *length < self.min_password_bytes);
        let date = source.rotated_at().or(source.created_at()).and_then(|text| text.parse::<Timestamp>().ok());
        let age = match (date, self.max_age) {
            (_, None) => None,
            (None, Some(_)) => Some(PolicyFault::NoDate),
            (Some(date), Some(_)) if date > now => Some(PolicyFault::FromTheFuture),
            (Some(date), Some(max)) => {
                Duration::try_from(now.duration_since(date)).ok().filter(|age| *age > max).map(PolicyFault::Old)
            }
        };
        length.map(PolicyFault::Short).into_iter().chain(cost.map(PolicyFault::Cheap)).chain(age).collect()
    }
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Old(age) => write!(f, "the token is {} days old", age.as_secs() / 86_400),
            Self::FromTheFuture => f.write_str("the token's date lies in the future: a clock was wrong then, or is now"),
            Self::NoDate => f.write_str("nothing tells how old the token is"),
            Self::Cheap(cost) => write!(f, "the token's bcrypt cost is {cost}"),
            Self::Short(bytes) => write!(f, "the password has {bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BcryptHash, LoginToken, Password};

    const DAY: Duration = Duration::from_secs(86_400);

    fn source(password: &str, created_at: &str) -> SourceOfTruth {
        let password = Password::new(password).unwrap();
        let token = LoginToken::from(BcryptHash::of(&password, 4, [1; 16]).unwrap());
        SourceOfTruth::new(Some(password), token, "ann", created_at, Vec::new())
    }

    #[test]
    fn age_cost_and_length_are_judged_at_a_given_now() {
        let policy = Policy { max_age: Some(90 * DAY), min_cost: 4, min_password_bytes: 4 };
        let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let of = |policy: Policy, source: &SourceOfTruth| policy.judge(source, now);
        assert_eq!(of(policy, &source("long", "2026-05-01T00:00:00Z")), []);
        assert_eq!(of(policy, &source("long", "2026-03-01T00:00:00Z")), [PolicyFault::Old(92 * DAY)]);
        assert_eq!(of(policy, &source("long", "2026-06-02T00:00:00Z")), [PolicyFault::FromTheFuture]);
        assert_eq!(of(policy, &source("long", "last spring")), [PolicyFault::NoDate]);
        assert_eq!(of(Policy { max_age: None, ..policy }, &source("long", "last spring")), []);
        let strict = Policy { min_cost: 12, min_password_bytes: 12, ..policy };
        assert_eq!(of(strict, &source("long", "2026-05-01T00:00:00Z")), [PolicyFault::Short(4), PolicyFault::Cheap(4)]);
    }

    #[test]
    fn a_rotation_makes_it_young_again() {
        let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let policy = Policy { max_age: Some(DAY), min_cost: 4, min_password_bytes: 1 };
        let old = source("pw", "2020-01-01T00:00:00Z");
        assert_eq!(policy.judge(&old, now).len(), 1);
        let token = old.token().clone();
        assert_eq!(policy.judge(&old.rotated(None, token, "2026-05-31T12:00:00Z"), now), []);
    }
}
