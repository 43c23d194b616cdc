//! The counters of a container on this machine, from the files that the engine reads them from.

use std::path::{Path, PathBuf};

use tokio::fs;

use super::meter::Counters;
use crate::Standing;

/// What Linux counts processor time in, in these files: hundredths of a second.
const TICK_NS: u64 = 10_000_000;

/// The counters now; none if the container's process is not one of this machine, or its files are not as expected.
pub(super) async fn counters(standing: &Standing) -> Option<Counters> {
    let groups = fs::read_to_string(format!("/proc/{}/cgroup", standing.pid)).await.ok()?;
    let file = usage_file(&groups, &standing.id)?;
    let container = usage(&fs::read_to_string(file).await.ok()?)?;
    Some(Counters { container, system: system(&fs::read_to_string("/proc/stat").await.ok()?)? })
}

/// Where the usage of the container's group stands. A group without the container's id is of another process.
fn usage_file(groups: &str, id: &str) -> Option<PathBuf> {
    let group = |controllers: &str| groups.lines().find_map(|line| line.split_once(':')?.1.strip_prefix(controllers));
    let v1 = ["cpu,cpuacct:/", "cpuacct,cpu:/", "cpuacct:/"].into_iter().find_map(|names| Some((names, group(names)?)));
    let (path, group) = match v1 {
        Some((names, group)) => {
            (Path::new("/sys/fs/cgroup").join(names.trim_end_matches(":/")).join(group).join("cpuacct.usage"), group)
        }
        None => group(":/").map(|group| (Path::new("/sys/fs/cgroup").join(group).join("cpu.stat"), group))?,
    };
    group.contains(id).then_some(path)
}

/// cgroup v1 holds nanoseconds and nothing else, v2 lines of names and microseconds.
fn usage(text: &str) -> Option<u64> {
    match text.lines().find_map(|line| line.strip_prefix("usage_usec ")) {
        Some(microseconds) => microseconds.trim().parse::<u64>().ok()?.checked_mul(1_000),
        None => text.trim().parse().ok(),
    }
}

/// Of all processors together, without the time of guests, which is counted already.
fn system(text: &str) -> Option<u64> {
    let ticks = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = ticks.split_ascii_whitespace().take(7).map(str::parse).collect::<Result<_, _>>().ok()?;
    ticks.iter().sum::<u64>().checked_mul(TICK_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_both_kinds_of_groups_are_read() {
        let file = |groups: &str| usage_file(groups, "0abc").map(|path| path.display().to_string());
        let v1 = "3:memory:/docker/0abc\n2:cpu,cpuacct:/docker/0abc\n0::/\n";
        assert_eq!(file(v1).unwrap(), "/sys/fs/cgroup/cpu,cpuacct/docker/0abc/cpuacct.usage");
        let v2 = "0::/system.slice/docker-0abc.scope\n";
        assert_eq!(file(v2).unwrap(), "/sys/fs/cgroup/system.slice/docker-0abc.scope/cpu.stat");
        assert_eq!(file("0::/\n"), None, "a group of its own name space tells nothing");
        assert_eq!(file("0::/user.slice\n"), None, "another process that has the number here");
        assert_eq!((usage("123\n"), usage("usage_usec 5\nuser_usec 3\n"), usage("?")), (Some(123), Some(5_000), None));
        let stat = "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(system(stat), Some(28 * TICK_NS));
    }
}
