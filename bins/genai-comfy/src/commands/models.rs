//! `genai-comfy models`.

use console::json::comfy_v1::Document;
use report::{Failure, FailureKind};
use settings::World;

use super::{client, failed};
use crate::cli::{Cli, Models};

pub(super) async fn run(world: &World, cli: &Cli, args: &Models) -> Result<Document, Failure> {
    let client = client(world, cli).await?;
    let Some(folder) = &args.folder else {
        return Ok(Document::ModelFolders { folders: client.model_folders().await.map_err(failed)? });
    };
    match client.models(folder).await.map_err(failed)? {
        Some(models) => Ok(Document::Models { folder: folder.clone(), models }),
        None => {
            let folders = client.model_folders().await.map_err(failed)?;
            Err(Failure::new(FailureKind::Declined, format!("the server has no folder `{folder}` of models"))
                .hint(format!("its folders: {}", folders.join(", "))))
        }
    }
}
