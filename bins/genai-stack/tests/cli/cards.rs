//! What `up` says of an engine that takes a request for cards and drops it, as Podman does.

use super::guarded::{Project, finding, over_tcp};

#[test]
#[ignore = "it needs Docker Engine"]
fn cards_that_the_engine_drops_are_found_out() {
    let project = Project::new("dropped", "custom_nodes = false\n");
    project.edit("pull = 'never'", "pull = 'never'\ngpus = 1");
    // An engine passes over a name that it doesn't know.
    let host = over_tcp(|asked| {
        let name = b"\"DeviceRequests\"";
        if let Some(at) = asked.windows(name.len()).position(|window| window == name) {
            asked[at + 1] = b'X';
        }
    });
    let (report, code) = project.reported(&["up", "--timeout", "5", "--allow-unseen", "--host", &host]);
    let (outcome, text) = finding(&report, "gpu-reachable");
    assert!(code == 3 && outcome == "fail" && text.contains("dropped the request for cards without a word"), "{text}");
    assert!(text.contains("on Docker Engine"), "{text}");
}
