//! The unloading of an idle server, against the embedded one.

use comfy_client::Workflow;

use super::*;
use crate::checks::test_project::Project;

/// The made-up clock is the argument of each step; the server is the embedded one.
#[tokio::test]
async fn an_idle_server_is_told_once_and_a_working_one_never() {
    let mut project = Project::new();
    project.save("pw");
    project.sync();
    let server = project.serve().await;
    let (settings, world) = (project.settings(), project.world());
    let after = Duration::from_secs(600);
    let mut unloader = Unloader { idle: Idle::new(after), client: None };
    let start = Instant::now();
    let at = |minutes: u64| start + Duration::from_secs(minutes * 60);
    assert_eq!(unloader.step(&settings, &world, at(0)).await, Ok(None));
    assert_eq!(unloader.step(&settings, &world, at(10)).await, Ok(Some(after)));
    assert_eq!(unloader.step(&settings, &world, at(20)).await, Ok(None), "once per spell");

    // A run that began and ended between two looks.
    let workflow = r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}"#;
    let client = unloader.client.clone().unwrap();
    let job = client.submit(&Workflow::from_json(workflow).unwrap()).await.unwrap();
    job.wait(Duration::from_secs(60)).await.unwrap();
    assert_eq!(unloader.step(&settings, &world, at(21)).await, Ok(None));
    assert_eq!(unloader.step(&settings, &world, at(31)).await, Ok(Some(after)));

    // Who is gone has nothing loaded; the spell begins when it is back.
    server.shutdown().await;
    assert!(unloader.step(&settings, &world, at(32)).await.is_err());
    assert!(unloader.client.is_none());
}
