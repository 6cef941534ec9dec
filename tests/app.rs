//! The life of a whole program: how its parts start and how they end.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::future::pending;
use std::time::Duration;

use edri::event::Request;
use edri::prelude::*;
use edri::{Error, Report};
use futures_util::future::join_all;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Notification)]
struct Note;

#[derive(Request)]
#[request(response = ())]
struct Job;

/// What has happened, in order.
#[derive(Clone)]
struct Log(UnboundedSender<String>);

impl Log {
    fn new() -> (Self, UnboundedReceiver<String>) {
        let (log, lines) = unbounded_channel();
        (Self(log), lines)
    }

    fn say(&self, line: impl Into<String>) {
        let _ = self.0.send(line.into());
    }
}

fn lines(log: &mut UnboundedReceiver<String>) -> Vec<String> {
    std::iter::from_fn(|| log.try_recv().ok()).collect()
}

/// Says when it starts and stops, and is served by the pool of [`Helper`]s whenever it runs.
struct Member {
    log: Log,
    fails: bool,
}

impl Member {
    fn called(name: &'static str, log: &Log) -> Host<Self> {
        Host::new(Self { log: log.clone(), fails: false }).name(name)
    }
}

#[manager]
impl Member {
    #[started]
    async fn begin(&mut self, cx: &Context) -> Result<(), Failure> {
        if self.fails {
            return Err(Failure::new("closed", "expected an open door"));
        }
        let served = cx.router().request(Job).await.is_ok();
        self.log.say(format!("{} started, served: {served}", cx.name()));
        Ok(())
    }

    #[notification]
    async fn note(&mut self, _note: &Note, cx: &Context) {
        sleep(SECOND).await;
        self.log.say(format!("{} has noted", cx.name()));
    }

    #[stopping]
    async fn end(&mut self, cx: &Context) {
        let served = cx.router().request(Job).await.is_ok();
        self.log.say(format!("{} stopped, served: {served}", cx.name()));
    }
}

struct Helper {
    log: Log,
}

impl Helper {
    fn pool(log: &Log) -> Pool<Self> {
        let log = log.clone();
        Pool::tasks(1, move || Self { log: log.clone() })
    }
}

impl Worker for Helper {
    type Job = Job;

    async fn run(&mut self, _job: Job, _cx: &WorkerContext) -> Result<(), Failure> {
        Ok(())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.log.say("the helper is gone");
    }
}

#[tokio::test(start_paused = true)]
async fn pools_start_before_managers_and_everything_stops_in_reverse() {
    let (log, mut told) = Log::new();
    let app = App::new()
        .manager(Member::called("first", &log))
        .manager(Member::called("second", &log))
        .workers(Helper::pool(&log));

    let app = app.start().await.unwrap();
    assert_eq!(lines(&mut told), ["first started, served: true", "second started, served: true"]);

    let report = app.shutdown(SECOND).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(
        lines(&mut told),
        ["second stopped, served: true", "first stopped, served: true", "the helper is gone"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_is_named_and_those_that_had_started_stop() {
    let (log, mut told) = Log::new();
    let failed = App::new()
        .manager(Member::called("first", &log))
        .manager(Host::new(Member { log: log.clone(), fails: true }).name("second"))
        .manager(Member::called("third", &log))
        .start()
        .await;

    let Err(Error::Start(error)) = failed else { panic!("it started") };
    assert_eq!((error.name.as_str(), error.failure.code()), ("second", "closed"));
    let text = Error::Start(error).to_string();
    assert_eq!(text, "the manager second did not start: closed: expected an open door");

    assert_eq!(told.recv().await.unwrap(), "first started, served: false");
    let stopped = timeout(SECOND, told.recv()).await.unwrap();
    assert_eq!(stopped.unwrap(), "first stopped, served: false");
    drop(log);
    assert_eq!(told.recv().await, None, "the third one has never been there");
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_cannot_start_is_an_error() {
    let (log, _told) = Log::new();
    let nobody = Pool::tasks(0, move || Helper { log: log.clone() });
    let error = App::new().workers(nobody).start().await.unwrap_err();
    assert_eq!(error.to_string(), "the pool Helper needs at least 1 worker, not 0");
}

#[tokio::test(start_paused = true)]
async fn shutdown_handles_what_waits_and_reports_nothing() {
    let (log, mut told) = Log::new();
    let app = App::new().manager(Member::called("only", &log)).start().await.unwrap();
    for _ in 0..10 {
        app.router().notify(Note).await.unwrap();
    }

    let report = app.shutdown(60 * SECOND).await;
    assert_eq!(lines(&mut told).iter().filter(|line| *line == "only has noted").count(), 10);
    assert_eq!((report.took, report.left.len()), (10 * SECOND, 0));
    assert_eq!(report.to_string(), "shut down in 10.0s, nothing left");
    report.into_result().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_dropped_stops() {
    let (log, mut told) = Log::new();
    drop(App::new().manager(Member::called("only", &log)).start().await.unwrap());
    assert_eq!(told.recv().await.unwrap(), "only started, served: false");
    let stopped = timeout(SECOND, told.recv()).await.unwrap();
    assert_eq!(stopped.unwrap(), "only stopped, served: false");
}

#[derive(Request)]
#[request(response = ())]
struct Wait;

struct Stuck;

#[manager]
impl Stuck {
    #[request]
    async fn wait(&mut self, _wait: Wait) {
        pending().await
    }
}

struct StuckWorker;

impl Worker for StuckWorker {
    type Job = Job;

    async fn run(&mut self, _job: Job, _cx: &WorkerContext) -> Result<(), Failure> {
        pending().await
    }
}

/// Asks so many times at once, and gives back how many of them were told that nobody will answer.
async fn refusals<R: Request>(router: Router, requests: impl IntoIterator<Item = R>) -> usize {
    let answers = join_all(requests.into_iter().map(|request| router.request(request))).await;
    let refused =
        |answer: &Result<_, _>| matches!(answer, Err(RequestError::Stopped | RequestError::Cancelled));
    answers.iter().filter(|answer| refused(answer)).count()
}

#[tokio::test(start_paused = true)]
async fn what_is_stuck_is_in_the_report_and_whoever_waits_for_it_is_told() {
    let pool = Pool::tasks(1, || StuckWorker).name("stuck-pool");
    let app = App::new().workers(pool).manager(Stuck).start().await.unwrap();
    let asked = tokio::spawn(refusals(app.router().clone(), [Wait, Wait, Wait]));
    let jobs = tokio::spawn(refusals(app.router().clone(), [Job, Job, Job, Job]));
    // On a paused clock: all has come as far as it can.
    sleep(SECOND).await;

    let report = app.shutdown(5 * SECOND).await;
    let left: Vec<_> =
        report.left.iter().map(|left| (left.name.as_str(), left.events, left.running)).collect();
    assert_eq!(left, [("Stuck", 3, 0), ("stuck-pool", 3, 1)]);
    assert_eq!(report.took.as_secs(), 5);
    assert_eq!((asked.await.unwrap(), jobs.await.unwrap()), (3, 4));

    is_readable(&report);
    let Err(error @ Error::Unfinished(_)) = report.clone().into_result() else { panic!("it is clean") };
    assert_eq!(error.to_string(), report.to_string());
    // What `main` prints when it returns it.
    assert_eq!(format!("{error:?}"), report.to_string());
}

fn is_readable(report: &Report) {
    let text = report.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("shut down after 5.") && lines[0].ends_with("s, left:"), "{text}");
    assert_eq!(lines[1], "  part        kind     events  running  on");
    assert!(lines[2].starts_with("  Stuck       manager       3        0  "), "{text}");
    assert_eq!(lines[3], format!("  stuck-pool  pool          3        1  {}", <Job as Event>::name()));
    assert_eq!(lines.len(), 4);
}

/// Has workers of its own, which nobody else can reach.
#[derive(Default)]
struct Owner {
    helpers: Option<RunningPool<Job>>,
    log: Option<Log>,
}

#[derive(Request)]
#[request(response = ())]
struct Delegate;

#[manager]
impl Owner {
    #[started]
    fn hire(&mut self, cx: &Context) -> Result<(), Failure> {
        if let Some(log) = &self.log {
            self.helpers = Some(Helper::pool(log).start_private(cx.router())?);
        }
        Ok(())
    }

    #[request]
    async fn delegate(&mut self, _delegate: Delegate) -> Result<(), Failure> {
        let helpers = self.helpers.as_ref().ok_or_else(|| Failure::new("alone", "expected helpers"))?;
        Ok(helpers.request(Job).await?)
    }
}

#[tokio::test(start_paused = true)]
async fn a_manager_may_have_a_pool_of_its_own() {
    let (log, mut told) = Log::new();
    let app = App::new().manager(Owner { helpers: None, log: Some(log.clone()) }).start().await.unwrap();

    app.router().request(Delegate).await.unwrap();
    let beside = app.router().request(Job).await;
    assert!(matches!(beside, Err(RequestError::NoResponder { .. })), "{beside:?}");

    assert!(app.shutdown(SECOND).await.is_clean());
    let gone = timeout(SECOND, told.recv()).await.unwrap();
    assert_eq!(gone.unwrap(), "the helper is gone");
}

#[derive(Request)]
#[request(response = u64)]
struct Double(u64);

#[tokio::test]
async fn a_program_runs_until_its_work_is_done_and_shuts_down() {
    let app = App::new().start().await.unwrap();
    let router = app.router().clone();
    let _doubler = router.respond(|double: Double| async move { Ok(double.0 * 2) });
    let output = app.run_until(async { router.request(Double(21)).await }).await.unwrap();
    assert_eq!(output, Some(Ok(42)));
}

#[tokio::test]
async fn two_programs_in_one_process_know_nothing_of_each_other() {
    let (log, _told) = Log::new();
    let one = App::new().workers(Helper::pool(&log)).start().await.unwrap();
    let other = App::new().start().await.unwrap();
    let same = App::on(one.router().clone()).start().await.unwrap();

    assert!(other.router().request(Job).await.is_err());
    assert!(same.router().request(Job).await.is_ok());
}

#[edri::main]
async fn spread() -> (RuntimeFlavor, usize) {
    runtime()
}

#[edri::main(worker_threads = 3)]
async fn spread_over_three() -> (RuntimeFlavor, usize) {
    runtime()
}

#[edri::main(flavor = "current_thread")]
async fn on_one() -> (RuntimeFlavor, usize) {
    // Panics on a runtime without timers.
    sleep(Duration::ZERO).await;
    runtime()
}

fn runtime() -> (RuntimeFlavor, usize) {
    let handle = Handle::current();
    (handle.runtime_flavor(), handle.metrics().num_workers())
}

#[test]
fn main_runs_on_the_runtime_it_names() {
    let processors = std::thread::available_parallelism().unwrap().get();
    assert_eq!(spread(), (RuntimeFlavor::MultiThread, processors));
    assert_eq!(spread_over_three(), (RuntimeFlavor::MultiThread, 3));
    assert_eq!(on_one(), (RuntimeFlavor::CurrentThread, 1));
}
#[derive(Request)]
#[request(response = ())]
struct Break;

/// Falls when it is told to.
struct Fragile;

#[manager]
impl Fragile {
    #[request]
    fn fall(&mut self, _fall: Break) {
        panic!("out of luck");
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_ends_with_an_error_when_an_essential_manager_has_given_up() {
    let (log, mut told) = Log::new();
    let fragile = Host::from_fn(|| Fragile).name("heart").budget(1, 60 * SECOND).essential();
    let app = App::new().manager(Member::called("other", &log)).manager(fragile).start().await.unwrap();
    let router = app.router().clone();
    let running = tokio::spawn(app.run());
    for _ in 0..2 {
        assert!(matches!(router.request(Break).await, Err(RequestError::Panicked { .. })));
        sleep(SECOND).await;
    }
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the manager heart, which is essential, has stopped: heart fell once more after 1 restarts: the handler \
         panicked: out of luck"
    );
    assert!(matches!(error, Error::Lost { name, .. } if name == "heart"));
    assert_eq!(lines(&mut told).last().unwrap(), "other stopped, served: false", "the rest ended in order");
}

#[tokio::test(start_paused = true)]
async fn a_program_goes_on_without_a_manager_that_is_not_essential() {
    let fragile = Host::from_fn(|| Fragile).budget(0, SECOND);
    let app = App::new().manager(fragile).start().await.unwrap();
    let router = app.router().clone();
    let work = async {
        assert!(matches!(router.request(Break).await, Err(RequestError::Panicked { .. })));
        sleep(60 * SECOND).await;
        assert!(matches!(router.request(Break).await, Err(RequestError::NoResponder { .. })));
    };
    assert!(app.run_until(work).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn an_essential_manager_that_is_told_to_stop_is_not_lost() {
    let app = App::new().manager(Host::from_fn(|| Fragile).essential()).start().await.unwrap();
    assert!(app.run_until(sleep(SECOND)).await.unwrap().is_some());
}
