//! A file that says what goes wrong.

use serde::Deserialize;

use crate::error::{Cause, Error};
use crate::faults::Planned;

/// Faults from a file, in JSON or TOML. `docs/reference/scenario.md` of the repository tells every word of it, and
/// `docs/reference/schemas/scenario-v1.json` is its schema.
///
/// ```
/// let scenario = comfy_sim::Scenario::parse(
///     r#"
///     [[faults]]
///     fault = { refuse = { route = "POST /prompt", status = 503 } }
///     times = 2
///     "#,
/// )?;
/// assert_eq!(scenario.faults().len(), 1);
///
/// let error = comfy_sim::Scenario::parse(r#"{"faults": [{"fault": "dead_worker", "tims": 1}]}"#).unwrap_err();
/// assert!(error.to_string().contains("unknown field `tims`"));
/// # Ok::<(), comfy_sim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = "Faults on demand, from a file."))]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Where the schema is, for editors.
    #[serde(default, rename = "$schema")]
    schema: Option<String>,
    /// The faults; of several that are due on one occasion the first happens.
    #[serde(default)]
    faults: Vec<Planned>,
}

impl Scenario {
    /// Reads a scenario: JSON if it begins with `{`, else TOML.
    ///
    /// # Errors
    ///
    /// If it is neither, or says what no scenario can say; the error names line and field.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let read = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| error.to_string())
        } else {
            toml::from_str(text).map_err(|error| error.to_string())
        };
        read.map_err(|text: String| Cause::Scenario(text.trim_end().to_owned()).into())
    }

    /// Its faults, in order.
    pub fn faults(&self) -> &[Planned] {
        &self.faults
    }

    /// The JSON schema of a scenario file.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn schema() -> String {
        let schema = serde_json::to_string_pretty(&schemars::schema_for!(Self)).unwrap_or_default();
        schema + "\n"
    }
}
