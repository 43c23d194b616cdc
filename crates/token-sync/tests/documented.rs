//! Every dialect has its row in the reference, and no row outlives its dialect.

use std::collections::BTreeSet;

use token_sync::Dialect;

#[test]
fn the_reference_lists_every_dialect() {
    let page = include_str!("../../../docs/reference/dialects.md");
    let rows: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let names: BTreeSet<&str> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
    assert_eq!(rows, names);
}

/// A few lines whose values double line by line, as a fuzzer found them: every reader stops early.
#[test]
fn values_that_double_are_refused_or_stay_small() {
    for reference in ["$A$A", "${A}${A}"] {
        let mut doubling = "A=0123456789abcdef\n".to_owned();
        for _ in 0..40 {
            doubling.push_str(&format!("A={reference}\nA=\"{reference}\"\n"));
        }
        for dialect in Dialect::ALL {
            let entries = dialect.read(doubling.as_bytes(), &token_sync::Surroundings::new()).unwrap_or_default();
            let bytes: usize = entries.iter().filter_map(|entry| entry.value.as_ref()).map(String::len).sum();
            assert!(bytes < 4 << 20, "{dialect} made {bytes} bytes");
        }
    }
    let many = format!("A={}\n", "$A".repeat(5_000));
    assert!(Dialect::ComposeV2.read(many.as_bytes(), &token_sync::Surroundings::new()).is_err());
}
