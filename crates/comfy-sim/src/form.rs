//! A form body as `request.post()` reads it: URL-encoded or multipart; any other type is an empty form.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart};
use bytes::Bytes;
use http::header::CONTENT_TYPE;

use crate::py::Raised;
use crate::reply::Fault;
use crate::request::{Request, parse_form, utf8};

/// One field.
#[derive(Debug)]
pub(crate) enum Field {
    Text(String),
    /// A part with a file name.
    File {
        name: String,
        bytes: Bytes,
    },
}

/// The fields in order; of a repeated one the first counts.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, Field)>);

impl Form {
    pub(crate) async fn read(request: &mut Request) -> Result<Self, Fault> {
        let kind = request.header(CONTENT_TYPE).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-www-form-urlencoded" => {
                let bytes = request.bytes().await?;
                let fields = parse_form(utf8(&bytes)?.trim_end());
                Ok(Self(fields.into_iter().map(|(name, value)| (name, Field::Text(value))).collect()))
            }
            "multipart/form-data" => {
                let bytes = request.bytes().await?;
                multipart(&kind, bytes).await.map_err(Fault::Raised)
            }
            _ => Ok(Self::default()),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Field> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, field)| field)
    }

    /// A text field; a file in its place raises, since a file is no text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Raised> {
        match self.get(name) {
            None => Ok(None),
            Some(Field::Text(text)) => Ok(Some(text)),
            Some(Field::File { .. }) => Err(Raised::type_error(format!("field '{name}' is a file"))),
        }
    }
}

async fn multipart(kind: &str, bytes: Bytes) -> Result<Form, Raised> {
    let broken = |text: String| Raised::new("ValueError", text);
    let mut request = http::Request::new(Body::from(bytes));
    let kind = kind.parse().map_err(|_| broken("a content type that no header carries".to_owned()))?;
    request.headers_mut().insert(CONTENT_TYPE, kind);
    // The limit was applied when the body was read.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut parts = Multipart::from_request(request, &()).await.map_err(|e| broken(e.body_text()))?;
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|e| broken(e.body_text()))? {
        let name = part.name().unwrap_or_default().to_owned();
        // No file name is absolute, and a part with an empty one is a text.
        let file = part.file_name().map(|name| name.trim_start_matches(['\\', '/'])).filter(|name| !name.is_empty());
        let file = file.map(str::to_owned);
        let bytes = part.bytes().await.map_err(|e| broken(e.body_text()))?;
        let field = match file {
            Some(name) => Field::File { name, bytes },
            None => Field::Text(utf8(&bytes)?.to_owned()),
        };
        fields.push((name, field));
    }
    Ok(Form(fields))
}
