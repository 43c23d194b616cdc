//! Answers of `GET /queue` and entries of `GET /history`: read, or refused, and what is read is whole.
#![no_main]

use comfy_client::{HistoryEntry, Place, Queue};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else { return };
    if let Some(queue) = Queue::read(&value) {
        for item in queue.running.iter().chain(&queue.pending) {
            assert_ne!(queue.place(&item.prompt_id), Place::Absent);
        }
    }
    if let Some(entry) = HistoryEntry::read(value.clone()) {
        assert_eq!(entry.raw, value, "nothing is lost");
        let _ = (entry.ran_for(), entry.message("execution_error"));
    }
});
