//! A form body as `request.post()` reads it: URL-encoded or multipart; any other type is an empty form.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart};
use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use percent_encoding::percent_decode_str;

use crate::py::Raised;
use crate::reply::Fault;
use crate::request::{Request, decode, parse_form, utf8};

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
        // A part with an empty file name is a text.
        let disposition = part.headers().get(CONTENT_DISPOSITION).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let file = disposition.and_then(|text| file_name(&text)).filter(|name| !name.is_empty());
        let kind = part.content_type().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(|e| broken(e.body_text()))?;
        let field = match file {
            Some(name) => Field::File { name, bytes },
            None => Field::Text(decode(&bytes, &kind)?.into_owned()),
        };
        fields.push((name, field));
    }
    Ok(Form(fields))
}

/// The file name of a part's `Content-Disposition`. The extended one (RFC 5987) counts before the plain one.
fn file_name(disposition: &str) -> Option<String> {
    let (mut quoted, mut escaped) = (false, false);
    let parameters = disposition.split(|c| {
        let plain = !std::mem::take(&mut escaped);
        escaped = plain && quoted && c == '\\';
        quoted ^= plain && c == '"';
        c == ';' && !quoted
    });
    let mut name = None;
    for (key, value) in parameters.filter_map(|parameter| parameter.split_once('=')) {
        match key.trim().to_ascii_lowercase().as_str() {
            "filename*" => match extended(value.trim()) {
                None => {}
                extended => return extended,
            },
            "filename" => name = Some(unquoted(value.trim())),
            _ => {}
        }
    }
    name
}

/// `charset'language'percent-encoded`; none if it is not of that form.
fn extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, coded) = rest.split_once('\'').filter(|(_, coded)| !coded.contains('\''))?;
    let bytes = percent_decode_str(coded);
    match charset.to_ascii_lowercase().as_str() {
        "" | "utf-8" => bytes.decode_utf8().ok().map(Into::into),
        "iso-8859-1" => Some(bytes.map(char::from).collect()),
        _ => None,
    }
}

/// The text between quotation marks, never absolute and without the backslashes that escape; a bare word as it is.
fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut chars = inner.trim_start_matches(['\\', '/']).chars();
    std::iter::from_fn(|| chars.next().and_then(|c| if c == '\\' { chars.next() } else { Some(c) })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_extended_quoted_or_bare() {
        for (parameters, name) in [
            ("", None),
            ("; filename=a.png", Some("a.png")),
            (r#"; FileName="a;b \"c\".png""#, Some(r#"a;b "c".png"#)),
            (r#"; filename="..\\e2.png""#, Some(r"..\e2.png")),
            (r#"; filename="/\a.png""#, Some("a.png")),
            ("; filename*=UTF-8''t%C3%BC.png", Some("tü.png")),
            (r#"; filename*=iso-8859-1'de't%FC.png; filename="t.png""#, Some("tü.png")),
            (r#"; filename="t.png"; filename*=utf-8''%FF"#, Some("t.png")),
        ] {
            assert_eq!(file_name(&format!("form-data; name=\"image\"{parameters}")).as_deref(), name, "{parameters}");
        }
    }

    #[tokio::test]
    async fn a_part_with_an_extended_name_alone_is_a_file() {
        let body =
            "--b\r\nContent-Disposition: form-data; name=\"image\"; filename*=UTF-8''t%C3%BC.png\r\n\r\n\u{1}\r\n--b--\r\n";
        let form = multipart("multipart/form-data; boundary=b", body.into()).await.expect("a form");
        assert!(matches!(form.get("image"), Some(Field::File { name, .. }) if name == "tü.png"), "{form:?}");
    }
}
