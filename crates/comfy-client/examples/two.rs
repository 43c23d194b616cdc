//! Two prompts at once, over one connection: `cargo run -p comfy-client --example two -- http://127.0.0.1:8188`.

use std::time::Duration;

use comfy_client::{Client, Config, Workflow};

#[expect(clippy::print_stdout, reason = "an example shows what happens")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give a URL")?;
    let client = Client::new(Config::new(&url)?)?;
    let red = Workflow::from_json(
        r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 16711680}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "example"}}}"#,
    )?;
    let mut blue = red.clone();
    blue.set("EmptyImage", "color", 255)?;
    let (red, blue) = tokio::try_join!(client.submit(&red), client.submit(&blue))?;
    let minute = Duration::from_secs(60);
    let (red, blue) = tokio::try_join!(red.wait(minute), blue.wait(minute))?;
    println!("red: {red}\nblue: {blue}");
    Ok(())
}
