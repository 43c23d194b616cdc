//! The journeys of the one credential: is it everywhere the same, make it so, renew it, find where it leaked, keep an eye on it.

pub mod audit;
pub mod check;
pub mod rotate;
pub mod scan;
pub mod sync;
pub mod unify;
pub mod watch;

pub(crate) mod places;
