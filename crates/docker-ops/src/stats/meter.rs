//! From the engine's counters to figures, by the rules of `docker stats`.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;

use super::{Memory, Reading, Stats, Traffic};
use crate::{Error, ErrorKind};

/// Counters that were read closer together than this are too coarse to be compared: the system's go in steps of 10 ms.
const CLOSEST_NS: u64 = 100_000_000;

/// Nanoseconds of processor time since the container, and the system, began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) container: u64,
    /// Over all processors together.
    pub(super) system: u64,
}

/// Keeps the last counters of one container.
#[derive(Debug, Default)]
pub(super) struct Meter {
    last: Option<Counters>,
}

impl Meter {
    /// Counters that were read beforehand.
    pub(super) fn begin(&mut self, counters: Option<Counters>) {
        self.last = counters;
    }

    /// What one frame says, together with the one before.
    pub(super) fn read(&mut self, container: &Arc<str>, frame: &[u8]) -> Result<Reading, Error> {
        let frame: Frame = serde_json::from_slice(frame)
            .map_err(|error| Error::new(ErrorKind::Protocol, "the figures are not what an engine sends").because(error))?;
        // Of a container that does not run the engine writes the year 1.
        let Some(at) = frame.read.parse().ok().filter(|at: &Timestamp| at.as_second() > 0) else {
            self.last = None;
            return Ok(Reading::NotRunning);
        };
        let listed = frame.cpu_stats.cpu_usage.percpu_usage.as_ref().map_or(0, Vec::len) as u32;
        let online_cpus = frame.cpu_stats.online_cpus.unwrap_or(listed).max(1);
        let now = Counters {
            container: frame.cpu_stats.cpu_usage.total_usage,
            system: frame.cpu_stats.system_cpu_usage.unwrap_or_default(),
        };
        let Some(cpu_percent) = self.percent(now, online_cpus) else { return Ok(Reading::NotYet) };
        Ok(Reading::Known(Stats {
            container: container.clone(),
            at,
            cpu_percent,
            online_cpus,
            memory: frame.memory_stats.into(),
            network: frame.networks.map(|networks| {
                networks.values().fold(Traffic::default(), |sum, one| Traffic {
                    inward: sum.inward + one.rx_bytes,
                    outward: sum.outward + one.tx_bytes,
                })
            }),
            block: frame.blkio_stats.traffic(),
            pids: frame.pids_stats.current,
        }))
    }

    /// The share since the last counters; none if they are of another life of the container, or too near.
    fn percent(&mut self, now: Counters, online_cpus: u32) -> Option<f64> {
        let last = self.last.unwrap_or(now);
        let (Some(container), Some(system)) = (now.container.checked_sub(last.container), now.system.checked_sub(last.system))
        else {
            self.last = Some(now);
            return None;
        };
        if system < CLOSEST_NS * u64::from(online_cpus) {
            self.last = Some(last);
            return None;
        }
        self.last = Some(now);
        Some(container as f64 / system as f64 * f64::from(online_cpus) * 100.0)
    }
}

#[derive(Deserialize)]
struct Frame {
    read: String,
    cpu_stats: Cpu,
    memory_stats: MemoryStats,
    networks: Option<BTreeMap<String, Network>>,
    blkio_stats: Blkio,
    #[serde(default)]
    pids_stats: Pids,
}

#[derive(Deserialize)]
struct Cpu {
    cpu_usage: CpuUsage,
    system_cpu_usage: Option<u64>,
    online_cpus: Option<u32>,
}

#[derive(Deserialize)]
struct CpuUsage {
    total_usage: u64,
    percpu_usage: Option<Vec<u64>>,
}

#[derive(Deserialize)]
struct MemoryStats {
    usage: Option<u64>,
    limit: Option<u64>,
    #[serde(default)]
    stats: MemoryDetails,
}

/// `total_…` and `cache` are of cgroup v1, the rest of v2; v1 has `inactive_file` too, of the container alone.
#[derive(Deserialize, Default)]
struct MemoryDetails {
    total_inactive_file: Option<u64>,
    inactive_file: Option<u64>,
    total_cache: Option<u64>,
    cache: Option<u64>,
    file: Option<u64>,
}

impl From<MemoryStats> for Memory {
    fn from(MemoryStats { usage, limit, stats }: MemoryStats) -> Self {
        let raw = usage.unwrap_or_default();
        let inactive = stats.total_inactive_file.or(stats.inactive_file).filter(|inactive| *inactive < raw);
        Memory {
            used: raw - inactive.unwrap_or_default(),
            raw,
            cache: stats.total_cache.or(stats.cache).or(stats.file).unwrap_or_default(),
            limit: limit.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct Network {
    rx_bytes: u64,
    tx_bytes: u64,
}

#[derive(Deserialize)]
struct Blkio {
    io_service_bytes_recursive: Option<Vec<BlkioEntry>>,
}

#[derive(Deserialize)]
struct BlkioEntry {
    op: String,
    value: u64,
}

impl Blkio {
    fn traffic(&self) -> Traffic {
        let entries = self.io_service_bytes_recursive.iter().flatten();
        entries.fold(Traffic::default(), |sum, entry| match entry.op.as_bytes().first() {
            Some(b'r' | b'R') => Traffic { inward: sum.inward + entry.value, ..sum },
            Some(b'w' | b'W') => Traffic { outward: sum.outward + entry.value, ..sum },
            _ => sum,
        })
    }
}

#[derive(Deserialize, Default)]
struct Pids {
    current: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(container_ms: u64, system_ms: u64, memory: &str) -> String {
        format!(
            r#"{{"read":"2026-01-02T03:04:05.6Z","cpu_stats":{{"cpu_usage":{{"total_usage":{}}},"system_cpu_usage":{},"online_cpus":2}},
            "memory_stats":{memory},"networks":{{"eth0":{{"rx_bytes":10,"tx_bytes":1}},"eth1":{{"rx_bytes":5,"tx_bytes":2}}}},
            "blkio_stats":{{"io_service_bytes_recursive":[{{"op":"Read","value":7}},{{"op":"write","value":8}},{{"op":"Total","value":15}}]}},
            "pids_stats":{{"current":3}}}}"#,
            container_ms * 1_000_000,
            system_ms * 1_000_000
        )
    }

    /// The share, or what there is in its place.
    fn told(meter: &mut Meter, frame: &str) -> String {
        match meter.read(&"c".into(), frame.as_bytes()).unwrap() {
            Reading::Known(stats) => format!("{:.1}", stats.cpu_percent),
            Reading::NotYet => "not yet".to_owned(),
            Reading::NotRunning => "not running".to_owned(),
            Reading::Ended => unreachable!(),
        }
    }

    #[test]
    fn the_share_is_of_two_readings_of_one_life() {
        let mut meter = Meter::default();
        let mut at = |container, system| told(&mut meter, &frame(container, system, "{}"));
        assert_eq!(at(100, 10_000), "not yet", "there is one reading only");
        assert_eq!(at(110, 10_040), "not yet", "20 ms are too near");
        assert_eq!(at(1_100, 12_000), "100.0", "since the first one");
        assert_eq!(at(1_100, 14_000), "0.0");
        assert_eq!(at(50, 16_000), "not yet", "started again");
        assert_eq!(at(1_050, 17_000), "200.0");
        assert_eq!(at(1_060, 9_000), "not yet", "the machine was started again");
        let gone = r#"{"read":"0001-01-01T00:00:00Z","pids_stats":{},"blkio_stats":{},"cpu_stats":{"cpu_usage":{"total_usage":0}},"memory_stats":{}}"#;
        assert_eq!(told(&mut meter, gone), "not running");
        assert_eq!(told(&mut meter, &frame(2_000, 20_000, "{}")), "not yet", "what was before it ended does not count");
    }

    #[test]
    fn memory_is_counted_as_docker_stats_counts_it() {
        let memory = |text: &str| {
            let mut meter = Meter::default();
            meter.begin(Some(Counters { container: 0, system: 0 }));
            match meter.read(&"c".into(), frame(1, 1_000, text).as_bytes()).unwrap() {
                Reading::Known(stats) => (stats.memory, stats.network, stats.block, stats.pids),
                _ => panic!("no figures"),
            }
        };
        let v1 =
            r#"{"usage":1000,"limit":4000,"stats":{"total_inactive_file":300,"inactive_file":1,"total_cache":400,"cache":2}}"#;
        let (found, network, block, pids) = memory(v1);
        assert_eq!(found, Memory { used: 700, raw: 1000, cache: 400, limit: 4000 });
        assert!((found.percent() - 17.5).abs() < 1e-9);
        assert_eq!(network, Some(Traffic { inward: 15, outward: 3 }));
        assert_eq!((block, pids), (Traffic { inward: 7, outward: 8 }, Some(3)));
        let v2 = r#"{"usage":1000,"limit":0,"stats":{"inactive_file":250,"file":300}}"#;
        let found = memory(v2).0;
        assert_eq!(found, Memory { used: 750, raw: 1000, cache: 300, limit: 0 });
        assert!(found.percent().abs() < 1e-9, "without a limit there is no share");
        let odd = r#"{"usage":1000,"stats":{"inactive_file":2000}}"#;
        assert_eq!(memory(odd).0.used, 1000, "what is more than all is not taken off");
    }
}
