//! The program as it is called. That it is here has cargo build it before the tests of its parts, which start it as a switch.

use std::process::Command;

#[test]
fn what_can_be_measured_is_listed_with_its_contenders() {
    let listed = Command::new(env!("CARGO_BIN_EXE_edri-benches")).arg("--list").output().unwrap();

    let text = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.status.success(), "{text}");
    let tell = text.lines().skip_while(|line| !line.starts_with("tell:")).skip(1);
    let contenders: Vec<_> = tell.take_while(|line| line.starts_with("    ")).map(str::trim).collect();
    assert!(contenders.contains(&"edri"), "{contenders:?}");
    assert!(contenders.len() > 4, "{contenders:?}");
}

#[test]
fn a_scenario_that_there_is_not_is_named() {
    let refused = Command::new(env!("CARGO_BIN_EXE_edri-benches")).arg("yell").output().unwrap();

    assert!(!refused.status.success());
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("yell") && text.contains("tell"), "{text}");
}
