//! `genai-comfy download`, and how files come home from a run.

use std::path::Path;

use comfy_client::{Client, ErrorKind, StoredFile};
use console::json::comfy_v1::{Document, File};
use report::Failure;
use settings::World;

use super::{client, failed, history, stored};
use crate::cli::{Cli, Download};

pub(super) async fn run(world: &World, cli: &Cli, args: &Download) -> Result<Document, Failure> {
    let client = client(world, cli).await?;
    let mut wanted: Vec<StoredFile> = Vec::new();
    for what in &args.what {
        match stored(what) {
            Some(file) => wanted.push(file),
            None => {
                let entry = client.history(what).await.map_err(failed)?.ok_or_else(|| history::absent(what))?;
                wanted.extend(entry.outputs.into_iter().map(|output| output.file));
            }
        }
    }
    let mut files = Vec::new();
    for file in &wanted {
        files.push(fetch(&client, file, &args.out, world).await?);
    }
    Ok(Document::Downloaded { files })
}

/// Brings one file home, to `out` and its subfolder there.
pub(super) async fn fetch(client: &Client, file: &StoredFile, out: &Path, world: &World) -> Result<File, Failure> {
    let got = client.download_tree(file, &world.current_dir.join(out)).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure { message: format!("the server has no `{file}` any more"), ..failed(error) }
            .hint("a run that is served from the cache names files of an earlier one: change a seed, or `genai-comfy free --free-memory`"),
        ErrorKind::Io => failed(error).hint("make room, or choose another folder with `--out`; what is there on the server stays there"),
        _ => failed(error),
    })?;
    let path = got.path.strip_prefix(&world.current_dir).unwrap_or(&got.path).display().to_string();
    Ok(File { path, file: file.to_string(), bytes: got.bytes, sha256: got.sha256_hex })
}
