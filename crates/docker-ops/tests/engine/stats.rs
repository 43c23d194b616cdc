//! What containers use up, beside what `docker stats` says.

use docker_ops::{ProjectScope, Stats, StatsEvent};
use libtest_mimic::Trial;
use tokio::sync::mpsc;

use crate::rig::Rig;

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![
        rig.trial("stats: the figures of `docker stats`", beside_docker),
        rig.trial("stats: ten containers at once, a stopped one has none", ten),
        rig.trial("stats: containers that come and go while they are watched", come_and_go),
    ]
}

async fn one(rig: &Rig, id: &str) -> Stats {
    rig.engine.stats(&[id]).await.unwrap().remove(0).expect("a running container has figures")
}

/// A size as `docker stats` writes it, such as `1.234MiB` or `4.5kB`.
fn bytes(text: &str) -> f64 {
    let at = text.find(char::is_alphabetic).unwrap();
    let unit = match &text[at..] {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        other => panic!("{other}"),
    };
    text[..at].parse::<f64>().unwrap() * unit
}

fn pair(text: &str) -> (f64, f64) {
    let (one, other) = text.split_once(" / ").unwrap();
    (bytes(one), bytes(other))
}

fn near(ours: u64, theirs: f64) -> bool {
    (ours as f64 - theirs).abs() <= theirs * 0.01 + 1.0
}

async fn beside_docker(rig: &'static Rig) {
    // A third of a processor, a file in the page cache, and then nothing changes any more.
    let script = "head -c 20000000 /dev/zero > /tmp/f; cat /tmp/f > /dev/null; touch /ready; while :; do :; done";
    let id = rig.start("stats-busy", &["--cpus", "0.3", "--memory", "64m"], &["sh", "-c", script]);
    rig.docker(&["exec", &id, "sh", "-c", "until [ -e /ready ]; do sleep 0.05; done"]);
    one(rig, &id).await;
    let (ours, theirs) = (one(rig, &id).await, rig.docker(&["stats", "--no-stream", "--format", "{{json .}}", &id]));
    let theirs: serde_json::Value = serde_json::from_str(&theirs).unwrap();
    let said = |name: &str| theirs[name].as_str().unwrap();
    let cpu: f64 = said("CPUPerc").trim_end_matches('%').parse().unwrap();
    assert!((ours.cpu_percent - cpu).abs() < 8.0, "{} beside {cpu}", ours.cpu_percent);
    let (used, limit) = pair(said("MemUsage"));
    // The kernel's own part of it moves by some pages.
    let apart = (ours.memory.used as f64 - used).abs();
    assert!(apart <= 65_536.0 && near(ours.memory.limit, limit), "{:?} beside {theirs}", ours.memory);
    assert!(ours.memory.cache > 15_000_000 && ours.memory.raw > ours.memory.used, "{:?}", ours.memory);
    // The network is never quite still.
    let (before, after) = (ours.network.unwrap(), one(rig, &id).await.network.unwrap());
    let (received, _) = pair(said("NetIO"));
    assert!((before.inward as f64) <= received && received <= after.inward as f64, "{before:?}, {theirs}, {after:?}");
    let (read, written) = pair(said("BlockIO"));
    assert!(near(ours.block.inward, read) && near(ours.block.outward, written), "{:?} beside {theirs}", ours.block);
    assert_eq!(ours.pids.unwrap().to_string(), said("PIDs"));
}

async fn ten(rig: &'static Rig) {
    let mut ids: Vec<_> = (0..10).map(|number| rig.start(&format!("stats-{number}"), &[], &["sleep", "600"])).collect();
    let ended = rig.start("stats-ended", &[], &["true"]);
    rig.docker(&["wait", &ended]);
    ids.push(ended);
    let all = rig.engine.stats(&ids).await.unwrap();
    assert!(all[..10].iter().all(Option::is_some) && all[10].is_none(), "{all:?}");
    assert!(all.iter().flatten().zip(&ids).all(|(stats, id)| *stats.container == **id && stats.cpu_percent < 50.0));
    assert!(rig.engine.stats(&["no-such-container-here"]).await.is_err());
}

async fn come_and_go(rig: &'static Rig) {
    let project = format!("{}-watched", rig.run);
    let label = |name: &str, value: &str| format!("com.docker.compose.{name}={value}");
    let (of, service) = (label("project", &project), label("service", "comfyui"));
    let options = ["--label", &of, "--label", &service, "--label", &label("oneoff", "False"), "--init"];
    let (sender, mut receiver) = mpsc::channel(8);
    let watch = tokio::spawn({
        let project = ProjectScope::named(&project);
        async move { rig.engine.watch_stats(&project, None, &sender).await }
    });
    let first = rig.start("watched", &options, &["sleep", "600"]);
    let came = |event: Option<StatsEvent>| match event {
        Some(StatsEvent::Came(member)) => (member.id.to_string(), member.service),
        other => panic!("{other:?}"),
    };
    assert_eq!(came(receiver.recv().await), (first.clone(), "comfyui".to_owned()));
    let Some(StatsEvent::Read(stats)) = receiver.recv().await else { panic!("no figures") };
    assert_eq!(*stats.container, *first);
    rig.docker(&["stop", &first]);
    loop {
        match receiver.recv().await {
            Some(StatsEvent::Read(_)) => {}
            Some(StatsEvent::Went(id)) => break assert_eq!(*id, *first),
            other => panic!("{other:?}"),
        }
    }
    rig.docker(&["start", &first]);
    assert_eq!(came(receiver.recv().await).0, first);
    assert!(matches!(receiver.recv().await, Some(StatsEvent::Read(_))));
    drop(receiver);
    watch.await.unwrap().unwrap();
}
