//! Finds where the project's tokens and passwords lie that must not hold them: the tree, git's index and history, standard input.

use std::{
    collections::BTreeSet,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use report::{Event, Failure, FailureKind, Report, Sink};
use settings::{Settings, World};
use token_sync::{
    Backups, Reading,
    scan::{Allowlist, Control, Day, Git, Place, Progress, Scan, Scanner, Secret, Tree},
};

use crate::{
    checks,
    journey::Journey,
    subject::{Source, disk_failure},
};

/// Where to look.
#[derive(Default)]
pub struct Options {
    /// Files and folders; the project's folder if there are none and no `stream` is given.
    pub paths: Vec<PathBuf>,
    /// Look into what `.gitignore` leaves out too.
    pub no_ignore: bool,
    /// Look into git's index.
    pub index: bool,
    /// Look into the whole of git's history, unreachable objects included.
    pub history: bool,
    /// A stream to look into, such as standard input, instead of files.
    pub stream: Option<Box<dyn Read + Send>>,
    /// Set, the search ends soon; what it found by then is reported.
    pub stop: Arc<AtomicBool>,
}

/// Looks for every secret of all services at once.
pub async fn run(services: &[Settings], world: &World, options: Options, sink: &Sink) -> Report {
    let mut journey = Journey::new("scan", world, sink);
    let stopped = steps(&mut journey, services, world, options).await.err();
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, services: &[Settings], world: &World, options: Options) -> Result<(), Failure> {
    let Some(first) = services.first() else { return Ok(()) };
    let project = first.project.value.clone();
    journey.about("project", project.display().to_string());
    let Known { secrets, places, broken } = known(journey, services, world).await?;
    journey.note(format!("looking for {} secrets of this project, and for every bcrypt line", secrets.len()));
    let scanner = Scanner::new(&secrets, &first.fingerprint_key());
    for label in scanner.unsearched() {
        journey.note(format!("too short to look for: {label}"));
    }
    for path in options.paths.iter().filter(|_| options.stream.is_none()) {
        can_be_searched(path, first)?;
    }
    let git = Git::new("git", &project);
    journey.found(std::future::ready(checks::secrets_in_git(&git, &project, &places))).await;

    let today = Day::parse(&world.clock.stamp()).map_err(|error| disk_failure(&error))?;
    let allowlist = Allowlist::new(&project, first.rules.allowed.value.clone());
    let is_whole = options.paths.is_empty() && options.stream.is_none();
    let own = OnPurpose::new(places.iter().map(|(path, _)| path.clone()));
    let options = Options { paths: options.paths.iter().map(|path| first.place(path)).collect(), ..options };
    let (base, sink) = (project.clone(), journey.sink().clone());
    let scan = tokio::task::spawn_blocking(move || look(&scanner, &git, &base, options, &own, &sink)).await;
    let scan = scan.map_err(|error| Failure::new(FailureKind::Unexpected, format!("the search was cut short: {error}")))?;
    if !broken.is_empty() {
        journey.found(std::future::ready(checks::leaks_unknown(&broken))).await;
    }
    let mut scan = scan.map_err(|error| disk_failure(&error))?;
    let judged = allowlist.judge(std::mem::take(&mut scan.matches), today);
    for finding in checks::leaks(&scan, &judged, &allowlist, &project) {
        journey.found(std::future::ready(finding)).await;
    }
    // Of a part of the project an entry may well say nothing.
    for entry in judged.unused.iter().filter(|_| is_whole).filter_map(|number| allowlist.entry(*number)) {
        let what = entry.path().or(entry.fingerprint()).unwrap_or_default();
        journey.note(format!("the entry `{what}` of `scan.allow` fits nothing that was found: it can be removed"));
    }
    Ok(())
}

/// Refuses what is neither file nor folder: a device has no end.
fn can_be_searched(path: &Path, settings: &Settings) -> Result<(), Failure> {
    let shown = settings.shown(path);
    let wrong = |what: String| Failure::new(FailureKind::Usage, what).hint("name files and folders, or `-` for standard input");
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() || found.is_dir() => Ok(()),
        Ok(_) => Err(wrong(format!("`{shown}` is neither a file nor a folder"))),
        Err(error) => Err(wrong(format!("can't look into `{shown}`: {error}"))),
    }
}

/// Files that hold a token on purpose: `secrets-kept-out-of-git` and `backups-kept-out-of-git` judge them.
struct OnPurpose(BTreeSet<PathBuf>);

impl OnPurpose {
    fn new(own: impl Iterator<Item = PathBuf>) -> Self {
        Self(own.map(|path| real(&path)).collect())
    }

    /// However it is spelled.
    fn has(&self, path: &Path) -> bool {
        self.0.contains(&real(path)) || Backups::is_called_like_a_copy(path)
    }
}

fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// What to look for, and the files that hold it on purpose.
struct Known {
    secrets: Vec<Secret>,
    places: Vec<(PathBuf, String)>,
    /// The sources of truth that can't be read, so that nobody knows what to look for.
    broken: Vec<String>,
}

async fn known(journey: &mut Journey, services: &[Settings], world: &World) -> Result<Known, Failure> {
    let mut known = Known { secrets: Vec::new(), places: Vec::new(), broken: Vec::new() };
    for settings in services {
        let subject = journey.subject(settings, world)?;
        if matches!(subject.source, Source::Broken(_)) {
            journey.check(&checks::SOURCE_WELL_FORMED, &subject).await;
            known.broken.push(settings.shown(settings.source.value.path()));
        }
        let path = settings.source.value.path();
        let shown = settings.shown(path);
        if let Some(source) = subject.known() {
            known.secrets.push(Secret::token(&shown, source.token()));
            known.secrets.extend(source.previous().map(|token| Secret::token(format!("{shown}, before the rotation"), token)));
            known.secrets.extend(source.password().map(|password| Secret::password(&shown, password)));
        }
        known.places.push((path.to_owned(), shown));
        // Where nobody can say which files are targets, those by custom are.
        let customary = settings.customary_targets().into_iter().filter(|_| subject.known().is_none());
        known.places.extend(customary.map(|entry| (settings.place(&entry.path), entry.path)));
        // What other services keep lies where it belongs too.
        known.places.extend(settings.foreign_places().into_iter().map(|place| {
            let shown = settings.shown(&place.path);
            (place.path, shown)
        }));
        known
            .places
            .extend(settings.claimed().iter().map(|(target, _)| (target.path().to_owned(), settings.shown(target.path()))));
        let targets = subject.known().map_or_else(Vec::new, |source| settings.each_target(source));
        for (name, target) in targets {
            let target = match target {
                Ok(target) => target,
                // Not looked into; still a place that holds the token on purpose.
                Err(error) => {
                    journey.found(std::future::ready(checks::refused_place(&name, &error))).await;
                    known.places.push((settings.place(&name), name));
                    continue;
                }
            };
            let shown = settings.shown(target.path());
            if let Reading::Token(token, _) = target.read() {
                known.secrets.push(Secret::token(&shown, &token));
            }
            let end = target.file().ok().filter(|end| end != target.path());
            known.places.extend(end.map(|end| (end, shown.clone())));
            known.places.push((target.path().to_owned(), shown));
        }
    }
    Ok(known)
}

fn look(
    scanner: &Scanner,
    git: &Git,
    project: &Path,
    options: Options,
    own: &OnPurpose,
    sink: &Sink,
) -> Result<Scan, token_sync::Error> {
    let sink = sink.clone();
    let tell = move |progress| {
        if let Progress::Advanced { files, bytes, .. } = progress {
            let what = format!("searched {files} files, {:.0} MB", bytes as f64 / 1e6);
            sink.send(Event::Started(what));
        }
    };
    let control = Control::new(tell, options.stop);
    let mut scan = Scan::default();
    if let Some(mut stream) = options.stream {
        return Ok(scanner.stream("standard input", &mut stream, &control));
    }
    let paths = if options.paths.is_empty() { vec![project.to_owned()] } else { options.paths };
    for path in paths {
        let part = match path.is_dir() {
            true => scanner.tree(&Tree::new(path).no_ignore(options.no_ignore), &control)?,
            false => scanner.file(&path, &control)?,
        };
        scan = scan.and(part);
    }
    if options.index {
        scan = scan.and(scanner.git_index(git, &control)?);
    }
    if options.history {
        scan = scan.and(scanner.git_history(git, &control)?);
    }
    scan.matches.retain(|found| !matches!(&found.place, Place::File { path } if own.has(path)));
    Ok(scan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::test_project::Project;

    async fn outcomes(project: &Project, options: Options) -> Vec<(&'static str, &'static str)> {
        let report = run(&[project.settings()], &project.world(), options, &Sink::silent()).await;
        assert_eq!(report.stopped, None);
        report.findings.iter().map(|finding| (finding.check.0, finding.outcome.name())).collect()
    }

    #[tokio::test]
    async fn what_is_there_on_purpose_is_no_leak_a_copy_is() {
        let project = Project::new();
        project.save("a long password");
        project.sync();
        assert_eq!(outcomes(&project, Options::default()).await, [("secrets-kept-out-of-git", "skipped"), ("no-leak", "pass")]);
        project.write("notes.md", &format!("token: {}\n", project.token().replace('$', "$$")));
        assert_eq!(outcomes(&project, Options::default()).await[1], ("no-leak", "fail"));
        let stream = Box::new(std::io::Cursor::new(b"log: a long password".to_vec()));
        assert_eq!(outcomes(&project, Options { stream: Some(stream), ..Options::default() }).await[1], ("no-leak", "fail"));
        let stopped = Options { stop: Arc::new(AtomicBool::new(true)), ..Options::default() };
        assert_eq!(outcomes(&project, stopped).await[1], ("no-leak", "unknown"));
    }
}
