//! Servers that are not what they seem.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::stage::{command, said};

/// Answers each path with what `answer` makes of it, until the test ends; its address.
fn serve(answer: fn(&str) -> (&'static str, Vec<u8>)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            reply(stream, answer);
        }
    });
    url
}

fn reply(mut stream: TcpStream, answer: fn(&str) -> (&'static str, Vec<u8>)) {
    let mut request = vec![0; 1 << 16];
    let Ok(length) = stream.read(&mut request) else { return };
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let (kind, body) = answer(request.split(' ').nth(1).unwrap_or_default());
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    // Who has heard enough may leave.
    let _ = stream.write_all(&[head.into_bytes(), body].concat());
}

#[test]
fn a_server_that_is_not_comfyui_is_named_and_gets_no_token() {
    let url = serve(|_| ("text/html", b"<html>Welcome to nginx</html>".to_vec()));
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = said(command(folder.path(), &url, &["status"]).env("COMFYUI_API_TOKEN", "t0ken"));
    assert_eq!((code, out.as_str()), (5, ""));
    assert!(err.contains("answered `GET /prompt` with a web page") && err.contains("is this ComfyUI's address"), "{err}");
}

#[test]
fn a_file_whose_name_leads_elsewhere_is_not_written() {
    let url = serve(|path| {
        let file = r#"{"filename": "../../evil.png", "subfolder": "", "type": "output"}"#;
        let folder = r#"{"filename": "evil.png", "subfolder": "../..", "type": "output"}"#;
        let good = r#"{"filename": "good.png", "subfolder": "", "type": "output"}"#;
        let history =
            |id: &str, item: &str| format!(r#"{{"{id}": {{"outputs": {{"9": {{"images": [{item}]}}}}}}}}"#).into_bytes();
        match path {
            "/prompt" => ("application/json", br#"{"exec_info": {"queue_remaining": 0}}"#.to_vec()),
            "/history/name" => ("application/json", history("name", file)),
            "/history/good" => ("application/json", history("good", good)),
            "/history/folder" => ("application/json", history("folder", folder)),
            _ => ("image/png", picture()),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a/b");
    fs::create_dir_all(&inner).unwrap();
    for id in ["name", "folder"] {
        let (code, _, err) = said(&mut command(&inner, &url, &["download", id, "--out", "."]));
        assert!(code == 1 && err.contains("../.."), "{id}: {code}: {err}");
    }
    // The same picture under a name that stays where it is put.
    let (code, _, err) = said(&mut command(&inner, &url, &["download", "good", "--out", "."]));
    assert_eq!((code, fs::read(inner.join("good.png")).unwrap()), (0, picture()), "{err}");
    let left = |folder: &std::path::Path| fs::read_dir(folder).unwrap().count();
    assert_eq!((left(folder.path()), left(&folder.path().join("a")), left(&inner)), (1, 1, 1));
}

/// A whole picture, which no check of pictures refuses.
fn picture() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(1, 1).write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}
