//! The journeys of the containers, through the one way from settings to an engine ([`connect`]).

mod connect;
pub use connect::{connect, failure};

pub mod events;
pub mod wanted;

use std::path::Path;

/// The project's name as Compose makes it from its folder's: small letters, digits, `-` and `_`, and a letter or digit first.
#[must_use]
pub fn project_name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let kept: String = name.chars().filter(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_')).collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_named_as_compose_names_it() {
        for (folder, name) in [("/srv/My ComfyUI.v2", "mycomfyuiv2"), ("/srv/_gen-AI_1/", "gen-ai_1"), ("/", ""), ("/é!", "")] {
            assert_eq!(project_name(Path::new(folder)), name);
        }
    }
}
