//! `genai-comfy download`.

use comfy_client::{Client, StoredFile};
use console::{
    ExitCode, Screen,
    json::comfy_v1::{Document, File},
};
use flows::comfy::home;
use report::{Failure, FailureKind};
use settings::World;

use super::{client, each, failed, history, stored};
use crate::cli::{Cli, Download};

pub(super) async fn run(world: &World, cli: &Cli, args: &Download, screen: &Screen) -> Result<ExitCode, Failure> {
    home::folder(&args.out, world)?;
    let client = console::interruptible(client(world, cli)).await??;
    let named = each(&args.what, |what| (*what).clone(), async |what| console::interruptible(files(&client, what)).await?).await;
    let wanted = if named.stopped() { Vec::new() } else { named.done.concat() };
    let fetched = async |file| console::interruptible(home::fetch(&client, &file, &args.out, world)).await?.map(said);
    let got = each(wanted, StoredFile::to_string, fetched).await;
    let failed = named.failed.into_iter().chain(got.failed).collect();
    let failures = [named.failures, got.failures].concat();
    Ok(screen.answer_with(Document::Downloaded { files: got.done, failed }, &failures))
}

/// The files that a word of the command line means: one, or those of a run.
async fn files(client: &Client, what: &str) -> Result<Vec<StoredFile>, Failure> {
    if let Some(file) = stored(what) {
        file.local_path().map_err(|error| Failure { kind: FailureKind::Usage, hints: Vec::new(), ..failed(error) })?;
        return Ok(vec![file]);
    }
    let entry = history::entry(client, what).await?;
    Ok(entry.outputs.into_iter().map(|output| output.file).collect())
}

pub(super) fn said(home::File { path, file, bytes, sha256 }: home::File) -> File {
    File { path, file, bytes, sha256 }
}
