//! Version 1 of the settings' JSON.

use schemars::JsonSchema;
use serde::Serialize;

/// Every setting of each service, with its origin.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Settings {
    /// The version of this format.
    pub version: u32,
    /// One entry a service.
    pub services: Vec<Service>,
}

/// The settings of one service.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its settings.
    pub settings: Vec<Setting>,
}

/// One setting.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Setting {
    /// The setting's name.
    pub name: String,
    /// Its value; of a secret its fingerprint.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}

impl From<&[settings::Settings]> for Settings {
    fn from(services: &[settings::Settings]) -> Self {
        let describe = |settings: &settings::Settings| {
            let of = |one: settings::Described| Setting { name: one.name.to_owned(), value: one.value, origin: one.origin };
            Service { name: settings.service.value.clone(), settings: settings.describe().into_iter().map(of).collect() }
        };
        Self { version: 1, services: services.iter().map(describe).collect() }
    }
}
