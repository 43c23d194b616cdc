//! `genai-tokens read`: a file as one reader sees it.

use console::{ExitCode, Screen};
use report::{Failure, FailureKind};
use serde_json::{Map, Value};
use settings::World;
use token_sync::{Dialect, Entry};

use crate::cli::Read;

pub(super) fn run(world: &World, args: &Read, screen: &Screen) -> ExitCode {
    match entries(world, args) {
        Ok(Ok(entries)) => {
            let mut object = Map::new();
            for entry in entries {
                object.insert(entry.key, entry.value.map_or(Value::Null, |value| shown(value, args.reveal)));
            }
            let text = serde_json::to_string_pretty(&Value::Object(object)).unwrap_or_default();
            screen.document(&format!("{text}\n"))
        }
        Ok(Err(failure)) => {
            screen.fail(&failure);
            ExitCode::Findings
        }
        Err(failure) => screen.fail(&failure),
    }
}

/// What the reader sees; the inner error is its refusal of the file.
fn entries(world: &World, args: &Read) -> Result<Result<Vec<Entry>, Failure>, Failure> {
    let dialect =
        Dialect::from_name(&args.dialect).map_err(|error| Failure::of(FailureKind::Usage, &error).hints(error.hints()))?;
    let path = world.current_dir.join(&args.file);
    let bytes =
        token_sync::read_file(&path).map_err(|error| Failure::of(FailureKind::Unreachable, &error).hints(error.hints()))?;
    let shown = args.file.display();
    let bytes = bytes.ok_or_else(|| {
        Failure::new(FailureKind::Unreachable, format!("there is no `{shown}`")).hint("name a file that exists")
    })?;
    Ok(dialect
        .read(&bytes, &world.env)
        .map_err(|fault| Failure::new(FailureKind::Settings, format!("`{dialect}` refuses `{shown}`: {fault}"))))
}

fn shown(value: String, reveal: bool) -> Value {
    Value::String(if reveal { value } else { "…".to_owned() })
}
