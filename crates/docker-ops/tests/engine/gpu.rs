//! Which cards an engine gives for which request, seen by a stand-in of NVIDIA's hook; and what is known before and after.

use docker_ops::{ErrorKind, Gpu, GpuProof, GpuTrouble, Toolkit, device_requests_json, gpu_facts, gpu_trouble, prove};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::{
    private::Private,
    rig::{IMAGE, Rig},
};

const RUNTIME: [&str; 2] = ["--add-runtime", "nvidia=runc"];

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![
        rig.trial("a toolkit that came after the engine's start is found out, and a restart of the engine helps", |_| toolkit()),
        rig.trial("each request for cards comes to the variables that were measured", |_| requests()),
    ]
}

/// Creates a container that asks for `requests` and starts it: its id, and the status and message of the start.
fn start(private: &Private, image: &str, requests: &Value) -> (String, u16, String) {
    let body = json!({"Image": image, "Cmd": ["true"], "HostConfig": {"DeviceRequests": requests}});
    let (status, made) = private.post("/containers/create", &body);
    assert_eq!(status, 201, "the request is read at the start, not here: {made}");
    let id = made["Id"].as_str().unwrap().to_owned();
    let (status, said) = private.post(&format!("/containers/{id}/start"), &json!({}));
    (id, status, said["message"].as_str().unwrap_or_default().to_owned())
}

async fn toolkit() {
    let mut private = Private::start(&[]).await;
    let one = Gpu::Count(1);
    let trouble = async |private: &Private| {
        let toolkit = Toolkit::look(private.path().as_os_str());
        gpu_trouble(&one, &gpu_facts(&private.engine).await.unwrap(), Some(&toolkit))
    };
    assert_eq!(trouble(&private).await, Some(GpuTrouble::NoToolkit));
    let (id, status, said) = start(&private, IMAGE, &device_requests_json(&one));
    assert_eq!(status, 500);
    assert!(said.contains(r#"could not select device driver "nvidia""#), "{said}");
    let state = private.docker(&["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}", &id]);
    assert!(state.starts_with("created 128 could not select device driver"), "{state}");
    let unknown = json!({"Image": IMAGE, "HostConfig": {"Runtime": "nvidia"}});
    assert_eq!(private.post("/containers/create", &unknown).0, 400, "an unknown runtime is refused at once");

    // Both times are whole seconds.
    let started = gpu_facts(&private.engine).await.unwrap().started.expect("the engine runs here");
    while Toolkit::look(private.path().as_os_str()).installed.is_none_or(|installed| installed <= started) {
        private.install_hook();
    }
    assert_eq!(trouble(&private).await, Some(GpuTrouble::EngineOlderThanToolkit));
    assert_eq!(start(&private, IMAGE, &device_requests_json(&one)).1, 500);

    while gpu_facts(&private.engine).await.unwrap().started == Some(started) {
        private.restart(&RUNTIME).await;
    }
    assert_eq!(trouble(&private).await, None);
    assert_eq!(start(&private, IMAGE, &device_requests_json(&one)).1, 204);
    assert!(gpu_facts(&private.engine).await.unwrap().has_nvidia_runtime());
    let cdi = Gpu::Cdi(vec!["nvidia.com/gpu=0".to_owned()]);
    let facts = gpu_facts(&private.engine).await.unwrap();
    // An engine that knows the interface looks for the device instead.
    let (_, status, said) = start(&private, IMAGE, &device_requests_json(&cdi));
    assert_ne!(status, 204, "there is no such device: {said}");
    if facts.cdi_folders.is_empty() {
        assert_eq!(gpu_trouble(&cdi, &facts, None), Some(GpuTrouble::NoCdi));
        assert!(said.contains(r#"could not select device driver "cdi""#), "{said}");
    }
}

async fn requests() {
    let mut private = Private::start(&[]).await;
    private.install_hook();
    private.restart(&RUNTIME).await;
    let own = "genai-ops-test:own";
    let made = private.docker(&["create", IMAGE, "true"]);
    private.docker(&["commit", "--change", "ENV NVIDIA_VISIBLE_DEVICES=all", &made, own]);

    let ids = |names: &[&str]| Gpu::Ids(names.iter().map(|&name| name.to_owned()).collect());
    let capable = "NVIDIA_DRIVER_CAPABILITIES=compute,utility";
    for (image, gpu, seen) in [
        (IMAGE, Gpu::All, vec!["NVIDIA_VISIBLE_DEVICES=all", capable]),
        // Always the first ones: the second container shares its card with the first.
        (IMAGE, Gpu::Count(1), vec!["NVIDIA_VISIBLE_DEVICES=0", capable]),
        (IMAGE, Gpu::Count(1), vec!["NVIDIA_VISIBLE_DEVICES=0", capable]),
        (IMAGE, Gpu::Count(2), vec!["NVIDIA_VISIBLE_DEVICES=0,1", capable]),
        (IMAGE, ids(&["GPU-b", "MIG-7"]), vec!["NVIDIA_VISIBLE_DEVICES=GPU-b,MIG-7", capable]),
        (IMAGE, ids(&["1"]), vec!["NVIDIA_VISIBLE_DEVICES=1", capable]),
        // The image's own comes first, and the last one counts.
        (own, ids(&["GPU-b"]), vec!["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_VISIBLE_DEVICES=GPU-b", capable]),
        (own, Gpu::None, vec![]),
    ] {
        let (id, status, said) = start(&private, image, &device_requests_json(&gpu));
        assert_eq!(status, 204, "{gpu:?}: {said}");
        assert_eq!(private.seen(&id), seen, "{gpu:?}");
        assert_eq!(prove(&private.engine, &id, &gpu).await.unwrap(), GpuProof::AsAsked);
        assert_ne!(prove(&private.engine, &id, &Gpu::Count(7)).await.unwrap(), GpuProof::AsAsked, "{gpu:?}");
    }

    // What is never sent, and why.
    let nothing_asked = json!([{"Driver": "nvidia", "Count": 0, "Capabilities": [["gpu"]]}]);
    let (id, status, _) = start(&private, own, &nothing_asked);
    let seen = private.seen(&id);
    assert_eq!(
        (status, seen.first().map(String::as_str)),
        (204, Some("NVIDIA_VISIBLE_DEVICES=all")),
        "a count of 0 gives every card"
    );
    for (requests, said) in [
        (
            json!([{"Driver": "nvidia", "Count": 1, "DeviceIDs": ["GPU-b"], "Capabilities": [["gpu"]]}]),
            "cannot set both Count and DeviceIDs",
        ),
        (json!([{"Count": 1, "Capabilities": [["gpu", "teleport"]]}]), "could not select device driver"),
        (json!([{"Count": 1}]), "could not select device driver"),
    ] {
        let (_, status, words) = start(&private, IMAGE, &requests);
        assert_eq!(status, 500, "{requests}");
        assert!(words.contains(said), "{words}");
    }

    let gone = prove(&private.engine, "no-such-container", &Gpu::All).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}
