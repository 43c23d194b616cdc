//! `genai-comfy download`.

use comfy_client::{Client, Ending, StoredFile};
use console::{
    ExitCode, Screen,
    json::comfy_v1::{Document, Failed, File},
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
    let (wanted, lacking): (Vec<_>, Vec<_>) = if named.stopped() { <_>::default() } else { named.done.into_iter().unzip() };
    let fetched = async |file| console::interruptible(home::fetch(&client, &file, &args.out, world)).await?.map(said);
    let got = each(wanted.concat(), StoredFile::to_string, fetched).await;
    let (lacking, lacks): (Vec<_>, Vec<_>) = lacking.into_iter().flatten().unzip();
    let failed = named.failed.into_iter().chain(lacking).chain(got.failed).collect();
    let failures = [named.failures, lacks, got.failures].concat();
    Ok(screen.answer_with(Document::Downloaded { files: got.done, failed }, &failures))
}

/// The files that a word of the command line means: one, or those of a run, with why they are not all that a run is for.
async fn files(client: &Client, what: &str) -> Result<(Vec<StoredFile>, Option<(Failed, Failure)>), Failure> {
    if let Some(file) = stored(what) {
        file.local_path().map_err(|error| Failure { kind: FailureKind::Usage, hints: Vec::new(), ..failed(error) })?;
        return Ok((vec![file], None));
    }
    let entry = history::entry(client, what).await?;
    let files: Vec<_> = entry.outputs.iter().map(|output| output.file.clone()).collect();
    let shows_nothing = entry.texts.is_empty();
    let outcome = entry.into_outcome(what);
    let failure = Failure::new(FailureKind::Declined, format!("the run `{what}` {}", outcome.to_string().trim_end()));
    let lack = match outcome.ending() {
        Ending::Succeeded if !files.is_empty() => return Ok((files, None)),
        Ending::Succeeded if shows_nothing => {
            failure.hint("what its nodes sent over the WebSocket is not kept by the server: save with SaveImage")
        }
        _ => failure,
    };
    Ok((files, Some((Failed { item: what.to_owned(), error: (&lack).into() }, lack))))
}

pub(super) fn said(home::File { path, file, bytes, sha256 }: home::File) -> File {
    File { path, file, bytes, sha256 }
}
