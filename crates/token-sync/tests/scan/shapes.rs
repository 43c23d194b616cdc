//! The 20 shapes in which a token lies about in a project, of which the known scanners find at most one.

use data_encoding::BASE64;

use super::{matches, scanner, token};

/// Name and content of a file that holds `token` once.
fn shapes(token: &str) -> [(&'static str, String); 20] {
    let doubled = token.replace('$', "$$");
    let escaped = token.replace('$', "\\$");
    let percent = token.replace('$', "%24");
    let base64 = BASE64.encode(format!("COMFYUI_API_TOKEN={token}\n").as_bytes());
    [
        (".env quoted", format!("# settings\nCOMFYUI_API_TOKEN='{token}'\n")),
        (".env bare", format!("COMFYUI_API_TOKEN={token}\n")),
        (".env, api-key name", format!("API_KEY=\"{token}\"\r\n")),
        ("compose", format!("services:\n  a:\n    environment:\n      TOKEN: {doubled}\n")),
        ("PASSWORD", format!("{token}\nann\n")),
        ("JSON store", format!("{{\"version\": \"1.0\", \"bcrypt_hash\": \"{token}\", \"locations\": []}}")),
        ("bare file", token.to_owned()),
        ("curl, single quotes", format!("curl -H 'Authorization: Bearer {token}' http://127.0.0.1:8188/prompt\n")),
        ("curl, double quotes", format!("curl -H \"Authorization: Bearer {escaped}\" http://127.0.0.1:8188/prompt\n")),
        ("Python constant", format!("TOKEN = \"{token}\"\n")),
        ("Python header", format!("headers = {{'Authorization': f'Bearer {token}'}}\n")),
        ("URL plain", format!("ws://127.0.0.1:8188/ws?token={token}&clientId=1\n")),
        ("URL encoded", format!("GET /ws?clientId=1&token={} HTTP/1.1\n", percent.replace('/', "%2F"))),
        ("TOML", format!("[server]\ntoken = \"{token}\" # ours\n")),
        ("YAML", format!("token: {token}\nuser: ann\n")),
        ("log line", format!("[INFO] For direct API calls, use token={token}.\n")),
        ("systemd unit", format!("[Service]\nEnvironment=\"TOKEN={token}\"\n")),
        ("base64 YAML", format!("kind: Secret\ndata:\n  token: {base64}\n")),
        ("notebook", format!("{{\"source\": [\"t = \\\"{token}\\\"\\n\", \"print(1)\"]}}\n")),
        ("htpasswd", format!("ann:{token}\nbob:{{SHA}}x\n")),
    ]
}

#[test]
fn all_twenty_planted_shapes_are_found_with_every_kind_of_salt() {
    for kind in 0..5 {
        let token = token(kind);
        let scanner = scanner(std::slice::from_ref(&token));
        let found: Vec<_> =
            shapes(token.expose()).into_iter().map(|(name, text)| (name, matches(&scanner, text).len())).collect();
        assert_eq!(found.iter().filter(|(_, count)| *count == 1).count(), 20, "{found:?}");
    }
}

#[test]
fn nineteen_of_them_are_found_without_knowing_the_token() {
    let token = token(3);
    let scanner = scanner(&[]);
    let missed: Vec<_> =
        shapes(token.expose()).into_iter().filter(|(_, text)| matches(&scanner, text).len() != 1).map(|(name, _)| name).collect();
    assert_eq!(missed, ["base64 YAML"]);
}
