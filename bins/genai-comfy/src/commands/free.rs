//! `genai-comfy free`.

use console::json::comfy_v1::Document;
use report::Failure;
use settings::World;

use super::{client, failed};
use crate::cli::{Cli, Free};

pub(super) async fn run(world: &World, cli: &Cli, args: &Free) -> Result<Document, Failure> {
    let client = client(world, cli).await?;
    let both = !args.unload_models && !args.free_memory;
    client.free(args.unload_models || both, args.free_memory || both).await.map_err(failed)?;
    Ok(Document::Done { what: "The server frees its memory as soon as nothing runs.".to_owned() })
}
