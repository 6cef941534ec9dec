use bytes::Bytes;
use edri_event::{Failure, Request};
use edri_worker::{Worker, WorkerContext};
use serde::{Deserialize, Serialize};

/// 128 bytes there and back.
#[derive(Clone, Request, Serialize, Deserialize)]
#[request(response = Echo, shareable)]
pub(crate) struct Echo {
    pub(crate) number: u64,
    pub(crate) text: String,
}

impl Echo {
    /// With its number and its length it takes 128 bytes.
    pub(crate) fn new(number: u64) -> Self {
        Self { number: number | 1 << 62, text: "x".repeat(118) }
    }
}

/// Many bytes there, of which the answer is how many, and something of all pages.
#[derive(Request, Serialize, Deserialize)]
#[request(response = u64, shareable)]
pub(crate) struct Large {
    #[serde(with = "edri_event::uncopied")]
    pub(crate) bytes: Bytes,
}

/// What a reader at least does.
pub(crate) fn look(bytes: &[u8]) -> u64 {
    bytes.iter().step_by(4096).map(|byte| u64::from(*byte)).sum::<u64>() + bytes.len() as u64
}

/// Keeps a processor busy for so long.
#[derive(Request, Serialize, Deserialize)]
#[request(response = u64, shareable)]
pub(crate) struct Spin {
    pub(crate) steps: u64,
}

/// Without a clock: what one processor does in a millisecond, two do in half of it.
pub(crate) fn spin(steps: u64) -> u64 {
    (0..steps).fold(1, |at, step| {
        std::hint::black_box(at ^ step.wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left(5)
    })
}

#[derive(Default)]
pub(crate) struct Echoer;
#[derive(Default)]
pub(crate) struct Looker;
#[derive(Default)]
pub(crate) struct Spinner;

edri_worker::enlist!(Echoer, Echoer::default);
edri_worker::enlist!(Looker, Looker::default);
edri_worker::enlist!(Spinner, Spinner::default);

impl Worker for Echoer {
    type Job = Echo;

    async fn run(&mut self, job: Echo, _: &WorkerContext) -> Result<Echo, Failure> {
        Ok(job)
    }
}

impl Worker for Looker {
    type Job = Large;

    async fn run(&mut self, job: Large, _: &WorkerContext) -> Result<u64, Failure> {
        Ok(look(&job.bytes))
    }
}

impl Worker for Spinner {
    type Job = Spin;

    async fn run(&mut self, job: Spin, _: &WorkerContext) -> Result<u64, Failure> {
        Ok(spin(job.steps))
    }
}
