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
