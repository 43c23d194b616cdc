//! A rotation that is killed in its middle, as the user's next command finds it.

use auth_core::{BcryptHash, Password, SourceOfTruth};
use comfy_sim::{Login, Server};

use crate::drift::Place;

const SOURCE: &str = ".secrets/comfyui_auth_tokens.conf";

#[test]
fn killed_at_the_restart_it_goes_on_and_is_proven() {
    let place = Place::empty();
    let old: auth_core::LoginToken = BcryptHash::of(&Password::new("pw").unwrap(), 4, [7; 16]).unwrap().into();
    let entry = r#"{"path": "ComfyUI/login/PASSWORD", "dialect": "login-password"}"#;
    let source = format!(
        r#"{{"version": "2", "user": "ann", "raw_token": "pw", "bcrypt_hash": "{}", "targets": [{entry}]}}"#,
        old.expose()
    );
    place.write(SOURCE, &source);
    place.write("ComfyUI/login/PASSWORD", &format!("{}\nann", old.expose()));
    for (name, mode) in [(".secrets", 0o700), (SOURCE, 0o600)] {
        std::fs::set_permissions(place.at(name), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let serve = |listen| Server::builder().comfy_dir(place.at("ComfyUI")).login(Login::Plugin).listen(listen).spawn();
    let server = runtime.block_on(serve("127.0.0.1:0".parse().unwrap())).unwrap();
    let (url, listen) = (server.url(), server.addr());
    let on_file = || SourceOfTruth::parse(place.read(SOURCE).as_bytes()).unwrap();

    let killed = place.command(&["rotate", "--url", &url, "--restart", "kill -9 $PPID"]).output().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&killed.status), Some(9));
    let pending = on_file();
    assert_eq!(pending.previous(), Some(&old));
    assert!(place.read("ComfyUI/login/PASSWORD").starts_with(pending.token().expose()), "written before it was killed");

    runtime.block_on(server.shutdown());
    let server = runtime.block_on(serve(listen)).unwrap();
    let (code, out, err) = place.run(&["rotate", "--url", &url]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("going on with it") && out.contains("old-token-refused"), "{out}");
    assert_eq!((on_file().token(), on_file().previous()), (pending.token(), None));
    runtime.block_on(server.shutdown());
}

/// A rotation hashes for a while before it takes the lock; what another command wrote meanwhile is not lost.
#[test]
fn a_target_that_is_added_while_a_rotation_hashes_is_kept() {
    let place = Place::empty();
    place.write("login/PASSWORD", "first-token\nann\n");
    assert_eq!(place.run(&["unify", "--from", "login/PASSWORD", "--yes"]).0, 0);
    place.write("web/.env", "API=foreign\nCOMFY_TOKEN=$2b$12$xxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
    let rotating = place.command(&["rotate", "--url", "http://127.0.0.1:9"]).stdout(std::process::Stdio::null()).spawn();
    let (code, _, err) = place.run(&["unify", "--from", SOURCE, "--also", "web/.env COMFY_TOKEN", "--yes"]);
    let _ = rotating.unwrap().wait();
    assert!(code == 0 || err.contains("changed meanwhile"), "{err}");
    if code == 0 {
        assert!(place.read(SOURCE).contains("web/.env"), "the new target was lost");
        let source = SourceOfTruth::parse(place.read(SOURCE).as_bytes()).unwrap();
        assert!(place.read("web/.env").contains(source.token().expose()), "the new target holds the token from before");
    }
}
