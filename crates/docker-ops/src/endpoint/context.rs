//! Docker's contexts, as its command line keeps them in its config folder.

use std::{io, path::Path};

use data_encoding::HEXLOWER;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Certificates, Endpoint, Rule, host};
use crate::{Error, ErrorKind};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<Docker>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Docker {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// The endpoint of the context `name`; none if it names no host, and so means the usual socket.
pub(super) fn read(config: Option<&Path>, name: &str, rule: &Rule) -> Result<Option<Endpoint>, Error> {
    let Some(config) = config else {
        return Err(Error::new(ErrorKind::InvalidConfig, format!("nothing says where Docker's contexts are, such as {rule}"))
            .hint("name Docker's config folder with `DOCKER_CONFIG`"));
    };
    let id = HEXLOWER.encode(&Sha256::digest(name));
    let path = config.join("contexts/meta").join(&id).join("meta.json");
    let shown = name.escape_debug();
    let text = std::fs::read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::new(ErrorKind::InvalidConfig, format!("there is no {rule}"))
            .hint("`docker context ls` shows which there are; no other engine is taken in its place"),
        _ => Error::new(ErrorKind::InvalidConfig, format!("`{}`, the context `{shown}`, can't be read", path.display()))
            .because(error),
    })?;
    let meta: Meta = serde_json::from_slice(&text).map_err(|error| {
        Error::new(ErrorKind::InvalidConfig, format!("`{}`, the context `{shown}`, can't be understood", path.display()))
            .because(error)
    })?;
    let Some(docker) = meta.endpoints.docker else {
        return Err(Error::new(ErrorKind::InvalidConfig, format!("the context `{shown}` leads to no Docker Engine")));
    };
    if docker.host.is_empty() {
        return Ok(None);
    }
    let folder = config.join("contexts/tls").join(&id).join("docker");
    let has_tls = ["ca.pem", "cert.pem", "key.pem"].iter().any(|file| folder.join(file).exists());
    if docker.skip_tls_verify {
        return Err(Error::new(
            ErrorKind::InvalidConfig,
            format!("the context `{shown}` asks for TLS without a look at the certificate"),
        )
        .hint(
            "whoever stands between could be root here: give it the authority with `docker context update --docker host=…,ca=…`",
        ));
    }
    let certificates = if has_tls { Some(certificates(&folder)?) } else { None };
    host::parse(&docker.host, certificates).map(Some).map_err(|error| error.hint(format!("it stands in the context `{shown}`")))
}

/// The certificates in `folder`, by the names that Docker gives them.
pub(super) fn certificates(folder: &Path) -> Result<Certificates, Error> {
    let [ca, certificate, key] = ["ca.pem", "cert.pem", "key.pem"].map(|file| folder.join(file));
    let lacks = |path: &Path| {
        Error::new(ErrorKind::InvalidConfig, format!("TLS is wanted, and there is no `{}`", path.display()))
            .hint("put `ca.pem`, `cert.pem` and `key.pem` there, or name their folder with `DOCKER_CERT_PATH`")
    };
    if !ca.exists() {
        return Err(lacks(&ca));
    }
    let client = match (certificate.exists(), key.exists()) {
        (true, true) => Some((certificate, key)),
        (false, false) => None,
        (true, false) => return Err(lacks(&key)),
        (false, true) => return Err(lacks(&certificate)),
    };
    Ok(Certificates { ca, client })
}
