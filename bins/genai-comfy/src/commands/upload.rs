//! `genai-comfy upload`.

use std::path::{Path, PathBuf};

use comfy_client::{Content, UploadOptions};
use console::{
    ExitCode, Screen,
    json::comfy_v1::{Document, Uploaded},
};
use report::{Failure, FailureKind};
use settings::World;

use super::{client, each, failed, stored};
use crate::cli::{Cli, Upload};

pub(super) async fn run(world: &World, cli: &Cli, args: &Upload, screen: &Screen) -> Result<ExitCode, Failure> {
    let original = match &args.mask_of {
        Some(text) => Some(stored(text).ok_or_else(|| not_a_file(text))?),
        None => None,
    };
    for file in &args.files {
        let path = world.current_dir.join(file);
        std::fs::File::open(&path)
            .map_err(|error| Failure::new(FailureKind::Unreachable, format!("can't read `{}`: {error}", file.display())))?;
    }
    let client = console::interruptible(client(world, cli)).await??;
    let options = UploadOptions::default().subfolder(args.subfolder.as_str()).kind(args.to.into());
    let send = async |path: &PathBuf| {
        let content = Content::file(world.current_dir.join(path));
        let sent = match &original {
            Some(original) => client.upload_mask(&content, original, &options).await,
            None => client.upload(&content, &options).await,
        };
        sent.map_err(failed).map(|sent| uploaded(path, sent))
    };
    let sent = each(&args.files, |path| path.display().to_string(), async |path| console::interruptible(send(path)).await?).await;
    Ok(screen.answer_with(Document::Uploaded { files: sent.done, failed: sent.failed }, &sent.failures))
}

fn uploaded(path: &Path, sent: comfy_client::Uploaded) -> Uploaded {
    Uploaded {
        path: path.display().to_string(),
        name: named(&sent.file),
        file: sent.file.to_string(),
        bytes: sent.bytes,
        sha256: sent.sha256_hex,
        sent: sent.sent,
    }
}

/// What a workflow calls the file: with its subfolder, and with its folder behind it unless that is `input`.
fn named(file: &comfy_client::StoredFile) -> String {
    let whole = file.to_string();
    let path = whole.split_once('/').map_or(whole.as_str(), |(_, path)| path);
    match file.kind.as_str() {
        "input" => path.to_owned(),
        kind => format!("{path} [{kind}]"),
    }
}

pub(super) fn not_a_file(text: &str) -> Failure {
    Failure::new(FailureKind::Usage, format!("`{text}` is no file of a server"))
        .hint("name it as `genai-comfy history` prints it: `output/cats/1.png`, `input/…` or `temp/…`")
}
