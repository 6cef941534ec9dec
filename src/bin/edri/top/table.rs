use std::cmp::Ordering;
use std::fmt::Write as _;

use clap::ValueEnum;
use edri_connector::switch::Size;
use edri_connector::switch::status::{Connection, Phase, Status};

/// By what the routers are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Their names.
    Name,
    /// What comes from them.
    Received,
    /// What goes to them.
    Sent,
    /// What waits for them.
    Queue,
    /// What was dropped for want of room.
    Dropped,
    /// How far they are.
    RoundTrip,
}

/// What is shown of a switch.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) sort: Sort,
    pub(crate) network: Option<String>,
}

pub(crate) const COLUMNS: [&str; 11] = [
    "router",
    "network",
    "from",
    "interests",
    "in/s",
    "in B/s",
    "out/s",
    "out B/s",
    "queue",
    "dropped",
    "rtt ms",
];

/// How many of the columns, from the left, are text.
const TEXT: usize = 3;

impl Table {
    pub(crate) fn new(sort: Sort, network: Option<String>) -> Self {
        Self { sort, network }
    }

    /// The routers that are shown, in their order.
    pub(crate) fn rows(&self, status: &Status) -> Vec<[String; COLUMNS.len()]> {
        let is_shown = |connection: &&Connection| {
            self.network.as_ref().is_none_or(|network| *network == connection.network)
        };
        let mut shown: Vec<_> = status.connections.iter().filter(is_shown).collect();
        shown.sort_by(|one, other| self.compare(one, other).then_with(|| one.member.cmp(&other.member)));
        shown.into_iter().map(row).collect()
    }

    /// What is large comes first.
    fn compare(&self, one: &Connection, other: &Connection) -> Ordering {
        match self.sort {
            Sort::Name => one.name.cmp(&other.name),
            Sort::Received => other.received.bytes_per_second.total_cmp(&one.received.bytes_per_second),
            Sort::Sent => other.sent.bytes_per_second.total_cmp(&one.sent.bytes_per_second),
            Sort::Queue => other.queue.bytes.cmp(&one.queue.bytes),
            Sort::Dropped => other.dropped.relays.cmp(&one.dropped.relays),
            Sort::RoundTrip => {
                let time = |connection: &Connection| connection.round_trip_ms.unwrap_or(-1.0);
                time(other).total_cmp(&time(one))
            }
        }
    }

    /// All of it, in lines.
    pub(crate) fn text(&self, status: &Status) -> String {
        let mut text = heading(status).join("\n");
        text.push_str("\n\n");
        let rows = self.rows(status);
        let widths: Vec<usize> = (0..COLUMNS.len())
            .map(|column| {
                let longest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
                longest.max(COLUMNS[column].len())
            })
            .collect();
        let mut line = |cells: &[String]| {
            let mut line = String::new();
            for (column, cell) in cells.iter().enumerate() {
                let width = widths[column];
                let _ = if column < TEXT {
                    write!(line, "{cell:width$}  ")
                } else {
                    write!(line, "{cell:>width$}  ")
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        };
        line(&COLUMNS.map(str::to_owned));
        rows.iter().for_each(|row| line(row));
        text.pop();
        text
    }
}

fn row(connection: &Connection) -> [String; COLUMNS.len()] {
    let (received, sent) = (&connection.received, &connection.sent);
    [
        name(connection),
        connection.network.clone(),
        connection.peer.clone(),
        connection.interests.to_string(),
        number(received.relays_per_second),
        number(received.bytes_per_second),
        number(sent.relays_per_second),
        number(sent.bytes_per_second),
        number(connection.queue.bytes as f64),
        connection.dropped.relays.to_string(),
        connection.round_trip_ms.map_or("-".to_owned(), |time| format!("{time:.2}")),
    ]
}

/// A router without a name is called by its id.
fn name(connection: &Connection) -> String {
    if connection.name.is_empty() { connection.id.clone() } else { connection.name.clone() }
}

/// The switch in two lines.
pub(crate) fn heading(status: &Status) -> [String; 2] {
    let rate = |of: fn(&Connection) -> f64| number(status.connections.iter().map(of).sum());
    let phase = match status.phase {
        Phase::Draining => "draining",
        _ => "running",
    };
    let dropped: u64 = status.networks.iter().map(|network| network.dropped.relays).sum();
    let resent: u64 = status.networks.iter().map(|network| network.resent).sum();
    [
        format!(
            "switch {} at {}, {phase} for {}: {} of {} connections, {} in handshake, {} networks",
            status.version,
            status.listen.join(", "),
            age(status.uptime_seconds),
            status.counts.open,
            status.counts.limit,
            status.counts.pending,
            status.networks.len(),
        ),
        format!(
            "in {}/s {}B/s, out {}/s {}B/s, waiting {} of {}, dropped {dropped}, resent {resent}",
            rate(|connection| connection.received.relays_per_second),
            rate(|connection| connection.received.bytes_per_second),
            rate(|connection| connection.sent.relays_per_second),
            rate(|connection| connection.sent.bytes_per_second),
            number(status.queue.bytes as f64),
            Size::bytes(status.queue.limit),
        ),
    ]
}

/// A number in four characters or so.
pub(crate) fn number(number: f64) -> String {
    match number {
        ..0.05 => "0".to_owned(),
        ..10.0 => format!("{number:.1}"),
        ..1e4 => format!("{number:.0}"),
        ..1e6 => format!("{:.1}k", number / 1e3),
        ..1e9 => format!("{:.1}M", number / 1e6),
        _ => format!("{:.1}G", number / 1e9),
    }
}

/// So many seconds, as people say it.
pub(crate) fn age(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        3_600..86_400 => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn status() -> Status {
        let router = |number: u32, name: &str, received: f64, queue: u64| {
            serde_json::json!({
                "id": format!("{number:032x}"), "name": name, "vouched_by": "nobody", "network": "plant",
                "member": number, "incarnation": 1, "peer": "10.0.0.1:1000", "encrypted": false,
                "connected_seconds": 5.0, "interests": number, "queue": {"bytes": queue, "limit": 1 << 24},
                "behind_bytes": 0,
                "received": {"relays": 5, "bytes": 500, "relays_per_second": 5.0, "bytes_per_second": received},
                "sent": {"relays": 0, "bytes": 0, "relays_per_second": 0.0, "bytes_per_second": 0.0},
                "dropped": {"relays": 7 * number, "bytes": 700}, "astray": 0, "denied": 0, "resent": 0,
                "round_trip_ms": if number == 2 { None } else { Some(0.25 * f64::from(number)) },
            })
        };
        let status = serde_json::json!({
            "version": "0.1.0", "phase": "running", "uptime_seconds": 3725.0, "listen": ["0.0.0.0:8899"],
            "security": {"tls": true, "tokens": 0, "access_rules": 0},
            "counts": {"open": 3, "pending": 0, "limit": 16384},
            "ended": {"joined": 3, "probed": 0, "closed": 0, "lost": 0, "silent": 0, "stalled": 0,
                "too_far_behind": 0, "replaced": 0, "refused": 0, "violations": 0, "unfinished_handshakes": 0,
                "turned_away": 0, "gave_way": 0},
            "queue": {"bytes": 3_000_000, "limit": 1 << 30}, "networks": [],
            "connections": [
                router(1, "press-1", 100.0, 0), router(2, "", 123_456.0, 10), router(3, "panel", 0.0, 3_000_000),
            ],
            "departed": [{"id": "00", "name": "oven", "network": "plant", "how": "lost",
                "reason": "the connection was lost", "seconds_ago": 12.0}],
        });
        serde_json::from_value(status).unwrap()
    }

    fn names(sort: Sort) -> Vec<String> {
        let rows = Table::new(sort, None).rows(&status());
        rows.into_iter().map(|[name, ..]| name.trim_start_matches('0').to_owned()).collect()
    }

    #[test]
    fn routers_are_sorted_by_what_is_asked_for_and_the_largest_first() {
        assert_eq!(names(Sort::Received), ["2", "press-1", "panel"]);
        assert_eq!(names(Sort::Queue), ["panel", "2", "press-1"]);
        assert_eq!(names(Sort::Dropped), ["panel", "2", "press-1"]);
        assert_eq!(names(Sort::RoundTrip), ["panel", "press-1", "2"]);
        assert_eq!(names(Sort::Name), ["2", "panel", "press-1"]);
    }

    #[test]
    fn the_table_is_told_in_columns() {
        let text = Table::new(Sort::Received, None).text(&status());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3 + 1 + 3, "{text}");
        assert!(lines[0].contains("running for 1 h 2 min: 3 of 16384 connections"), "{text}");
        assert!(lines[1].contains("waiting 3.0M of 1 GiB"), "{text}");
        assert!(lines[3].starts_with("router") && lines[3].ends_with("rtt ms"), "{text}");
        assert!(lines[4].contains("123.5k") && lines[4].ends_with('-'), "{text}");
        assert!(lines[5].starts_with("press-1 ") && lines[5].ends_with("0.25"), "{text}");
        let other = Table::new(Sort::Received, Some("office".to_owned())).rows(&status());
        assert!(other.is_empty());
    }

    #[test]
    fn numbers_and_ages_are_short() {
        let numbers = [0.0, 0.04, 0.5, 9.96, 1234.0, 12_345.0, 1_234_567.0, 5e9];
        let told = numbers.map(number);
        assert_eq!(told, ["0", "0", "0.5", "10.0", "1234", "12.3k", "1.2M", "5.0G"]);
        assert_eq!([5.9, 65.0, 7_265.0, 200_000.0].map(age), ["5 s", "1 min 5 s", "2 h 1 min", "2 d 7 h"]);
    }
}
