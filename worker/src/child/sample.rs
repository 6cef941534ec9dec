use std::collections::HashMap;
use std::fs;
use std::io;

/// What a process group uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) processes: u64,
    /// Resident memory, in bytes.
    pub(super) memory: u64,
}

/// What each process group of this machine uses, so far as it can be seen from here.
pub(super) fn groups() -> io::Result<HashMap<i32, Usage>> {
    let page = rustix::param::page_size() as u64;
    let mut groups: HashMap<i32, Usage> = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let is_process = name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit);
        if !is_process {
            continue;
        }
        let path = format!("/proc/{}/stat", name.display());
        // One that has ended meanwhile uses nothing.
        let Some((group, pages)) = fs::read(path).ok().as_deref().and_then(parse) else { continue };
        let usage = groups.entry(group).or_default();
        usage.processes += 1;
        usage.memory += pages * page;
    }
    Ok(groups)
}

/// How many threads there are in this machine: cheap to ask, and enough to suspect that somebody multiplies.
pub(super) fn threads() -> Option<u64> {
    parse_load(&fs::read_to_string("/proc/loadavg").ok()?)
}

/// The second number of field 4 of `/proc/loadavg`, which is as in `2/310`: see proc_loadavg(5).
fn parse_load(load: &str) -> Option<u64> {
    load.split_ascii_whitespace().nth(3)?.split('/').nth(1)?.parse().ok()
}

/// The resident memory of one process, in bytes.
pub(crate) fn memory_of(process: i32) -> Option<u64> {
    let (_, pages) = parse(&fs::read(format!("/proc/{process}/stat")).ok()?)?;
    Some(pages * rustix::param::page_size() as u64)
}

/// The group, field 5 of `/proc/PID/stat`, and the resident pages, field 24: see proc(5). The name, field 2, may hold
/// anything, so that the fields are counted from its last parenthesis on.
fn parse(stat: &[u8]) -> Option<(i32, u64)> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[name_end + 1..]).ok()?.split_ascii_whitespace();
    let group = fields.nth(2)?.parse().ok()?;
    let pages = fields.nth(18)?.parse().ok()?;
    Some((group, pages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat =
            b"7 (a) S 1 99 (b\n) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 100 9000 321 18446 1 1";
        assert_eq!(parse(stat), Some((42, 321)));
        assert_eq!(parse(b"7 (a) S 1"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn the_threads_of_the_machine_are_counted() {
        assert_eq!(parse_load("0.20 0.18 0.12 1/80 11206\n"), Some(80));
        assert_eq!(parse_load("0.20"), None);
        assert!(threads().unwrap() >= 2);
    }

    #[test]
    fn this_process_is_seen() {
        let group = rustix::process::getpgrp().as_raw_nonzero().get();
        let usage = groups().unwrap()[&group];
        assert!(usage.processes >= 1 && usage.memory > 100_000, "{usage:?}");
        assert!(memory_of(std::process::id().try_into().unwrap()).unwrap() > 100_000);
        assert_eq!(memory_of(i32::MAX), None);
    }
}
