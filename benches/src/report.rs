//! The table of a scenario, and the file with the results of all.

use std::{fs::File, io, path::Path};

use crate::{
    contenders,
    scenario::{Scenario, Unit},
    summary::Summary,
};

/// Prints the results of one scenario.
pub(crate) fn print_table(scenario: Scenario, summaries: &[Summary]) {
    println!("\n{scenario}: {}", scenario.description());
    if summaries.is_empty() {
        println!("    no contender");
        return;
    }
    let value = match scenario.unit() {
        Unit::PerSecond => "per second",
        Unit::Bytes => "bytes",
    };
    println!(
        "    {:<28} {:>12} {:>12} {:>12} {:>7} {:>9} {:>9} {:>9}",
        "contender", value, "min", "max", "ratio", "cpu ns", "p50 ns", "p99 ns"
    );
    for summary in summaries {
        println!(
            "  {} {:<28} {:>12.0} {:>12.0} {:>12.0} {:>7} {:>9} {:>9} {:>9}",
            if summary.is_base { '*' } else { ' ' },
            summary.contender,
            summary.median_per_s,
            summary.min,
            summary.max,
            or_dash(summary.ratio_to_raw.map(|ratio| format!("{ratio:.2}"))),
            or_dash(summary.cpu_ns.map(|nanoseconds| format!("{nanoseconds:.0}"))),
            or_dash(summary.p50_ns),
            or_dash(summary.p99_ns),
        );
    }
    if let Some(skipped) = contenders::skipped(scenario) {
        println!("    {skipped}");
    }
}

/// Writes the results as a JSON array, one object for each contender of each scenario.
pub(crate) fn write_json(path: &Path, summaries: &[Summary]) -> io::Result<()> {
    serde_json::to_writer_pretty(File::create(path)?, summaries).map_err(io::Error::from)
}

fn or_dash(figure: Option<impl ToString>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string())
}
