//! A door for fuzz targets, behind the feature `fuzzing`: foreign bytes to parsers that are private otherwise.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use tokio::io::AsyncWriteExt;

use crate::api;
use crate::app::{App, Site};
use crate::error::Error;
use crate::folders::Folders;
use crate::form::Form;
use crate::front;
use crate::picture;
use crate::request::Request;
use crate::router::Router;
use crate::server;
use crate::socket;

/// Reads these bytes as `LoadImage` reads a file, and tells how many pixels all frames have together.
#[must_use]
pub fn picture(bytes: &[u8]) -> Option<usize> {
    picture::pixels(bytes)
}

/// A server without listener and worker.
pub struct Door {
    app: Arc<App>,
    router: Arc<Router>,
}

impl Door {
    /// Opens it on a ComfyUI folder.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let site = Site::plain(Folders::make(folder)?);
        let (tasks, _) = tokio::sync::mpsc::unbounded_channel();
        Ok(Self { app: Arc::new(App::new(&site, None, tasks)), router: Arc::new(api::router(false)) })
    }

    /// Submits this body as a prompt, forgets it again, and gives the status of the answer.
    pub async fn prompt(&self, body: &[u8]) -> u16 {
        let mut request = http::Request::new(Body::from(body.to_vec()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = http::Uri::from_static("/prompt");
        let response = front::serve(self.app.clone(), self.router.clone(), request).await;
        self.app.queue.clear();
        response.status().as_u16()
    }

    /// Reads this body as a form, and tells whether it is one.
    pub async fn form(&self, content_type: &str, body: &[u8]) -> bool {
        let mut request = http::Request::new(Body::from(body.to_vec()));
        if let Ok(kind) = content_type.parse() {
            request.headers_mut().insert(CONTENT_TYPE, kind);
        }
        Form::read(&mut Request::new(request)).await.is_ok()
    }

    /// Takes these bytes as all that a client sends over its WebSocket.
    pub async fn frames(&self, bytes: &[u8]) {
        // Room for the server's answers, which nobody reads.
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let send = async {
            let _ = client.write_all(bytes).await;
            let _ = client.shutdown().await;
        };
        tokio::join!(send, socket::hear(self.app.clone(), server));
    }

    /// Takes these bytes, in pieces of that size, as all that a client sends over a connection.
    pub async fn wire(&self, bytes: &[u8], piece: usize) {
        let (client, server) = tokio::io::duplex(piece.max(1));
        let (mut answers, mut requests) = tokio::io::split(client);
        let send = async {
            let _ = requests.write_all(bytes).await;
            let _ = requests.shutdown().await;
        };
        let mut nowhere = tokio::io::sink();
        let hear = tokio::io::copy(&mut answers, &mut nowhere);
        let _ = tokio::join!(send, hear, server::connection(self.app.clone(), self.router.clone(), server));
        self.app.queue.clear();
    }
}
