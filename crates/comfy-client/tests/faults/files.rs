//! Files: whole, in their folder, or not at all.

use comfy_client::{ErrorKind, FileKind, StoredFile, UploadOptions};

use crate::client;
use crate::server::{Faults, Server};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x03IDATabc....\0\0\0\0IEND\xAE\x42\x60\x82";

fn output(name: &str) -> StoredFile {
    StoredFile::new(FileKind::Output, "", name)
}

fn names(dir: &std::path::Path) -> Vec<String> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_sent() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let options = UploadOptions::default().subfolder("team").overwrite(true).kind(FileKind::Temp);
    let stored = client.upload_image("ü & 1.png", PNG, &options).await.unwrap();
    assert_eq!(stored, StoredFile::new(FileKind::Temp, "team", "ü & 1.png"));
    assert_eq!(client.view(&stored).await.unwrap(), PNG);
    let dir = tempfile::tempdir().unwrap();
    let got = client.download(&stored, dir.path()).await.unwrap();
    assert_eq!(std::fs::read(&got.path).unwrap(), PNG);
    assert_eq!(got.bytes, PNG.len() as u64);
    assert_eq!(got.sha256_hex, "01324bd9127aa3a52dd508fc78625da714ee8753c5753bc151a83c9d32456607");
    assert_eq!(names(dir.path()), ["ü & 1.png"]);
}

#[tokio::test]
async fn a_file_cut_short_leaves_nothing_behind_and_the_old_one_stays() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.png"), "old").unwrap();
    server.put("a.png", &PNG[..PNG.len() - 4]);
    for cut in [false, true] {
        server.set(|faults| faults.cut_view = cut);
        assert!(client.view(&output("a.png")).await.is_err());
        assert!(client.download(&output("a.png"), dir.path()).await.is_err());
        assert_eq!(names(dir.path()), ["a.png"]);
        assert_eq!(std::fs::read(dir.path().join("a.png")).unwrap(), b"old");
    }
    server.set(|faults| faults.cut_view = false);
    server.put("a.png", PNG);
    client.download(&output("a.png"), dir.path()).await.unwrap();
    assert_eq!(std::fs::read(dir.path().join("a.png")).unwrap(), PNG);
}

#[tokio::test]
async fn a_part_that_nobody_asked_for_is_not_the_whole() {
    let server = Server::start(Faults { part_unasked: true, ..Faults::default() }).await;
    let (client, dir) = (client(&server), tempfile::tempdir().unwrap());
    server.put("a.txt", b"0123456789");
    assert_eq!(client.view(&output("a.txt")).await.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(client.download(&output("a.txt"), dir.path()).await.unwrap_err().kind(), ErrorKind::Protocol);
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn a_name_cannot_lead_out_of_the_folder() {
    let server = Server::start(Faults::default()).await;
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    server.put("../../out.bin", b"x");
    server.put("..", b"x");
    let got = client(&server).download(&output("../../out.bin"), &inner).await.unwrap();
    assert_eq!(got.path, inner.join("out.bin"));
    assert_eq!(client(&server).download(&output(".."), &inner).await.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(names(dir.path()), ["inner"]);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_too_large_have_their_own_kinds() {
    let server = Server::start(Faults { too_large: true, ..Faults::default() }).await;
    let client = client(&server);
    assert_eq!(client.view(&output("absent.png")).await.unwrap_err().kind(), ErrorKind::NotFound);
    let error = client.upload_image("a.png", PNG, &UploadOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    server.set(|faults| faults.too_large = false);
    client.upload_image("a.png", PNG, &UploadOptions::default()).await.unwrap();
}
