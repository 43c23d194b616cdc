//! Runs a workflow file and brings its pictures home:
//! `cargo run -p comfy-client --example run -- http://127.0.0.1:8188 workflow.json pictures [NODE.INPUT=VALUE …]`.
//!
//! The file may be JSON in API or UI format, or a picture that ComfyUI made.

use std::path::Path;
use std::time::Duration;

use comfy_client::{Client, Config, Outcome, WorkflowFile};

#[expect(clippy::print_stdout, reason = "an example shows what happens")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, file, dir, values @ ..] = arguments.as_slice() else { return Err("give a URL, a file and a folder".into()) };
    let client = Client::new(Config::new(url)?)?;
    let mut workflow = WorkflowFile::load(Path::new(file))?.into_workflow_for(&*client.object_info().await?)?;
    for value in values {
        let (address, text) = value.split_once('=').ok_or("write NODE.INPUT=VALUE")?;
        workflow.set_text(address, text)?;
    }
    for problem in client.dry_run(&workflow).await? {
        println!("{problem}");
    }
    let job = client.submit(&workflow).await?;
    let Outcome::Succeeded(run) = job.wait(Duration::from_secs(600)).await? else { return Err("it did not succeed".into()) };
    for output in &run.outputs {
        println!("{}", client.download_tree(&output.file, Path::new(dir)).await?.path.display());
    }
    for (nth, picture) in run.ws_images.iter().enumerate() {
        let path = Path::new(dir).join(format!("ws-{}-{nth}.png", picture.node));
        std::fs::create_dir_all(dir)?;
        std::fs::write(&path, &picture.image)?;
        println!("{} (all there: {})", path.display(), run.ws_images_complete);
    }
    Ok(())
}
