//! The example `soak`, for a moment: its books have to balance, and what they are about has to have happened.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "support/program.rs"]
#[allow(dead_code, reason = "not every test uses all of it")]
mod program;

use program::{Program, within_a_minute};
use serde_json::Value;

fn report(arguments: &'static [&'static str]) -> Value {
    let (code, said, complaints) = within_a_minute(|| Program::start("soak", arguments).end());
    assert_eq!(complaints, "", "there is nothing but the report when nobody watches");
    let report: Value = serde_json::from_str(&said.concat()).unwrap();
    assert_eq!(report["wrong"], Value::Array(Vec::new()), "{report:#}");
    assert_eq!(code, Some(0));
    report
}

#[test]
fn the_books_balance_after_load_with_faults() {
    let report = report(&["--seconds", "2", "--fault-every", "5", "--seed", "1", "--json"]);
    for line in report["lines"].as_array().unwrap() {
        let done = line["handled"].as_u64().unwrap() + line["asked"].as_u64().unwrap();
        assert!(done > 0, "nothing has happened there: {line:#}");
    }
    for (what, least) in [("restarts", 10), ("given_up", 1), ("late_readers", 10), ("pages_replayed", 100)] {
        assert!(report[what].as_u64().unwrap() >= least, "{what}: {report:#}");
    }
    let lost = |reason: &str| {
        let lines = report["lines"].as_array().unwrap().iter();
        let lost = lines.flat_map(|line| line["lost"].as_array().unwrap());
        lost.filter(|entry| entry[0] == reason).count()
    };
    for reason in ["overflow", "failed", "panicked", "abandoned", "stopped"] {
        assert!(lost(reason) > 0, "nothing was lost because of {reason}: {report:#}");
    }
}

#[test]
fn without_faults_a_mix_of_requests_is_answered_and_no_more() {
    let report =
        report(&["--seconds", "1", "--fault-every", "0", "--mix", "request,job", "--senders", "2", "--json"]);
    let lines = report["lines"].as_array().unwrap();
    let asked: u64 = lines.iter().map(|line| line["asked"].as_u64().unwrap()).sum();
    let ended = |line: &Value, outcome: &str| {
        let answers = line["answers"].as_array().unwrap().iter();
        answers.filter(|entry| entry[0] == outcome).map(|entry| entry[1].as_u64().unwrap()).sum::<u64>()
    };
    assert!(asked > 0);
    assert_eq!(
        asked,
        lines.iter().map(|line| ended(line, "answered") + ended(line, "overloaded")).sum::<u64>()
    );
    assert_eq!(report["restarts"], 0);
}
