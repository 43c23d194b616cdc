//! What Docker's own rules choose.

use std::path::Path;

use super::*;

/// Docker's config folder with the contexts `far` and `broken`, and a socket that nobody asked for.
struct Stage {
    folder: tempfile::TempDir,
    places: Vec<Place>,
    _listener: tokio::net::UnixListener,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usual.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let places = vec![
            Place { path: folder.path().join("absent.sock"), whose: "the first place" },
            Place { path, whose: "the second place" },
        ];
        let stage = Self { folder, places, _listener: listener };
        stage.context("far", r#"{"Endpoints":{"docker":{"Host":"tcp://10.0.0.2:2375","SkipTLSVerify":false}}}"#);
        stage.context("broken", "{");
        stage
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn context(&self, name: &str, meta: &str) {
        let id = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(name));
        self.write(&format!("contexts/meta/{id}/meta.json"), meta);
    }

    fn asked(&self) -> Asked {
        Asked { config: Some(self.folder.path().to_owned()), ..Asked::default() }
    }

    async fn told(&self, asked: &Asked) -> String {
        let told = match asked.choose_among(&self.places).await {
            Ok(chosen) => {
                let notes: String = chosen.notes.iter().map(|note| format!("\n  note: {note}")).collect();
                format!("{} by {}{notes}", chosen.endpoint, chosen.rule)
            }
            Err(error) => {
                let under = std::error::Error::source(&error).map_or_else(String::new, |under| format!(": {under}"));
                format!("{:?}: {error}{under}\n  hint: {}", error.kind(), error.hints().join("; "))
            }
        };
        told.replace(&self.folder.path().display().to_string(), "DIR")
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn from_strong_to_weak() {
    let stage = Stage::new();
    let mut asked = stage.asked();
    let mut told = vec![stage.told(&asked).await];
    stage.write("config.json", r#"{"auths":{},"currentContext":"far"}"#);
    told.push(stage.told(&asked).await);
    asked.context_setting = text("default");
    told.push(stage.told(&asked).await);
    asked.context_setting = None;
    asked.host_setting = text("unix:///setting.sock");
    told.push(stage.told(&asked).await);
    asked.context = text("far");
    told.push(stage.told(&asked).await);
    asked.host = text("unix:///variable.sock");
    told.push(stage.told(&asked).await);
    asked.context_flag = text("default");
    told.push(stage.told(&asked).await);
    asked.context_flag = text("far");
    told.push(stage.told(&asked).await);
    asked.context_flag = None;
    asked.host_flag = text("ssh://ann@box");
    told.push(stage.told(&asked).await);
    insta::assert_snapshot!(told.join("\n"), @"
    unix://DIR/usual.sock by the second place, since nothing else is said
    tcp://10.0.0.2:2375 by context `far`, which `docker context use` chose
      note: `tcp://10.0.0.2:2375` is neither encrypted nor guarded: whoever reaches that port, or listens on the way, owns the machine behind it; use `ssh://`, or TLS (`DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH`)
    unix://DIR/usual.sock by the second place, since nothing else is said
    unix:///setting.sock by the settings' host
    tcp://10.0.0.2:2375 by context `far` of `DOCKER_CONTEXT`
      note: `tcp://10.0.0.2:2375` is neither encrypted nor guarded: whoever reaches that port, or listens on the way, owns the machine behind it; use `ssh://`, or TLS (`DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH`)
    unix:///variable.sock by `DOCKER_HOST`
      note: `DOCKER_CONTEXT=far` plays no part: `DOCKER_HOST` is stronger
    unix:///variable.sock by `DOCKER_HOST`
      note: `DOCKER_CONTEXT=far` plays no part: `DOCKER_HOST` is stronger
    tcp://10.0.0.2:2375 by context `far` of `--context`
      note: `tcp://10.0.0.2:2375` is neither encrypted nor guarded: whoever reaches that port, or listens on the way, owns the machine behind it; use `ssh://`, or TLS (`DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH`)
      note: `DOCKER_HOST` plays no part: `--context` is stronger
    ssh://ann@box by `--host`
    ");
}

#[tokio::test]
async fn what_cannot_be_meant_is_an_error_and_never_another_engine() {
    let stage = Stage::new();
    let asked = stage.asked();
    let mut silent = Stage::new();
    silent.places.truncate(1);
    let mut told = vec![
        stage.told(&Asked { host_flag: text("unix:///x"), context_flag: text("far"), ..asked.clone() }).await,
        stage.told(&Asked { context_flag: text("nope"), ..asked.clone() }).await,
        stage.told(&Asked { context: text("nope"), ..asked.clone() }).await,
        stage.told(&Asked { context: text("broken"), ..asked.clone() }).await,
        stage.told(&Asked { context: text("far"), config: None, ..asked.clone() }).await,
        stage.told(&Asked { host: text("https://box"), ..asked.clone() }).await,
        stage.told(&Asked { api_version: text("latest"), ..asked.clone() }).await,
        stage.told(&Asked { api_version: text("1.24"), ..asked.clone() }).await,
        silent.told(&silent.asked()).await,
    ];
    stage.write("config.json", "{");
    told.push(stage.told(&asked).await);
    insta::assert_snapshot!(told.join("\n"), @"
    InvalidConfig: `--host` and `--context` contradict each other
      hint: leave one away
    InvalidConfig: there is no context `nope` of `--context`
      hint: `docker context ls` shows which there are; no other engine is taken in its place
    InvalidConfig: there is no context `nope` of `DOCKER_CONTEXT`
      hint: `docker context ls` shows which there are; no other engine is taken in its place
    InvalidConfig: `DIR/contexts/meta/f526795c95399cea27c055c842c3d6ab018ed0fa4f66f701c28ab22dec28237b/meta.json`, the context `broken`, can't be understood: EOF while parsing an object at line 1 column 1
      hint: 
    InvalidConfig: nothing says where Docker's contexts are, such as context `far` of `DOCKER_CONTEXT`
      hint: name Docker's config folder with `DOCKER_CONFIG`
    InvalidConfig: `https://box` can't be an engine's host: it is written `tcp://`
      hint: write `tcp://box`; TLS comes with `DOCKER_TLS_VERIFY=1` and the certificates in `DOCKER_CERT_PATH`, or with a context that has them
    InvalidConfig: `DOCKER_API_VERSION` is `latest`, which is no version
      hint: write it like `1.41`, or unset it: the newest that both sides know is taken
    InvalidConfig: `DOCKER_API_VERSION` wants 1.24, and we speak 1.41 to 1.53
      hint: unset it: the newest that both sides know is taken
    NoEngine: no engine listens at any of the usual sockets: `DIR/absent.sock` is not there
      hint: start Docker Engine (`sudo systemctl start docker`); or say where it listens, with `--host`, `--context` or `DOCKER_HOST`
    InvalidConfig: `DIR/config.json` can't be understood, and it may say which engine is meant: EOF while parsing an object at line 1 column 1
      hint: repair it, or say which engine with `--host` or `DOCKER_HOST`
    ");
}

#[tokio::test]
async fn tls_needs_its_certificates_and_is_for_hosts_alone() {
    let stage = Stage::new();
    let asked = Asked { tls: true, host: text("tcp://box"), ..stage.asked() };
    let mut told = vec![stage.told(&asked).await];
    stage.write("certs/ca.pem", "");
    stage.write("certs/cert.pem", "");
    let asked = Asked { certificates: Some(stage.folder.path().join("certs")), ..asked };
    told.push(stage.told(&asked).await);
    stage.write("certs/key.pem", "");
    told.push(stage.told(&asked).await);
    told.push(stage.told(&Asked { host: text("unix:///x.sock"), ..asked.clone() }).await);
    told.push(stage.told(&Asked { context_flag: text("far"), ..asked.clone() }).await);
    stage.context("blind", r#"{"Endpoints":{"docker":{"Host":"tcp://box","SkipTLSVerify":true}}}"#);
    told.push(stage.told(&Asked { context_flag: text("blind"), ..asked.clone() }).await);
    stage.context("safe", r#"{"Endpoints":{"docker":{"Host":"tcp://box"}}}"#);
    let id = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest("safe"));
    stage.write(&format!("contexts/tls/{id}/docker/ca.pem"), "");
    let safe = Asked { context_flag: text("safe"), ..stage.asked() };
    told.push(stage.told(&safe).await);
    let Endpoint::Tls { certificates, .. } = safe.choose_among(&[]).await.unwrap().endpoint else { panic!("no TLS") };
    assert_eq!(certificates.ca, Path::new(stage.folder.path()).join(format!("contexts/tls/{id}/docker/ca.pem")));
    insta::assert_snapshot!(told.join("\n"), @"
    InvalidConfig: TLS is wanted, and there is no `DIR/ca.pem`
      hint: put `ca.pem`, `cert.pem` and `key.pem` there, or name their folder with `DOCKER_CERT_PATH`
    InvalidConfig: TLS is wanted, and there is no `DIR/certs/key.pem`
      hint: put `ca.pem`, `cert.pem` and `key.pem` there, or name their folder with `DOCKER_CERT_PATH`
    tcp://box:2376 with TLS by `DOCKER_HOST`
    unix:///x.sock by `DOCKER_HOST`
      note: `DOCKER_TLS_VERIFY` plays no part: `unix:///x.sock` was chosen by `DOCKER_HOST`
    tcp://10.0.0.2:2375 by context `far` of `--context`
      note: `tcp://10.0.0.2:2375` is neither encrypted nor guarded: whoever reaches that port, or listens on the way, owns the machine behind it; use `ssh://`, or TLS (`DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH`)
      note: `DOCKER_TLS_VERIFY` plays no part: `tcp://10.0.0.2:2375` was chosen by context `far` of `--context`
      note: `DOCKER_HOST` plays no part: `--context` is stronger
    InvalidConfig: the context `blind` asks for TLS without a look at the certificate
      hint: whoever stands between could be root here: give it the authority with `docker context update --docker host=…,ca=…`
    tcp://box:2376 with TLS by context `safe` of `--context`
    ");
}

#[tokio::test]
async fn a_dead_socket_on_the_way_is_told() {
    let mut stage = Stage::new();
    let dead = stage.folder.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    stage.places.insert(0, Place { path: dead, whose: "the dead place" });
    insta::assert_snapshot!(stage.told(&stage.asked()).await, @"
    unix://DIR/usual.sock by the second place, since nothing else is said
      note: `DIR/dead.sock` is there, but nobody listens
    ");
}
