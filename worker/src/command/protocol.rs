use std::borrow::Cow;
use std::io::Write as _;
use std::time::Duration;

use edri_event::{Failure, Progress, TraceContext};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What a worker may say in a line. The guide has the whole protocol.
#[derive(Debug)]
pub(super) enum Said<'a> {
    /// It takes jobs.
    Ready(Ready),
    /// A job has been done.
    Response { id: u64, response: &'a RawValue },
    /// A job could not be done.
    Failure { id: u64, failure: Failure },
    /// How far a job has come.
    Progress { id: u64, progress: Progress },
    /// Something has happened.
    Notify { event: Cow<'a, str>, data: Option<&'a RawValue> },
}

/// What a worker says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Ready {
    /// How many jobs it takes at a time.
    pub(super) concurrency: Option<usize>,
    /// Whether it wants to be told when a job is not wanted any more.
    pub(super) cancel: bool,
}

/// A line with all that it may hold. What is unknown is ignored.
#[derive(Deserialize)]
struct Raw<'a> {
    id: Option<u64>,
    #[serde(default, borrow, deserialize_with = "present")]
    response: Option<&'a RawValue>,
    failure: Option<RawFailure>,
    progress: Option<RawProgress>,
    #[serde(borrow)]
    notify: Option<RawNotify<'a>>,
    ready: Option<Ready>,
}

#[derive(Deserialize)]
struct RawFailure {
    code: Option<String>,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct RawProgress {
    done: u64,
    #[serde(default)]
    total: u64,
}

#[derive(Deserialize)]
struct RawNotify<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "present")]
    data: Option<&'a RawValue>,
}

/// `null` is a value, too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// What is wrong with a line, and the job that it is about, if it says so.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) id: Option<u64>,
    pub(super) why: String,
}

/// So much of a line is shown to people.
const SHOWN: usize = 200;

/// What a worker says in a line, which is without its line feed.
pub(super) fn read(line: &[u8]) -> Result<Said<'_>, Unreadable> {
    let unreadable = |id, why: &str| {
        let shown = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]);
        let more = if line.len() > SHOWN { " and so on" } else { "" };
        Err(Unreadable { id, why: format!("{why}, got `{shown}`{more}") })
    };
    // A list would do for serde.
    if line.trim_ascii_start().first() != Some(&b'{') {
        return unreadable(None, "expected a JSON object in one line");
    }
    let raw: Raw<'_> = match serde_json::from_slice(line) {
        Ok(raw) => raw,
        Err(error) if error.is_data() => return unreadable(id_of(line), &error.to_string()),
        Err(_) => return unreadable(None, "expected a JSON object in one line"),
    };
    let id = raw.id.ok_or("`id`");
    let said = match raw {
        Raw {
            response: Some(response), failure: None, progress: None, notify: None, ready: None, ..
        } => id.map(|id| Said::Response { id, response }),
        Raw { failure: Some(failure), response: None, progress: None, notify: None, ready: None, .. } => {
            let code = failure.code.map_or(Cow::Borrowed(Failure::ERROR), Cow::Owned);
            id.map(|id| Said::Failure { id, failure: Failure::new(code, failure.message) })
        }
        Raw {
            progress: Some(progress), response: None, failure: None, notify: None, ready: None, ..
        } => {
            let progress = Progress { done: progress.done, total: progress.total };
            id.map(|id| Said::Progress { id, progress })
        }
        Raw { notify: Some(notify), response: None, failure: None, progress: None, ready: None, .. } => {
            Ok(Said::Notify { event: notify.event, data: notify.data })
        }
        Raw { ready: Some(ready), response: None, failure: None, progress: None, notify: None, .. } => {
            Ok(Said::Ready(ready))
        }
        _ => Err("one of `response`, `failure`, `progress`, `notify` and `ready`"),
    };
    said.or_else(|missing| unreadable(raw.id, &format!("expected {missing} in the line")))
}

/// The job that a line is about whose other fields are not as they should be.
fn id_of(line: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Id {
        id: u64,
    }
    serde_json::from_slice::<Id>(line).ok().map(|line| line.id)
}

/// A job for a worker.
pub(super) struct JobLine<'a> {
    pub(super) id: u64,
    /// The name of the request.
    pub(super) event: &'a str,
    /// As JSON.
    pub(super) job: &'a [u8],
    /// How long it may take from now on.
    pub(super) time: Option<Duration>,
    pub(super) trace: Option<TraceContext>,
}

impl JobLine<'_> {
    /// Puts the line at the end of what is to be written.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Self { id, event, job, time, trace } = self;
        out.reserve(job.len() + event.len() + 160);
        // Writing to memory does not fail.
        let _ = write!(out, "{{\"id\":{id},\"event\":");
        let _ = serde_json::to_writer(&mut *out, event);
        out.extend_from_slice(b",\"job\":");
        out.extend_from_slice(job);
        if let Some(time) = time {
            let _ = write!(out, ",\"timeout_ms\":{}", time.as_millis());
        }
        if let Some(trace) = trace {
            let _ = write!(out, ",\"traceparent\":\"{trace}\"");
        }
        out.extend_from_slice(b"}\n");
    }
}

/// That a job is not wanted any more.
pub(super) fn cancel_line(id: u64, out: &mut Vec<u8>) {
    let _ = writeln!(out, "{{\"cancel\":{id}}}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(line: &str) -> (Option<u64>, String) {
        let Unreadable { id, why } = read(line.as_bytes()).unwrap_err();
        (id, why)
    }

    #[test]
    fn what_a_worker_may_say() {
        let Said::Response { id: 7, response } = read(br#"{"id":7,"response":{"a":[1,2]}}"#).unwrap() else {
            panic!("no response")
        };
        assert_eq!(response.get(), r#"{"a":[1,2]}"#);
        let nothing = read(br#" { "response" : null , "id" : 8 , "took" : 1.5 } "#).unwrap();
        assert!(matches!(nothing, Said::Response { id: 8, response } if response.get() == "null"));
        let Said::Failure { id: 1, failure } =
            read(br#"{"id":1,"failure":{"code":"late","message":"m"}}"#).unwrap()
        else {
            panic!("no failure")
        };
        assert_eq!((failure.code(), failure.message()), ("late", "m"));
        let plain = read(br#"{"id":1,"failure":{}}"#).unwrap();
        assert!(matches!(plain, Said::Failure { failure, .. } if failure.code() == Failure::ERROR));
        let progress = read(br#"{"id":1,"progress":{"done":3}}"#).unwrap();
        assert!(matches!(progress, Said::Progress { progress: Progress { done: 3, total: 0 }, .. }));
        let notify = read(br#"{"id":1,"notify":{"event":"a::B","data":{}}}"#).unwrap();
        assert!(matches!(notify, Said::Notify { event, data: Some(_) } if event == "a::B"));
        let ready = read(br#"{"ready":{"concurrency":8,"cancel":true,"version":"1.2"}}"#).unwrap();
        assert!(matches!(ready, Said::Ready(Ready { concurrency: Some(8), cancel: true })));
        assert!(matches!(read(br#"{"ready":{}}"#).unwrap(), Said::Ready(ready) if ready == Ready::default()));
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told() {
        assert_eq!(why("hello"), (None, "expected a JSON object in one line, got `hello`".into()));
        assert_eq!(
            why(r#"{"response":1}"#),
            (None, r#"expected `id` in the line, got `{"response":1}`"#.into())
        );
        let (id, text) = why(r#"{"id":4}"#);
        assert_eq!(id, Some(4));
        assert!(text.starts_with("expected one of `response`, `failure`,"), "{text}");
        let (id, text) = why(r#"{"id":5,"response":1,"failure":{}}"#);
        assert_eq!(id, Some(5));
        assert!(text.starts_with("expected one of "), "{text}");
        assert_eq!(why(r#"{"id":6,"failure":"no"}"#).0, Some(6));
        assert_eq!(why(r#"{"id":"6","response":1}"#).0, None);
        let (_, long) = why(&format!("[{}", "x".repeat(5_000)));
        assert!(long.len() < 300 && long.ends_with("` and so on"), "{long}");
        for line in [
            "",
            "null",
            "[]",
            "[1,2,null,null,null,null]",
            "1",
            "{",
            "{}",
            "\u{0}",
            r#"{"id":1,"response":}"#,
            r#"{"id":-1,"response":1}"#,
        ] {
            read(line.as_bytes()).unwrap_err();
        }
        read(b"{\"id\":1,\"response\":\"\xff\"}").unwrap_err();
    }

    #[test]
    fn a_job_is_one_line() {
        let mut out = b"before\n".to_vec();
        let job = JobLine { id: 3, event: "a::\"B\"", job: b"[1]", time: None, trace: None };
        job.write(&mut out);
        cancel_line(3, &mut out);
        let trace = TraceContext::fresh();
        JobLine { time: Some(Duration::from_millis(1_500)), trace: Some(trace), ..job }.write(&mut out);
        let lines: Vec<_> = std::str::from_utf8(&out).unwrap().lines().collect();
        assert_eq!(lines[1], r#"{"id":3,"event":"a::\"B\"","job":[1]}"#);
        assert_eq!(lines[2], r#"{"cancel":3}"#);
        let full: serde_json::Value = serde_json::from_str(lines[3]).unwrap();
        assert_eq!(full["timeout_ms"], 1_500);
        assert_eq!(full["traceparent"], trace.to_string());
    }
}
