//! The numbers of saved files. ComfyUI lists the folder for each one; here a listing is kept for as long as nobody else
//! changes the folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use tokio::time::Instant;

use crate::py;

/// How many folders are kept in mind, and how many series of each.
const KEPT: usize = 1024;

/// How long a listing holds at most: a file that others put there between a change of ours and the look at the folder's
/// time after it is seen then.
const FRESH: Duration = Duration::from_secs(1);

/// What is known of the folders of one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers(Arc<Mutex<HashMap<PathBuf, Known>>>);

#[derive(Debug)]
struct Known {
    /// When the folder last changed.
    changed: SystemTime,
    listed: Instant,
    /// The number that comes next in each series.
    next: HashMap<Series, i64>,
}

/// The files `filename_<number>_…`, as ComfyUI tells them apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Series {
    pub(super) filename: String,
    /// The characters of the prefix as it was asked for, not as it was normalised: that is ComfyUI's way.
    pub(super) length: usize,
}

impl Series {
    /// The number of a file, if it belongs to the series.
    fn number(&self, name: &str) -> Option<i64> {
        let cut = |n: usize| name.char_indices().nth(n).map_or(name.len(), |(at, _)| at);
        let (head, rest) = name.split_at(cut(self.length + 1));
        let digits = || py::small_int(rest.split('_').next().unwrap_or_default()).unwrap_or(0);
        (head.strip_suffix('_') == Some(&self.filename)).then(digits)
    }

    /// One more than the highest number among the files.
    fn next(&self, names: impl Iterator<Item = String>) -> i64 {
        names.filter_map(|name| self.number(&name)).max().map_or(1, |highest| highest.saturating_add(1))
    }
}

impl Numbers {
    /// Whether a folder was listed before, so that it need not be now unless others changed it.
    pub(super) fn knows(&self, folder: &Path) -> bool {
        self.lock().contains_key(folder)
    }

    /// The number of the next file of a series. Fails as the listing of the folder does.
    pub(super) fn next(&self, folder: &Path, series: &Series) -> io::Result<i64> {
        // The time is looked at before the folder is, so that a change in between is not missed.
        let changed = changed(folder)?;
        let mut folders = self.lock();
        let known = folders.get(folder).filter(|known| known.changed == changed && known.listed.elapsed() < FRESH);
        if let Some(next) = known.and_then(|known| known.next.get(series)) {
            return Ok(*next);
        }
        let others = known.is_some();
        let next = series.next(fs::read_dir(folder)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()));
        if folders.len() >= KEPT && !folders.contains_key(folder) {
            folders.clear();
        }
        let new = || Known { changed, listed: Instant::now(), next: HashMap::new() };
        let known = folders.entry(folder.to_owned()).or_insert_with(new);
        if !others || known.next.len() >= KEPT {
            *known = new();
        }
        known.next.insert(series.clone(), next);
        Ok(next)
    }

    /// Notes a file that was just put there, by its name.
    pub(super) fn put(&self, folder: &Path, name: &str) {
        let mut folders = self.lock();
        let (Some(known), Ok(changed)) = (folders.get_mut(folder), changed(folder)) else { return };
        known.changed = changed;
        for (series, next) in &mut known.next {
            if let Some(number) = series.number(name) {
                *next = number.saturating_add(1).max(*next);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn changed(folder: &Path) -> io::Result<SystemTime> {
    fs::metadata(folder)?.modified()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(prefix: &str, filename: &str) -> Series {
        Series { filename: filename.to_owned(), length: prefix.chars().count() }
    }

    #[test]
    fn numbers_go_on_where_the_files_of_that_prefix_stop() {
        for (names, prefix, filename, counter) in [
            (vec![], "rec", "rec", 1),
            (vec!["rec_00001_.png", "rec_00007_.png", "other_00009_.png"], "rec", "rec", 8),
            (vec!["rec_x_.png"], "rec", "rec", 1),
            (vec!["rec2_00004_.png", "recording_00005_.png"], "rec", "rec", 1),
            (vec!["bild_ä_00003_.png"], "bild_ä", "bild_ä", 4),
            // A prefix that ends in a slash finds nothing, and so starts over every time.
            (vec!["foo_00002_.png"], "", "foo", 1),
        ] {
            assert_eq!(series(prefix, filename).next(names.into_iter().map(str::to_owned)), counter, "{prefix}");
        }
    }

    #[test]
    fn what_others_put_there_or_take_away_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let (numbers, rec, other) = (Numbers::default(), series("rec", "rec"), series("other", "other"));
        let next = |series: &Series| numbers.next(folder.path(), series).expect("a folder");
        let save = |series: &Series| {
            let name = format!("{}_{:05}_.png", series.filename, next(series));
            fs::write(folder.path().join(&name), "").expect("written");
            numbers.put(folder.path(), &name);
        };
        assert!(!numbers.knows(folder.path()));
        for _ in 0..3 {
            save(&rec);
            save(&other);
        }
        assert!(numbers.knows(folder.path()));
        assert_eq!([next(&rec), next(&other)], [4, 4]);
        fs::write(folder.path().join("rec_00041_.png"), "").expect("written");
        assert_eq!([next(&rec), next(&other)], [42, 4]);
        fs::remove_file(folder.path().join("rec_00041_.png")).expect("removed");
        assert_eq!(next(&rec), 4);
        assert!(numbers.next(&folder.path().join("absent"), &rec).is_err());
    }
}
