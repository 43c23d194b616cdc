//! The journeys of the one credential: is it everywhere the same, make it so, renew it, find where it leaked.

pub mod audit;
pub mod check;
pub mod rotate;
pub mod scan;
pub mod sync;
pub mod unify;

pub(crate) mod places;
