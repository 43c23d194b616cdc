//! Every setting with its origin, as text or JSON.

use comfy_table::{ContentArrangement, Table, presets};
use settings::Settings;

use crate::{ExitCode, Format, Screen, json};

impl Screen {
    /// Prints the settings of each service in the format that the flags ask for. Returns the exit code that this stands for.
    pub fn settings(&self, services: &[Settings]) -> ExitCode {
        self.document(&match self.format() {
            Format::Json => json::pretty(&json::settings_v1::Settings::from(services)),
            _ => services.iter().map(table).collect::<Vec<_>>().join("\n"),
        })
    }
}

fn table(settings: &Settings) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["setting", "value", "from"]);
    for one in settings.describe() {
        table.add_row([one.name, &one.value, &one.origin]);
    }
    format!("{table}\n")
}
