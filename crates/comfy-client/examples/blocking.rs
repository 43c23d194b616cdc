//! Without a runtime: `cargo run -p comfy-client --features blocking --example blocking -- http://127.0.0.1:8188`.

use std::time::Duration;

use comfy_client::{Config, Workflow, blocking::Client};

#[expect(clippy::print_stdout, reason = "an example shows what happens")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give a URL")?;
    let client = Client::new(Config::new(&url)?)?;
    let workflow = Workflow::from_json(
        r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "example"}}}"#,
    )?;
    let job = client.submit(&workflow)?;
    job.events().for_each(|event| println!("{event:?}"));
    println!("{}", job.wait(Duration::from_secs(60))?);
    Ok(())
}
