//! `genai-comfy download`, and how files come home from a run.

use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::Path};

use comfy_client::{Client, ErrorKind, ImageFormat, StoredFile, WsImage};
use console::{
    ExitCode, Screen,
    json::comfy_v1::{Document, File},
};
use data_encoding::HEXLOWER;
use report::{Failure, FailureKind};
use settings::World;
use sha2::{Digest, Sha256};

use super::{client, each, failed, history, stored};
use crate::cli::{Cli, Download};

pub(super) async fn run(world: &World, cli: &Cli, args: &Download, screen: &Screen) -> Result<ExitCode, Failure> {
    folder(&args.out, world)?;
    let client = console::interruptible(client(world, cli)).await??;
    let named = each(&args.what, |what| (*what).clone(), async |what| console::interruptible(files(&client, what)).await?).await;
    let wanted = if named.stopped() { Vec::new() } else { named.done.concat() };
    let fetched = async |file| console::interruptible(fetch(&client, &file, &args.out, world)).await?;
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

/// Finds before the work that its files could not be put there.
pub(super) fn folder(out: &Path, world: &World) -> Result<(), Failure> {
    let path = world.current_dir.join(out);
    match path.ancestors().find(|part| part.exists()) {
        Some(part) if !part.is_dir() => {
            Err(Failure::new(FailureKind::Usage, format!("`--out {}`: `{}` is no folder", out.display(), shown(part, world)))
                .hint("name a folder; it is made if it is not there"))
        }
        _ => Ok(()),
    }
}

/// Brings one file home, to `out` and its subfolder there.
pub(super) async fn fetch(client: &Client, file: &StoredFile, out: &Path, world: &World) -> Result<File, Failure> {
    let got = client.download_tree(file, &world.current_dir.join(out)).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure { message: format!("the server has no `{file}`"), ..failed(error) }
            .hint("a run that is served from the cache names files of an earlier one, which may be gone: change a seed, or `genai-comfy free`"),
        ErrorKind::Io => failed(error).hint("make room, or choose another folder with `--out`; what is there on the server stays there"),
        _ => failed(error),
    })?;
    let path = shown(&got.path, world);
    Ok(File { path, file: file.to_string(), bytes: got.bytes, sha256: got.sha256_hex })
}

/// Writes a picture that came over the WebSocket to `out`, whole or not at all.
pub(super) fn keep(image: &WsImage, name: &str, out: &Path, world: &World) -> Result<File, Failure> {
    let extension = match image.format {
        ImageFormat::Jpeg => "jpg",
        ImageFormat::Png => "png",
        _ => "bin",
    };
    let (folder, name) = (world.current_dir.join(out), format!("{name}.{extension}"));
    let write = || {
        fs::create_dir_all(&folder)?;
        let mut file = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o666)).tempfile_in(&folder)?;
        file.write_all(&image.image)?;
        file.as_file().sync_all()?;
        file.persist(folder.join(&name))?;
        Ok::<_, std::io::Error>(())
    };
    write().map_err(|error| {
        Failure::new(FailureKind::Refused, format!("can't write `{}`: {error}", folder.join(&name).display()))
            .hint("make room, or choose another folder with `--out`")
    })?;
    Ok(File {
        path: shown(&folder.join(&name), world),
        file: format!("websocket/{}", image.node),
        bytes: image.image.len() as u64,
        sha256: HEXLOWER.encode(&Sha256::digest(&image.image)),
    })
}

fn shown(path: &Path, world: &World) -> String {
    path.strip_prefix(&world.current_dir).unwrap_or(path).display().to_string()
}
