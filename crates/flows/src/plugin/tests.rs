//! A made-up plugin installed, changed, removed; archives and repositories of the test's own.

use std::{
    fs,
    io::{Cursor, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use report::{ChangeKind, FailureKind};

use super::*;

/// A plugin that is none, with the files by which one is known.
const FILES: [(&str, &str); 4] =
    [("__init__.py", "from .password import *\n"), ("password.py", "# the door\n"), ("login.html", "<form>"), ("js/out.js", "")];

/// What has no digest, and lets in whoever made it: a key that signs sessions, and code that Python runs in place of a file.
const PLANTED: [(&str, &str); 2] = [(".secret-key.txt", "a known key"), ("__pycache__/password.cpython-312.pyc", "open")];

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("custom_nodes")).unwrap();
        Self { folder }
    }

    fn nodes(&self) -> PathBuf {
        self.folder.path().join("custom_nodes")
    }

    fn plugin(&self, name: &str) -> PathBuf {
        self.nodes().join(NAME).join(name)
    }

    /// The made-up plugin in a folder, and what pins it.
    fn source(&self) -> (PathBuf, Wanted) {
        let folder = self.folder.path().join("source");
        for (name, content) in FILES {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let digest = Manifest::of(&folder).unwrap().digest();
        (folder.clone(), Wanted { source: Source::Folder(folder), digest, wheels: None })
    }

    /// Nothing came along but the plugin's own files.
    fn is_clean(&self) -> bool {
        PLANTED.iter().all(|(name, _)| !self.plugin(name).exists())
    }

    async fn verdict(&self, wanted: &Wanted) -> (&'static str, String) {
        let finding = verify(&self.nodes(), wanted, None).await;
        (finding.outcome.name(), finding.summary)
    }

    /// Everything in `custom_nodes`, so that nothing is left behind unseen.
    fn listed(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(self.nodes()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn the_shipped_list_is_the_measured_plugins() {
    assert_eq!(Digest::known().to_string(), "fbfb8cefe9e763d14c37d83447831dcb0f8e1409d584cf4c8a238baeeeebd77f");
}

#[tokio::test]
async fn done_twice_it_changes_nothing() {
    let place = Place::new();
    let (_, wanted) = place.source();
    assert_eq!(place.verdict(&wanted).await.0, "fail", "absent");
    assert_eq!(install(&place.nodes(), &wanted).await.unwrap().kind, ChangeKind::Created);
    let inode = fs::metadata(place.plugin("")).unwrap().ino();
    // What Python and the plugin write there is no change of it.
    fs::create_dir(place.plugin("__pycache__")).unwrap();
    fs::write(place.plugin("__pycache__/password.pyc"), "x").unwrap();
    assert_eq!(install(&place.nodes(), &wanted).await.unwrap().kind, ChangeKind::Kept);
    assert_eq!(fs::metadata(place.plugin("")).unwrap().ino(), inode);
    assert_eq!(place.verdict(&wanted).await.0, "pass");
    assert_eq!(place.listed(), [".ComfyUI-Login.sha256", "ComfyUI-Login"]);
}

#[tokio::test]
async fn what_differs_is_named_and_brought_back_and_the_key_is_kept() {
    let place = Place::new();
    let (_, wanted) = place.source();
    install(&place.nodes(), &wanted).await.unwrap();
    let key = format!("{},2026-01-02T03:04:05.678901", data_encoding::BASE64URL.encode(&[7; 32]));
    fs::write(place.plugin(".secret-key.txt"), &key).unwrap();
    fs::write(place.plugin("password.py"), "# open\n").unwrap();
    fs::write(place.plugin("extra.py"), "").unwrap();
    fs::remove_file(place.plugin("js/out.js")).unwrap();
    let finding = verify(&place.nodes(), &wanted, None).await;
    let named: Vec<_> = finding.evidence.iter().filter(|one| one.name == "file").map(|one| one.value.as_str()).collect();
    assert_eq!(named, ["`extra.py` was added", "`password.py` was changed", "`js/out.js` is not there"]);
    assert_eq!(install(&place.nodes(), &wanted).await.unwrap().kind, ChangeKind::Changed);
    assert_eq!(place.verdict(&wanted).await.0, "pass");
    assert_eq!(fs::read_to_string(place.plugin(".secret-key.txt")).unwrap(), key, "who is logged in stays logged in");

    // The list lies where anybody may change it, and is believed for its digest only.
    fs::write(place.plugin("password.py"), "# open\n").unwrap();
    let forged = Manifest::of(&place.plugin("")).unwrap().to_string();
    fs::write(place.nodes().join(".ComfyUI-Login.sha256"), forged).unwrap();
    let (outcome, summary) = place.verdict(&wanted).await;
    assert!(outcome == "fail" && summary.contains("not the pinned ones"), "{summary}");
}

#[tokio::test]
async fn whatever_python_would_import_in_place_of_a_pinned_file_is_seen() {
    let place = Place::new();
    let (_, wanted) = place.source();
    install(&place.nodes(), &wanted).await.unwrap();
    for path in [
        "password.so",
        "password.cpython-312-x86_64-linux-gnu.so",
        "password.pyc",
        "password/__init__.py",
        "json.py",
        "js/__pycache__/x.pyc",
    ] {
        fs::create_dir_all(place.plugin(path).parent().unwrap()).unwrap();
        fs::write(place.plugin(path), "x").unwrap();
        let (outcome, summary) = place.verdict(&wanted).await;
        assert!(outcome == "fail" && summary.contains(&format!("`{path}` was added")), "{summary}");
        let inside = tape(&[(format!("{NAME}/{path}").as_str(), "x")]);
        assert!(Manifest::of_archive(inside.as_slice()).unwrap().0.has(path), "{path}");
        assert_eq!(install(&place.nodes(), &wanted).await.unwrap().kind, ChangeKind::Changed);
    }
    // A file without its source is not found where Python keeps what it compiled, and a container sees an empty folder there. A link
    // in its place would lead elsewhere.
    fs::create_dir(place.plugin("__pycache__")).unwrap();
    fs::rename(place.plugin("__pycache__"), place.folder.path().join("compiled")).unwrap();
    std::os::unix::fs::symlink(place.folder.path().join("compiled"), place.plugin("__pycache__")).unwrap();
    assert_eq!(place.verdict(&wanted).await.0, "fail");
}

#[tokio::test]
async fn a_plugin_that_comfyui_can_not_load_is_seen() {
    let place = Place::new();
    let (_, wanted) = place.source();
    install(&place.nodes(), &wanted).await.unwrap();
    fs::write(place.plugin(".secret-key.txt"), "no key").unwrap();
    assert!(place.verdict(&wanted).await.1.contains("damaged"));
    assert_eq!(install(&place.nodes(), &wanted).await.unwrap().kind, ChangeKind::Changed, "a damaged key is not kept");
    fs::rename(place.plugin(""), place.nodes().join("ComfyUI-Login.disabled")).unwrap();
    assert!(place.verdict(&wanted).await.1.contains("switched off"));
    // A link can lead elsewhere tomorrow.
    install(&place.nodes(), &wanted).await.unwrap();
    fs::remove_file(place.plugin("login.html")).unwrap();
    std::os::unix::fs::symlink(place.folder.path().join("source/login.html"), place.plugin("login.html")).unwrap();
    assert_eq!(place.verdict(&wanted).await.0, "fail");
    // In the container, a linked folder leads to nothing.
    install(&place.nodes(), &wanted).await.unwrap();
    fs::rename(place.plugin(""), place.folder.path().join("moved")).unwrap();
    std::os::unix::fs::symlink(place.folder.path().join("moved"), place.nodes().join(NAME)).unwrap();
    assert_eq!(place.verdict(&wanted).await.0, "unknown");
    assert_eq!(install(&place.nodes(), &wanted).await.unwrap().kind, ChangeKind::Changed);
    assert_eq!(place.verdict(&wanted).await.0, "pass");
}

#[tokio::test]
async fn no_planted_link_is_followed() {
    let place = Place::new();
    let (_, wanted) = place.source();
    let victim = place.folder.path().join("victim");
    fs::write(&victim, "as it was").unwrap();
    std::os::unix::fs::symlink(&victim, place.nodes().join(".ComfyUI-Login.sha256")).unwrap();
    install(&place.nodes(), &wanted).await.unwrap();
    assert_eq!(fs::read_to_string(victim).unwrap(), "as it was");
    assert_eq!(place.verdict(&wanted).await.0, "pass");
}

#[tokio::test]
async fn another_plugin_than_the_pinned_one_is_not_installed() {
    let place = Place::new();
    let (folder, wanted) = place.source();
    let pinned = Wanted { digest: Digest::known(), ..wanted.clone() };
    let failure = install(&place.nodes(), &pinned).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Declined);
    assert!(failure.hints[0].contains(&format!("--digest {}", wanted.digest)), "{failure:?}");
    assert!(failure.causes.iter().any(|cause| cause.contains("`password.py` was changed")), "{failure:?}");
    fs::remove_file(folder.join("password.py")).unwrap();
    assert!(install(&place.nodes(), &wanted).await.unwrap_err().message.contains("holds no ComfyUI-Login"));
    assert!(place.listed().is_empty(), "{:?}", place.listed());
}

#[tokio::test]
async fn of_a_folder_only_the_plugin_is_taken_and_not_without_end() {
    let place = Place::new();
    let (source, wanted) = place.source();
    // As in ComfyUI's own folder, other things lie beside it, the target among them.
    std::os::unix::fs::symlink("/", place.folder.path().join("models")).unwrap();
    let around = Wanted { source: Source::Folder(place.folder.path().to_owned()), ..wanted.clone() };
    assert_eq!(install(&place.nodes(), &around).await.unwrap().kind, ChangeKind::Created);
    fs::remove_dir_all(place.plugin("")).unwrap();
    fs::File::create_new(source.join("model.safetensors")).unwrap().set_len(60 << 30).unwrap();
    let failure = install(&place.nodes(), &wanted).await.unwrap_err();
    assert!(failure.message.ends_with("more than 64 MiB"), "{failure:?}");
}

#[tokio::test]
async fn what_the_container_plants_is_not_read_without_end() {
    let place = Place::new();
    let (_, wanted) = place.source();
    install(&place.nodes(), &wanted).await.unwrap();
    let (key, sound) = (place.plugin(".secret-key.txt"), place.folder.path().join("sound"));
    fs::write(&sound, format!("{},2026-01-02T03:04:05.678901", data_encoding::BASE64URL.encode(&[7; 32]))).unwrap();
    std::os::unix::fs::symlink(&sound, &key).unwrap();
    assert!(place.verdict(&wanted).await.1.contains("damaged"), "what a link leads to is not the plugin's key");
    fs::remove_file(key).unwrap();
    fs::File::create_new(place.plugin("endless.py")).unwrap().set_len(65 << 20).unwrap();
    let finding = verify(&place.nodes(), &wanted, None).await;
    assert!(matches!(&finding.outcome, report::Outcome::Unknown(reason) if reason == "more than 64 MiB"), "{finding:?}");
}

fn tape(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut tape = tar::Builder::new(Vec::new());
    for (name, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // As a hostile archive has it: the builder's own way refuses `..`.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tape.append(&header, content.as_bytes()).unwrap();
    }
    tape.into_inner().unwrap()
}

fn zipped(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn out_of_archives_with_a_folder_at_their_top_or_without() {
    let all = [&FILES[..], &PLANTED].concat();
    let below: Vec<_> = all.iter().map(|(name, content)| (format!("ComfyUI-Login-main/{name}"), *content)).collect();
    let below: Vec<_> = below.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    let gz = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    for bytes in [zipped(&all), zipped(&below), tape(&all), gz(&tape(&below))] {
        let place = Place::new();
        let path = place.folder.path().join("plugin.archive");
        fs::write(&path, bytes).unwrap();
        let wanted = Wanted { source: Source::Archive(path), ..place.source().1 };
        assert_eq!(install(&place.nodes(), &wanted).await.unwrap().kind, ChangeKind::Created);
        assert!(place.verdict(&wanted).await.0 == "pass" && place.is_clean());
    }
}

#[test]
fn a_containers_files_are_judged_as_a_folders_are() {
    let place = Place::new();
    let (source, wanted) = place.source();
    let below = |files: &[(&str, &str)]| {
        let below: Vec<_> = files.iter().map(|(name, content)| (format!("{NAME}/{name}"), *content)).collect();
        tape(&below.iter().map(|(name, content)| (name.as_str(), *content)).collect::<Vec<_>>())
    };
    let of = |on: Option<&[u8]>, off: Option<&[u8]>| facts::look_inside(Path::new("/opt/custom_nodes"), on, off, &wanted);
    let mut with_more = FILES.to_vec();
    with_more.extend([("__pycache__/password.pyc", "x"), (".git/HEAD", "x"), (".secret-key.txt", "damaged")]);
    let well = of(Some(&below(&with_more)), None);
    assert_eq!(well.digest, Ok(Manifest::of(&source).unwrap().digest()), "the same as of a folder");
    assert_eq!(
        (well.is_present, well.key, well.folder.display().to_string()),
        (true, KeyFile::Malformed, format!("/opt/custom_nodes/{NAME}"))
    );
    assert_ne!(of(Some(&below(&[("password.py", "pass")])), None).digest, well.digest);
    let off = of(None, Some(&below(&FILES)));
    assert!(!off.is_present && off.disabled.is_some());
    let absent = of(None, None);
    assert!(!absent.is_present && absent.disabled.is_none());
    for unread in [&b"no archive"[..], &tape(&[(NAME, "a file, or a link")])] {
        let facts = of(Some(unread), None);
        assert!(facts.is_present && facts.digest.is_err(), "what can't be read is not known to be absent: {facts:?}");
    }
}

#[test]
fn no_archive_leads_out_of_its_folder() {
    let place = Place::new();
    let refused = |bytes: &[u8]| {
        let (path, into) = (place.folder.path().join("a"), place.folder.path().join("into"));
        fs::write(&path, bytes).unwrap();
        fs::create_dir_all(&into).unwrap();
        let refused = archive::unpack(&path, &into).is_err();
        fs::remove_dir_all(&into).unwrap();
        refused
    };
    assert!(!refused(&tape(&[("x", "")])));
    for name in ["../x", "/x", "a/../../x", "a\\..\\x"] {
        assert!(refused(&tape(&[(name, "")])), "{name}");
        assert!(refused(&zipped(&[(name, "")])), "{name}");
    }
    assert!(refused(&tape(&[("x", "1"), ("x", "2")])), "twice the same name");
    let mut link = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    link.append_link(&mut header, "x", "/etc").unwrap();
    assert!(refused(&link.into_inner().unwrap()));
    // A long name is read into memory before anybody can count the file's bytes.
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(1 << 40);
    header.set_cksum();
    let endless = header.as_bytes().iter().copied().chain(std::iter::repeat(b'x'));
    assert!(archive::untar(Endless(endless), place.folder.path()).is_err());
    assert!(refused(b"") && refused(b"no archive at all") && refused(b"PK\x03\x04 cut"));
    assert!(!place.folder.path().join("x").exists() && !Path::new("/x").exists());
}

/// Bytes without end.
struct Endless<I>(I);

impl<I: Iterator<Item = u8>> std::io::Read for Endless<I> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok(buffer.iter_mut().zip(&mut self.0).map(|(place, byte)| *place = byte).count())
    }
}

/// git with an identity, in a repository of its own.
#[expect(clippy::disallowed_methods, reason = "makes the repository that the test fetches from")]
fn git(folder: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"];
    let done = std::process::Command::new("git").arg("-C").arg(folder).args(identity).args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn one_commit_of_a_repository_even_if_it_is_not_the_newest() {
    let place = Place::new();
    let (folder, wanted) = place.source();
    for (name, content) in PLANTED {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), content).unwrap();
    }
    git(&folder, &["init", "--quiet"]);
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "--quiet", "-m", "pinned"]);
    let commit = git(&folder, &["rev-parse", "HEAD"]);
    fs::write(folder.join("password.py"), "# newer\n").unwrap();
    git(&folder, &["commit", "--quiet", "-a", "-m", "newer"]);
    let url = format!("file://{}", folder.display());
    let at = |commit: &str| Wanted { source: Source::Git { url: url.clone(), commit: commit.to_owned() }, ..wanted.clone() };
    assert_eq!(install(&place.nodes(), &at(&commit)).await.unwrap().kind, ChangeKind::Created);
    assert_eq!(place.verdict(&wanted).await.0, "pass");
    assert!(!place.plugin(".git").exists() && place.is_clean());
    // What is there already is not fetched; what is not there is named.
    assert_eq!(install(&place.nodes(), &at(&"0".repeat(40))).await.unwrap().kind, ChangeKind::Kept);
    fs::remove_dir_all(place.plugin("")).unwrap();
    let failure = install(&place.nodes(), &at(&"0".repeat(40))).await.unwrap_err();
    assert!(failure.message.starts_with("can't fetch 0000") && !failure.causes.is_empty(), "{failure:?}");
}

#[test]
fn what_the_stack_of_a_service_says_starts_at_the_projects_folder() {
    let place = Place::new();
    let (source, wanted) = place.source();
    let project = place.folder.path();
    let of = |toml: &str| {
        fs::write(project.join("genai.toml"), toml).unwrap();
        let settings = settings::Settings::load(&settings::Flags::default(), &World::for_tests(project)).unwrap();
        Wanted::of(&settings)
    };
    let pinned = format!("[stack]\nimage = 'a'\n[stack.plugin]\nsource = 'source'\ndigest = '{}'\n", wanted.digest);
    assert_eq!(of(&pinned).unwrap(), Wanted { source: Source::Folder(source), ..wanted });
    assert_eq!(of("[stack]\nimage = 'a'\n").unwrap(), Wanted::default());
    assert_eq!(of("").unwrap(), Wanted::default());
    assert_eq!(of(&pinned.replace("'source'", "'absent'")).unwrap_err().kind, FailureKind::Unreachable);
}

#[test]
fn what_flags_and_settings_may_say() {
    let place = Place::new();
    let (folder, wanted) = place.source();
    let base = place.folder.path();
    let of = |source, commit, digest, offline| Wanted::new(source, commit, digest, offline, base);
    assert_eq!(of(None, None, None, None).unwrap(), Wanted::default());
    let digest = format!("sha256:{}", wanted.digest);
    assert_eq!(of(Some("source"), None, Some(&digest), None).unwrap(), wanted);
    let copy = folder.clone();
    let offline = of(None, None, None, Some(&copy)).unwrap();
    assert_eq!((offline.source, offline.wheels), (Source::Folder(folder), Some(base.to_owned())));
    let whole = "0123456789abcdef0123456789abcdef01234567";
    assert!(of(Some("https://example.org/x.git"), Some(whole), None, None).is_ok());
    for (source, commit, digest) in [
        (Some("ext::sh -c true"), None, None),
        (Some("https://user:word@example.org/x"), None, None),
        (Some("https://word@example.org/x"), None, None),
        (Some("ftp://example.org/x"), None, None),
        (None, Some("main"), None),
        (None, Some("6910925"), None),
        (Some("source"), Some(whole), None),
        (None, None, Some("12")),
        (Some("absent"), None, None),
    ] {
        assert!(of(source, commit, digest, None).is_err(), "{source:?} {commit:?} {digest:?}");
    }
}

#[test]
fn comfyui_says_why_it_went_on_without_the_plugin() {
    let log = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let said = "Cannot import /opt/ComfyUI/custom_nodes/ComfyUI-Login module for custom nodes: No module named 'bcrypt'";
    let other = "Cannot import /opt/ComfyUI/custom_nodes/Other module for custom nodes: No module named 'x'";
    assert_eq!(not_loaded(&log(&["Traceback", said, other, "Starting server"])), Some("No module named 'bcrypt'"));
    assert_eq!(not_loaded(&log(&[other, "Starting server"])), None);
}

/// A Python that lacks modules until pip was called.
struct MadeUp {
    asked: std::sync::Mutex<Vec<String>>,
    code: i64,
}

impl Python for MadeUp {
    fn run<'a>(&'a self, arguments: &'a [String]) -> Asked<'a> {
        let mut asked = self.asked.lock().unwrap();
        let has_all = asked.iter().any(|call| call.starts_with("-m pip"));
        asked.push(arguments.join(" "));
        let output = if has_all { "" } else { "missing bcrypt\r\n" };
        let code = if arguments[0] == "-m" { self.code } else { 0 };
        Box::pin(std::future::ready(Ok(Ran { code, output: output.to_owned() })))
    }

    fn plugin(&self) -> &str {
        "/comfy/custom_nodes/ComfyUI-Login"
    }

    fn sees(&self, folder: &Path) -> Option<String> {
        (folder == Path::new("/host/wheels")).then(|| "/wheels".to_owned())
    }
}

#[tokio::test]
async fn a_python_of_this_machine_is_heard_up_to_a_bound() {
    let python = LocalPython { interpreter: "head".into(), plugin: String::new() };
    let said = async |bytes: &str| python.run(&["-c", bytes, "/dev/zero"].map(str::to_owned)).await;
    assert_eq!(said("1000").await.unwrap(), Ran { code: 0, output: "\0".repeat(1000) });
    assert_eq!(said("17000000").await.unwrap_err().message, "can't hear `head`: it says more than 16 MiB");
}

#[tokio::test]
async fn what_it_imports_is_installed_once_and_without_a_network_if_so_wished() {
    let python = MadeUp { asked: Vec::new().into(), code: 0 };
    assert_eq!(python::requirements(&python, Some(Path::new("/host/wheels"))).await.unwrap(), "installed bcrypt");
    assert_eq!(python::requirements(&python, None).await.unwrap(), "all that it imports is there");
    let asked = python.asked.into_inner().unwrap();
    let pip: Vec<_> = asked.iter().filter(|call| call.starts_with("-m pip")).collect();
    assert_eq!(pip.len(), 1);
    assert!(pip[0].ends_with("-r /comfy/custom_nodes/ComfyUI-Login/requirements.txt --no-index --find-links /wheels"), "{pip:?}");

    let failing = MadeUp { asked: Vec::new().into(), code: 1 };
    assert!(python::requirements(&failing, None).await.is_err());
    let unseen = MadeUp { asked: Vec::new().into(), code: 0 };
    assert!(python::requirements(&unseen, Some(Path::new("/elsewhere"))).await.unwrap_err().message.contains("doesn't see"));
}
