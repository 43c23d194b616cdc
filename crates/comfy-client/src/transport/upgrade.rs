//! From an HTTP request to a WebSocket: same client, same TLS, same headers, same refusals.

use data_encoding::BASE64;
use http::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::pulse::{Felt, Pulse};
use super::{Transport, head_of, header};
use crate::error::{Error, ErrorKind};
use crate::judge::Reply;
use crate::request::Request;
use crate::secret::Credential;

/// An open WebSocket.
pub(crate) type WebSocket = WebSocketStream<Felt<reqwest::Upgraded>>;

/// What became of an upgrade.
pub(crate) enum Upgrade {
    Open(Box<WebSocket>),
    /// The server answered otherwise.
    Declined(Reply),
}

/// The request for `/ws`, pure but for the key, which is given.
pub(crate) fn request(client_id: &str, key: &str, credential: Option<Credential>) -> Request {
    let pairs: [(HeaderName, &str); 4] =
        [(CONNECTION, "Upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_VERSION, "13"), (SEC_WEBSOCKET_KEY, key)];
    let request = Request::get("/ws").query("clientId", client_id);
    let request = pairs.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    match credential {
        Some(credential) => request.credential(credential),
        None => request,
    }
}

impl Transport {
    /// Asks for a WebSocket in the name of `client_id`, whose bytes are felt in `pulse`.
    pub(crate) async fn upgrade(&self, client_id: &str, credential: Option<Credential>, pulse: Pulse) -> Result<Upgrade, Error> {
        let key = BASE64.encode(&self.config().ids.draw()?);
        let request = request(client_id, &key, credential);
        let time = self.config().request_timeout;
        let whole = async {
            let mut answer = self.send(&request).await?;
            if answer.status() != http::StatusCode::SWITCHING_PROTOCOLS {
                let mut reply = head_of(&answer);
                reply.body = answer.chunk().await.ok().flatten().unwrap_or_default();
                return Ok(Upgrade::Declined(reply));
            }
            if header(answer.headers(), &SEC_WEBSOCKET_ACCEPT).as_deref() != Some(&*derive_accept_key(key.as_bytes())) {
                let message = format!("`{}` opened a WebSocket for somebody else's key", self.base());
                return Err(Error::new(ErrorKind::Protocol, message)
                    .with_status(101)
                    .hint("a proxy that caches or replays the upgrade stands between"));
            }
            let stream = answer.upgrade().await.map_err(|cause| Error::transport(self.base(), cause))?;
            let stream = Felt { stream, pulse };
            let limit = Some(self.config().frame_limit);
            let config = WebSocketConfig::default().max_frame_size(limit).max_message_size(limit);
            Ok(Upgrade::Open(Box::new(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await)))
        };
        timeout(time, whole).await.unwrap_or_else(|_| Err(Error::out_of_time(self.base(), time)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn the_upgrade_carries_credential_and_origin_like_any_request() {
        let config = Config::new("http://127.0.0.1:8188/sub")
            .unwrap()
            .credential(Credential::Bearer("t".into()))
            .origin("https://app.example.org");
        let head = request("c1", "a2V5", None).head(&config).unwrap();
        let mut lines: Vec<String> =
            head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        insta::assert_snapshot!(format!("{}\n{}", head.url, lines.join("\n")), @"
        http://127.0.0.1:8188/sub/ws?clientId=c1
        accept: application/json
        authorization: Bearer t
        connection: Upgrade
        origin: https://app.example.org
        sec-websocket-key: a2V5
        sec-websocket-version: 13
        upgrade: websocket
        ");
    }
}
