//! The unloading of an idle server, against the embedded one.

use comfy_client::Workflow;

use super::*;
use crate::checks::test_project::Project;

#[test]
fn each_service_unloads_as_its_own_stack_says() {
    let project = tempfile::tempdir().unwrap();
    let toml = "[stack]\nimage = 'a'\nidle_unload_minutes = 10\n[service.qwen]\n[service.video.stack]\nidle_unload_minutes = 30\n\
        [service.zeal.stack]\nidle_unload_minutes = 0\n";
    std::fs::write(project.path().join("genai.toml"), toml).unwrap();
    let flags = settings::Flags { service: Some("all".into()), ..settings::Flags::default() };
    let services = Settings::load_each(&flags, &World::for_tests(project.path())).unwrap();
    let told = |idle_unload| {
        let unloaders = unloaders(&services, Options { idle_unload, ..Options::default() }).unwrap();
        unloaders.iter().map(|one| format!("{} {}", one.service(), one.idle.after().as_secs() / 60)).collect::<Vec<_>>()
    };
    assert_eq!(told(None), ["qwen 10", "video 30"]);
    assert_eq!(told(Some(Some(Duration::from_secs(60)))), ["qwen 1", "video 1", "zeal 1"], "the flag is stronger");
    assert!(told(Some(None)).is_empty());
}

/// The made-up clock is the argument of each step; the server is the embedded one.
#[tokio::test]
async fn an_idle_server_is_told_once_and_a_working_one_never() {
    let mut project = Project::new();
    project.save("pw");
    project.sync();
    let server = project.serve().await;
    let (settings, world) = (project.settings(), project.world());
    let after = Duration::from_secs(600);
    let mut unloader = Unloader { settings: &settings, idle: Idle::new(after), client: None, trouble: None };
    let start = Instant::now();
    let at = |minutes: u64| start + Duration::from_secs(minutes * 60);
    assert_eq!(unloader.step(&world, at(0)).await, Ok(None));
    assert_eq!(unloader.step(&world, at(10)).await, Ok(Some(after)));
    assert_eq!(unloader.step(&world, at(20)).await, Ok(None), "once per spell");

    // A run that began and ended between two looks.
    let workflow = r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}"#;
    let client = unloader.client.clone().unwrap();
    let job = client.submit(&Workflow::from_json(workflow).unwrap()).await.unwrap();
    job.wait(Duration::from_secs(60)).await.unwrap();
    assert_eq!(unloader.step(&world, at(21)).await, Ok(None));
    assert_eq!(unloader.step(&world, at(31)).await, Ok(Some(after)));

    // Who is gone has nothing loaded; the spell begins when it is back.
    server.shutdown().await;
    assert!(unloader.step(&world, at(32)).await.is_err());
    assert!(unloader.client.is_none());
}
