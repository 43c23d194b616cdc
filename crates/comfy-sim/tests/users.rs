//! `--multi-user`: the header `comfy-user` says who asks, and each route has its own way to refuse a stranger.

mod wire;

use comfy_sim::Server;
use serde_json::json;
use wire::{get, post};

const JSON: &str = "application/json";

#[tokio::test]
async fn users_have_settings_and_files_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || Server::builder().comfy_dir(folder.path()).multi_user(true).spawn();
    let server = start().await.expect("starts");
    let addr = server.addr();
    assert_eq!(get(addr, "/users", &[]).await.json(), json!({"storage": "server", "users": {}}));
    let made = post(addr, "/users", JSON, &[], r#"{"username": " Ada L. "}"#).await.json();
    let ada = made.as_str().expect("an id").to_owned();
    assert!(ada.starts_with("Ada-L-_") && ada.len() == 7 + 36, "{ada}");
    let bob = post(addr, "/users", JSON, &[], r#"{"username": "bob"}"#).await.json();
    let bob = bob.as_str().expect("an id");
    let again = post(addr, "/users", JSON, &[], r#"{"username": "bob"}"#).await;
    assert_eq!((again.status, again.json()), (400, json!({"error": "Duplicate username."})));

    let (as_ada, as_bob) = ([("comfy-user", ada.as_str())], [("comfy-user", bob)]);
    assert_eq!(post(addr, "/settings/theme", JSON, &as_ada, "\"dark\"").await.status, 200);
    assert_eq!(post(addr, "/userdata/a.txt", "text/plain", &as_ada, "hers").await.json(), json!("a.txt"));
    assert_eq!(get(addr, "/settings", &as_ada).await.json(), json!({"theme": "dark"}));
    assert_eq!(get(addr, "/settings", &as_bob).await.json(), json!({}));
    assert_eq!(get(addr, "/userdata/a.txt", &as_ada).await.text(), "hers");
    assert_eq!(get(addr, "/userdata/a.txt", &as_bob).await.status, 404);
    let climbed = format!("/userdata/..%2F{ada}%2Fa.txt");
    assert_eq!(get(addr, &climbed, &as_bob).await.status, 403);

    // Nobody is `default` here, and an id is no way out of the folder.
    for stranger in ["default", "eve", "..", ""] {
        let headers = [("comfy-user", stranger)];
        for (path, status) in [("/settings", 401), ("/userdata?dir=.", 500), ("/v2/userdata", 403), ("/userdata/a.txt", 500)] {
            assert_eq!(get(addr, path, &headers).await.status, status, "{stranger:?} {path}");
        }
    }
    assert_eq!(get(addr, "/settings", &[]).await.text(), "401: Unauthorized");

    server.shutdown().await;
    let users = get(start().await.expect("starts").addr(), "/users", &[]).await.json();
    assert_eq!(users, json!({"storage": "server", "users": {ada: "Ada L.", bob: "bob"}}));
}

#[tokio::test]
async fn alone_everybody_is_the_default_user() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::builder().comfy_dir(folder.path()).spawn().await.expect("starts");
    let stranger = [("comfy-user", "eve")];
    assert_eq!(get(server.addr(), "/users", &stranger).await.json(), json!({"storage": "server", "migrated": false}));
    assert_eq!(get(server.addr(), "/settings", &stranger).await.json(), json!({}));
    assert_eq!(get(server.addr(), "/users", &[]).await.json(), json!({"storage": "server", "migrated": true}));
}
