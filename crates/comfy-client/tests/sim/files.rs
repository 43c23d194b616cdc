//! Files up and down, against the embedded ComfyUI, through connections that break.

use std::path::Path;

use comfy_client::{Client, Config, Content, ErrorKind, FileKind, StoredFile, UploadOptions, Workflow};
use comfy_sim::{Fault, Server};

use crate::wire::Wire;

const MIB: u64 = 1 << 20;

async fn server(folder: &Path) -> Server {
    Server::builder().comfy_dir(folder).spawn().await.unwrap()
}

fn client(url: &str) -> Client {
    Client::new(Config::new(url).unwrap()).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A PNG of the server's own making.
async fn picture(client: &Client, folder: &Path) -> StoredFile {
    let workflow = Workflow::from_json(
        r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 255}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "sub/dot"}}}"#,
    );
    let job = client.submit(&workflow.unwrap()).await.unwrap();
    let outcome = job.wait(std::time::Duration::from_secs(10)).await.unwrap();
    let comfy_client::Outcome::Succeeded(run) = outcome else { panic!("{outcome} in {}", folder.display()) };
    run.outputs[0].file.clone()
}

#[tokio::test]
async fn the_same_content_goes_up_once_whatever_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let client = client(&server.url());
    let path = folder.path().join("Large.BIN");
    let bytes: Vec<u8> = (0..3 * MIB + 5).map(|at| (at % 251) as u8).collect();
    std::fs::write(&path, &bytes).unwrap();
    let options = UploadOptions::default().subfolder("team");

    let first = client.upload(&Content::file(&path), &options).await.unwrap();
    assert!(first.sent);
    assert_eq!((first.file.name.clone(), first.bytes), (format!("{}.bin", first.sha256_hex), bytes.len() as u64));
    assert_eq!(std::fs::read(folder.path().join("input/team").join(&first.file.name)).unwrap(), bytes);

    let second = client.upload(&Content::bytes("other.bin", bytes), &options).await.unwrap();
    assert_eq!((second.file, second.sent), (first.file.clone(), false));
    let elsewhere = client.upload(&Content::file(&path), &UploadOptions::default()).await.unwrap();
    assert!(elsewhere.sent);
    // What was cut short on the server is not taken for the content, and not overwritten under somebody's feet either.
    std::fs::write(folder.path().join("input/team").join(&first.file.name), "half").unwrap();
    let healed = client.upload(&Content::file(&path), &options).await.unwrap();
    assert!(healed.sent && healed.file.name.ends_with(" (1).bin"), "{healed:?}");
    server.shutdown().await;
}

#[tokio::test]
async fn an_upload_that_cannot_be_done_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let client = client(&server.url());
    let absent = client.upload(&Content::file(folder.path().join("absent.png")), &UploadOptions::default()).await;
    assert_eq!(absent.unwrap_err().kind(), ErrorKind::Io);
    server.faults().set(Fault::Refuse { route: "POST /upload/*".parse().unwrap(), status: comfy_sim::Refusal::TooLarge });
    let large = client.upload(&Content::bytes("a.png", &b"x"[..]), &UploadOptions::default()).await;
    assert_eq!(large.unwrap_err().kind(), ErrorKind::TooLarge);
    let outside = UploadOptions::default().subfolder("../..");
    server.faults().clear();
    assert!(client.upload(&Content::bytes("a.png", &b"x"[..]), &outside).await.is_err());
    server.shutdown().await;
}

#[tokio::test]
async fn a_mask_is_laid_over_a_picture_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let client = client(&server.url());
    let original = picture(&client, folder.path()).await;
    let mask = Content::bytes("mask.png", client.view(&original).await.unwrap());
    let laid = client.upload_mask(&mask, &original, &UploadOptions::default()).await.unwrap();
    assert!(laid.sent && client.view(&laid.file).await.unwrap().starts_with(b"\x89PNG"));
    let again = client.upload_mask(&mask, &original, &UploadOptions::default()).await.unwrap();
    assert_eq!((again.file, again.sent), (laid.file, false));
    let nowhere = StoredFile::new(FileKind::Output, "", "absent.png");
    let error = client.upload_mask(&mask, &nowhere, &UploadOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "there is no `output/absent.png` to lay a mask over");
    server.shutdown().await;
}

#[tokio::test]
async fn a_download_that_is_cut_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    server.faults().set(Fault::SparseFile { filename: "large.bin".into(), bytes: 40 * MIB });
    let file = StoredFile::new(FileKind::Output, "", "large.bin");
    let wire = Wire::to(&server).await;
    let dir = tempfile::tempdir().unwrap();
    // Three connections break after 12 MiB each; were the file begun anew each time, it would never come.
    wire.cut_each_after(12 * MIB, 3);
    let got = client(&wire.url).download(&file, dir.path()).await.unwrap();
    assert_eq!(got.bytes, 40 * MIB);
    let bytes = std::fs::read(&got.path).unwrap();
    for mark in [0, 16 * MIB, 32 * MIB] {
        assert_eq!(bytes[mark as usize..][..8], mark.to_be_bytes(), "{mark}");
    }
    let whole = client(&server.url()).download(&file, dir.path()).await.unwrap();
    assert_eq!(whole.sha256_hex, got.sha256_hex);
    assert_eq!(wire.cuts(), 3);
    server.shutdown().await;
}

#[tokio::test]
async fn a_download_begins_in_spite_of_connections_that_break() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    std::fs::create_dir_all(folder.path().join("output")).unwrap();
    std::fs::write(folder.path().join("output/a.txt"), "whole").unwrap();
    let (client, dir) = (client(&server.url()), tempfile::tempdir().unwrap());
    let file = StoredFile::new(FileKind::Output, "", "a.txt");
    let download = async |fault: comfy_sim::Planned| {
        server.faults().set(fault);
        let got = client.download(&file, dir.path()).await;
        server.faults().clear();
        got
    };
    let broken = |times| Fault::LoseRequest { route: "GET /view".parse().unwrap() }.times(times);
    let got = download(broken(2)).await.unwrap();
    assert_eq!(std::fs::read(&got.path).unwrap(), b"whole");
    std::fs::remove_file(&got.path).unwrap();
    // Five tries more than the first, and no end of breaks.
    let lost = download(broken(6)).await.unwrap_err();
    assert_eq!((lost.kind(), lost.was_sent()), (ErrorKind::Unreachable, true));
    // Nothing broke: one answer is enough.
    let refused = Fault::Refuse { route: "GET /view".parse().unwrap(), status: comfy_sim::Refusal::Unavailable };
    assert_eq!(download(refused.times(1)).await.unwrap_err().kind(), ErrorKind::Server);
    assert!(names(dir.path()).is_empty());
    server.shutdown().await;
}

#[tokio::test]
async fn a_file_that_changes_between_two_pieces_is_fetched_anew() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let path = folder.path().join("output/a.bin");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, vec![1; 4 << 20]).unwrap();
    for after in [vec![2; 4 << 20], vec![3; 1 << 20], Vec::new()] {
        let wire = Wire::to(&server).await;
        let (place, later) = (path.clone(), after.clone());
        wire.on_cut(move || std::fs::write(&place, &later).unwrap());
        wire.cut_each_after(2 * MIB, 1);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(&path, vec![1; 4 << 20]).unwrap();
        let file = StoredFile::new(FileKind::Output, "", "a.bin");
        let got = client(&wire.url).download(&file, dir.path()).await.unwrap();
        assert!(std::fs::read(&got.path).unwrap() == after, "{}", after.len());
        assert_eq!(names(dir.path()), ["a.bin"]);
    }
    server.shutdown().await;
}

#[tokio::test]
async fn a_connection_that_always_breaks_is_given_up_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    server.faults().set(Fault::SparseFile { filename: "large.bin".into(), bytes: 200 * MIB });
    let wire = Wire::to(&server).await;
    // More than goes through the wire at once: the head of an answer is through before the cut.
    wire.cut_each_after(128 << 10, u64::MAX);
    let dir = tempfile::tempdir().unwrap();
    let file = StoredFile::new(FileKind::Output, "", "large.bin");
    let error = client(&wire.url).download(&file, dir.path()).await.unwrap_err();
    assert!(error.is_retryable() && error.was_sent(), "{error:?}");
    assert_eq!(wire.cuts(), 6, "{error:?}");
    assert!(names(dir.path()).is_empty());
    server.shutdown().await;
}

#[tokio::test]
async fn a_download_takes_away_what_a_killed_one_left_and_not_what_another_writes() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    server.faults().set(Fault::SparseFile { filename: "large.bin".into(), bytes: 4 * MIB });
    let file = StoredFile::new(FileKind::Output, "", "large.bin");
    let dir = tempfile::tempdir().unwrap();
    let left = dir.path().join(".comfy-0123456789ab.part");
    std::fs::write(&left, "half").unwrap();
    let wire = Wire::to(&server).await;
    // In the middle of the one download, another into the same folder runs from its beginning to its end.
    let (handle, other, place) = (tokio::runtime::Handle::current(), client(&server.url()), dir.path().to_owned());
    let (inner, (tell, told)) = (file.clone(), tokio::sync::oneshot::channel());
    let tell = std::sync::Mutex::new(Some(tell));
    wire.on_cut(move || {
        let (other, inner, place, tell) = (other.clone(), inner.clone(), place.clone(), tell.lock().unwrap().take().unwrap());
        handle.spawn(async move { tell.send(other.download(&inner, &place).await.unwrap()).unwrap() });
    });
    wire.cut_each_after(2 * MIB, 1);
    let outer = client(&wire.url);
    let (got, between) = tokio::join!(outer.download(&file, dir.path()), told);
    assert_eq!(got.unwrap().sha256_hex, between.unwrap().sha256_hex);
    assert_eq!(names(dir.path()), ["large.bin"]);
    server.shutdown().await;
}

#[tokio::test]
async fn results_keep_their_subfolder_below_the_folder_that_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let client = client(&server.url());
    let dir = tempfile::tempdir().unwrap();
    let file = picture(&client, folder.path()).await;
    let got = client.download_tree(&file, dir.path()).await.unwrap();
    assert_eq!(got.path, dir.path().join("sub").join(&file.name));
    let flat = client.download(&file, dir.path()).await.unwrap();
    assert_eq!(flat.path, dir.path().join(&file.name));
    for outside in ["..", "a/../..", "a\\..\\.."] {
        let file = StoredFile::new(file.kind, outside, file.name.as_str());
        assert_eq!(client.download_tree(&file, dir.path()).await.unwrap_err().kind(), ErrorKind::Protocol);
    }
    assert_eq!(names(dir.path()), [file.name, "sub".into()]);
    server.shutdown().await;
}

#[tokio::test]
async fn results_of_one_run_never_replace_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let client = client(&server.url());
    let dir = tempfile::tempdir().unwrap();
    for (kind, subfolder, name, place) in [
        (FileKind::Output, "", "same.txt", "same.txt"),
        (FileKind::Output, "cats", "same.txt", "cats/same.txt"),
        (FileKind::Temp, "", "same.txt", "temp/same.txt"),
        (FileKind::Temp, "cats", "same.txt", "temp/cats/same.txt"),
        (FileKind::Input, "", "same.txt", "input/same.txt"),
        (FileKind::Output, "temp", "same.txt", "output/temp/same.txt"),
        (FileKind::Output, "Input/x", "same.txt", "output/Input/x/same.txt"),
        (FileKind::Output, "output", "same.txt", "output/output/same.txt"),
        // What Windows takes for a folder is a part of the name elsewhere.
        (FileKind::Output, "", "dogs\\same.txt", "dogs/same.txt"),
        (FileKind::Output, "", "birds\\same.txt", "birds/same.txt"),
    ] {
        let file = StoredFile::new(kind, subfolder, name);
        let there = folder.path().join(kind.as_str()).join(subfolder);
        std::fs::create_dir_all(&there).unwrap();
        std::fs::write(there.join(name), file.to_string()).unwrap();
        let got = client.download_tree(&file, dir.path()).await.unwrap();
        assert_eq!(got.path, dir.path().join(place), "{file}");
        assert_eq!(std::fs::read_to_string(got.path).unwrap(), file.to_string());
    }
    let outside = StoredFile::new(FileKind::Output, "", "..\\x.txt");
    assert_eq!(client.download_tree(&outside, dir.path()).await.unwrap_err().kind(), ErrorKind::Protocol);
    server.shutdown().await;
}

#[tokio::test]
async fn a_picture_with_something_behind_its_end_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let client = client(&server.url());
    let made = client.view(&picture(&client, folder.path()).await).await.unwrap();
    let photo = b"\xFF\xD8\xFF\xE1\0\x06\xFF\xD9\xFF\xD9\xFF\xDA\0\x02pixels\xFF\0\xFF\xD0more\xFF\xD9";
    let dir = tempfile::tempdir().unwrap();
    for (name, picture) in [("phone.jpg", &photo[..]), ("phone.png", &made[..])] {
        let whole = [picture, b"a trailer of the phone: SEFT"].concat();
        let place = folder.path().join("output").join(name);
        std::fs::write(&place, &whole).unwrap();
        let file = StoredFile::new(FileKind::Output, "", name);
        assert_eq!(client.view(&file).await.unwrap(), whole);
        assert_eq!(client.download(&file, dir.path()).await.unwrap().bytes, whole.len() as u64);
        std::fs::write(&place, &picture[..picture.len() - 1]).unwrap();
        assert_eq!(client.view(&file).await.unwrap_err().kind(), ErrorKind::Protocol);
    }
    server.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_cannot_be_flushed_gets_the_file_all_the_same() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    std::fs::create_dir_all(folder.path().join("output")).unwrap();
    std::fs::write(folder.path().join("output/a.txt"), "new").unwrap();
    let dir = tempfile::tempdir().unwrap();
    // It cannot be opened then (but by root), and so not flushed.
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o300)).unwrap();
    let got = client(&server.url()).download(&StoredFile::new(FileKind::Output, "", "a.txt"), dir.path()).await;
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(std::fs::read(got.unwrap().path).unwrap(), b"new");
    server.shutdown().await;
}

#[tokio::test]
async fn no_refusal_is_ever_saved_as_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let client = client(&server.url());
    let file = picture(&client, folder.path()).await;
    let dir = tempfile::tempdir().unwrap();
    for (status, kind) in [
        (comfy_sim::Refusal::Unauthorized, ErrorKind::Refused),
        (comfy_sim::Refusal::LoginPage, ErrorKind::Refused),
        (comfy_sim::Refusal::Forbidden, ErrorKind::Refused),
        (comfy_sim::Refusal::Unavailable, ErrorKind::Server),
    ] {
        server.faults().set(Fault::Refuse { route: "GET /view".parse().unwrap(), status }.times(1));
        assert_eq!(client.download(&file, dir.path()).await.unwrap_err().kind(), kind);
    }
    let disguised = StoredFile::new(FileKind::Output, "", "refusal.png");
    std::fs::write(folder.path().join("output/refusal.png"), "Authentication required.").unwrap();
    assert_eq!(client.download(&disguised, dir.path()).await.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(client.view(&disguised).await.unwrap_err().kind(), ErrorKind::Protocol);
    assert!(names(dir.path()).is_empty());
    server.shutdown().await;
}
