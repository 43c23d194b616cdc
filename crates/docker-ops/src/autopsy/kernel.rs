//! What the kernel's log says of processes that it killed for memory. Who may read the log gives its text.

/// A process that the kernel killed since memory had run out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfMemory {
    /// The container that it belonged to, by its 64 hexadecimal digits.
    pub container: Option<String>,
    /// Whether the machine as a whole had run out; else a limit was reached.
    pub of_machine: bool,
    /// The process's name.
    pub process: String,
    /// The process's number.
    pub pid: u32,
}

/// The kills of which a kernel's log tells, in the form of `dmesg` or `journalctl -k`, oldest first. Kernels before 4.19 name no
/// container.
#[must_use]
pub fn out_of_memory(log: &str) -> Vec<OutOfMemory> {
    log.lines().filter_map(read).collect()
}

/// `oom-kill:constraint=CONSTRAINT_MEMCG,…,oom_memcg=/docker/ID,task_memcg=/docker/ID,task=python3,pid=12,uid=0`
fn read(line: &str) -> Option<OutOfMemory> {
    let (_, fields) = line.split_once("oom-kill:")?;
    let field = |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    Some(OutOfMemory {
        container: field("task_memcg").and_then(container_of),
        of_machine: field("constraint")? != "CONSTRAINT_MEMCG",
        process: field("task")?.to_owned(),
        pid: field("pid")?.parse().ok()?,
    })
}

/// The id in a path such as `/docker/ID`, `/system.slice/docker-ID.scope` or `/machine.slice/libpod-ID.scope`.
pub(super) fn container_of(path: &str) -> Option<String> {
    path.split(['/', '-', '.'])
        .find(|part| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_limit_and_a_machine() {
        let id = "0f".repeat(32);
        let log = format!(
            "[ 12.3] python3 invoked oom-killer: gfp_mask=0xcc0\n\
             [ 12.3] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={id},mems_allowed=0,oom_memcg=/docker/{id},task_memcg=/docker/{id},task=python3,pid=77,uid=0\n\
             [ 12.3] Memory cgroup out of memory: Killed process 77 (python3) total-vm:1kB\n\
             Jan 02 03:04:05 box kernel: oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/system.slice/docker-{id}.scope,task=python3,pid=78,uid=0\n"
        );
        let kills = out_of_memory(&log);
        assert_eq!(kills.len(), 2);
        assert!(kills.iter().all(|kill| kill.container.as_deref() == Some(&*id) && kill.process == "python3"));
        assert_eq!(kills.iter().map(|kill| (kill.of_machine, kill.pid)).collect::<Vec<_>>(), [(false, 77), (true, 78)]);
    }

    proptest! {
        #[test]
        fn any_text_is_taken(log: String) {
            prop_assert!(out_of_memory(&log).len() <= log.lines().count());
        }
    }
}
