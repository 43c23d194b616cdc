//! An engine behind ssh. A script plays ssh: it writes down what it was told, and leads to the stand-in.

use std::{os::unix::fs::PermissionsExt, path::Path};

use docker_ops::{Endpoint, Engine, Ssh};

use crate::{
    stand_in::{StandIn, Step},
    told,
};

fn script(folder: &Path, text: &str) -> std::path::PathBuf {
    let path = folder.join("ssh");
    // Another test's child may hold the file open for writing for a moment, and then it can't be started: so it is moved into place.
    let fresh = folder.join("fresh");
    std::fs::write(&fresh, format!("#!/bin/bash\n{text}\n")).unwrap();
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(fresh, &path).unwrap();
    path
}

fn box_through(program: std::path::PathBuf) -> Endpoint {
    let Ok(Endpoint::Ssh(target)) = Endpoint::parse("ssh://ann@gpu-box:2222/run/docker.sock") else { panic!("no ssh") };
    Endpoint::Ssh(Ssh { program, ..target })
}

#[tokio::test]
async fn the_command_line_is_dockers_own_and_a_refusal_is_told_in_sshs_words() {
    let folder = tempfile::tempdir().unwrap();
    let stand_in = StandIn::engine("1.41", "1.12", |_| vec![Step::Close]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, path) = (listener.local_addr().unwrap().port(), stand_in.path.clone());
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = tokio::net::UnixStream::connect(path).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    });
    let said = folder.path().join("said");
    let leads = format!("echo \"$@\" >> {}\nexec 3<>/dev/tcp/127.0.0.1/{port}\ncat <&3 &\ncat >&3\nkill $!", said.display());
    let engine = Engine::connect(&box_through(script(folder.path(), &leads))).await.unwrap();
    assert_eq!(engine.negotiated().used.to_string(), "1.41");
    insta::assert_snapshot!(std::fs::read_to_string(said).unwrap(), @"-o BatchMode=yes -o ConnectTimeout=30 -T -l ann -p 2222 -- gpu-box docker --host=unix:///run/docker.sock system dial-stdio");

    let refuses = script(folder.path(), "echo 'ann@gpu-box: Permission denied (publickey).' >&2; exit 255");
    let refused = Engine::connect(&box_through(refuses)).await.unwrap_err();
    let absent = Engine::connect(&box_through(folder.path().join("no-ssh"))).await.unwrap_err();
    let told = [told(&refused), told(&absent)].join("\n").replace(&folder.path().display().to_string(), "DIR");
    insta::assert_snapshot!(told, @"
    NoEngine: the engine at `ssh://ann@gpu-box:2222/run/docker.sock`: no engine answers through ssh
      because ssh ended before the engine answered: ann@gpu-box: Permission denied (publickey).
      hint: try `ssh HOST docker system dial-stdio`: it must log in without a question, and find `docker` there
    NoEngine: the engine at `ssh://ann@gpu-box:2222/run/docker.sock`: no engine answers through ssh
      because ssh ended before the engine answered: can't start `DIR/no-ssh`: No such file or directory (os error 2)
      hint: try `ssh HOST docker system dial-stdio`: it must log in without a question, and find `docker` there
    ");
}
