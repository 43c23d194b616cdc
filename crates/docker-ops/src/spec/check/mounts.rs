//! Mounts: folders only, none that gives the machine away, and the one without which no login is proven.

use std::{
    fs,
    os::unix::fs::FileTypeExt as _,
    path::{Component, Path},
};

use super::{Found, ServiceSpec};
use crate::{Mount, MountRole, spec::PLUGIN};

/// Endings of names that are files.
const FILES: &[&str] =
    &["conf", "env", "ini", "json", "key", "pem", "pt", "pth", "py", "safetensors", "sh", "sock", "toml", "txt", "yaml", "yml"];
/// Files of the login's folder, and others without an ending.
const FILE_NAMES: &[&str] = &["GUEST_MODE", "PASSWORD", ".env", ".secret-key.txt"];
/// Where passwords themselves are kept.
const SECRETS: &str = ".secrets";
/// Folders with which a container owns the machine; what lies in them may be meant.
const MACHINE: &[&str] = &["/", "/usr", "/var", "/var/lib"];
/// Where users' own folders are, and the one of root.
const HOMES: &[&str] = &["/home", "/root"];
/// Folders of which nothing is meant: devices, the system's settings, and the sockets and stores of engines.
const SYSTEM: &[&str] = &[
    "/boot",
    "/dev",
    "/etc",
    "/proc",
    "/run",
    "/sys",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/run",
];
/// Where desktops put disks; what lies below is no part of the system.
const DISKS: &str = "/run/media";

pub(super) fn check(found: &mut Found, at: &str, service: &ServiceSpec, project: &Path) {
    for (nth, mount) in service.mounts.iter().enumerate() {
        let at = format!("{at}.mounts[{nth}]");
        source(found, &at, &mount.source, project);
        let target = Path::new(&mount.target);
        if !target.is_absolute() || target.components().any(|part| part == Component::ParentDir) {
            found.refuse(&at, "its path in the container is not absolute", "name it from the root of the file system");
        } else if target == Path::new("/") {
            found.refuse(&at, "it would hide the whole image", "mount it at a folder of its own");
        }
        if service.mounts[..nth].iter().any(|other| Path::new(&other.target) == target) {
            found.refuse(&at, format!("`{}` is mounted twice", mount.target.escape_debug()), "mount one folder there");
        }
        if let Some(part) = hidden(service, target) {
            let message = format!("`{}` would hide a part of {part}", mount.target.escape_debug());
            found.refuse(&at, message, "mount it at a folder of its own");
        }
        if mount.role == MountRole::Models && !mount.read_only {
            found.warn(&at, "models can be changed from the container", "let it be read only: every node may run code");
        }
    }
    if !service.mounts.iter().any(is_login) {
        let message = "no `login` folder is mounted, so nothing proves that the server is locked";
        found.refuse(&format!("{at}.mounts"), message, "mount ComfyUI's `login` folder, with PASSWORD in it");
    }
}

fn is_login(mount: &Mount) -> bool {
    mount.role == MountRole::Login
}

/// What of the login a mount at `target` would put something else in the place of.
fn hidden(service: &ServiceSpec, target: &Path) -> Option<&'static str> {
    let is_below = |login: &Mount| target != Path::new(&login.target) && target.starts_with(&login.target);
    if service.mounts.iter().filter(|mount| is_login(mount)).any(is_below) {
        return Some("the `login` folder");
    }
    let plugin = service.custom_nodes_inside()?.join(PLUGIN);
    target.starts_with(plugin).then_some("the plugin")
}

fn source(found: &mut Found, at: &str, source: &Path, project: &Path) {
    let shown = source.display();
    if !source.is_absolute() || source.components().any(|part| part == Component::ParentDir) {
        found.refuse(at, format!("`{shown}` is not absolute"), "name it from the root of the file system, without `..`");
    }
    let name = source.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let ending = source.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    if name == "docker.sock" || is_the_machines(source) {
        let message = format!("`{shown}` gives the whole machine to the container");
        found.refuse(at, message, "mount the folders that ComfyUI needs, and no more");
    } else if HOMES.iter().any(|homes| source == Path::new(homes)) || source.parent() == Some(Path::new(HOMES[0])) {
        let message = format!("`{shown}` gives all that a user keeps to the container, such as keys");
        found.refuse(at, message, "mount the folders in it that ComfyUI needs");
    } else if FILE_NAMES.contains(&name) || FILES.contains(&&*ending) {
        let message = format!("`{shown}` is a single file, which goes stale when it is replaced");
        found.refuse(at, message, "mount its folder");
    } else if source.components().any(|part| part.as_os_str() == SECRETS) {
        found.refuse(at, format!("`{shown}` holds passwords"), "mount the `login` folder: it holds the token alone");
    } else if project.starts_with(source) {
        let message = format!("`{shown}` holds the project itself, with its settings and passwords");
        found.refuse(at, message, "mount the folders in it that ComfyUI needs");
    }
}

fn is_the_machines(source: &Path) -> bool {
    let is_disk = source.strip_prefix(DISKS).is_ok_and(|disk| disk.components().next().is_some());
    MACHINE.iter().any(|folder| source == Path::new(folder))
        || (!is_disk && SYSTEM.iter().any(|folder| source.starts_with(folder)))
}

/// What is wrong with the folders as they are on this machine: where links lead, and what lies in them.
pub(super) fn here(found: &mut Found, at: &str, service: &ServiceSpec, project: &Path) {
    // What is not there is no matter of this check.
    let project = fs::canonicalize(project).unwrap_or_else(|_| project.to_owned());
    for (nth, mount) in service.mounts.iter().enumerate() {
        let at = format!("{at}.mounts[{nth}]");
        let Ok(real) = fs::canonicalize(&mount.source) else { continue };
        if real != mount.source {
            let mut behind = Found::default();
            source(&mut behind, &at, &real, &project);
            for violation in behind.0 {
                let message = format!("`{}` leads elsewhere, and {}", mount.source.display(), violation.message);
                found.add(violation.severity, &at, message, violation.hint);
            }
        }
        let inside = fs::read_dir(&real).into_iter().flatten().flatten();
        let told = inside.filter_map(|one| {
            let name = one.file_name();
            match one.file_type() {
                Ok(kind) if kind.is_socket() => Some(("socket", name)),
                _ if name == SECRETS => Some(("passwords in", name)),
                _ => None,
            }
        });
        if let Some((what, name)) = told.min() {
            let message = format!("`{}` holds the {what} `{}`", mount.source.display(), name.display());
            found.refuse(&at, message, "mount a folder that does not hold it");
        }
    }
}
