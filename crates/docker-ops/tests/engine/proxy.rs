//! A socket before the engine's: it writes down every request line, and cuts all connections on demand.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::watch,
};

pub(crate) struct Proxy {
    pub(crate) path: PathBuf,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    cut: watch::Sender<()>,
    _folder: tempfile::TempDir,
}

impl Proxy {
    pub(crate) fn new(engine: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proxy.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (heard, cut) = (Arc::new(Mutex::new(Vec::new())), watch::Sender::new(()));
        let (engine, all, cuts) = (engine.to_owned(), Arc::clone(&heard), cut.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let mut cut = cuts.subscribe();
                let (far, all) = (UnixStream::connect(&engine).await.unwrap(), Arc::clone(&all));
                tokio::spawn(async move {
                    tokio::select! {
                        () = relay(near, far, &all) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { path, heard, cut, _folder: folder }
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(());
    }

    /// The paths of all requests so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let text = heard.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect::<String>();
        let lines = text.lines().filter(|line| line.ends_with(" HTTP/1.1"));
        lines.map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect()
    }
}

async fn relay(near: UnixStream, far: UnixStream, heard: &Mutex<Vec<Vec<u8>>>) {
    let nth = {
        let mut heard = heard.lock().unwrap();
        heard.push(Vec::new());
        heard.len() - 1
    };
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = far.into_split();
    let up = async {
        let mut bytes = vec![0; 65536];
        while let Ok(length @ 1..) = from_near.read(&mut bytes).await {
            heard.lock().unwrap()[nth].extend_from_slice(&bytes[..length]);
            if to_far.write_all(&bytes[..length]).await.is_err() {
                return;
            }
        }
        let _ = to_far.shutdown().await;
    };
    let down = async {
        let _ = tokio::io::copy(&mut from_far, &mut to_near).await;
        let _ = to_near.shutdown().await;
    };
    tokio::join!(up, down);
}
