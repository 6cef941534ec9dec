//! The worker: hashes one file after the other.

use std::fs::File;
use std::io::Read as _;

use edri::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::events::{Content, HashFile};

/// Large enough to read big files in few calls, small enough to stay in a processor's cache until hashed.
const BUFFER_BYTES: usize = 128 * 1024;

/// Lives as long as its pool: the buffer is allocated once, not once per file.
pub struct Hasher {
    buffer: Box<[u8]>,
}

impl Hasher {
    pub fn new() -> Self {
        Self { buffer: vec![0; BUFFER_BYTES].into() }
    }
}

#[worker(make = Hasher::new)]
impl Worker for Hasher {
    type Job = HashFile;

    async fn run(&mut self, job: HashFile, cx: &WorkerContext) -> Result<Content, Failure> {
        let mut file = File::open(&job.path)?;
        let mut sha256 = Sha256::new();
        let mut bytes = 0;
        loop {
            let read = file.read(&mut self.buffer)?;
            if read == 0 {
                return Ok(Content { sha256: sha256.finalize().into(), bytes });
            }
            sha256.update(&self.buffer[..read]);
            bytes += read as u64;
            // A large file takes its time. Meanwhile its requester may go away, and where the workers are
            // tasks, others need the thread.
            if cx.is_cancelled() {
                return Err(Failure::new("cancelled", "nobody waits for the answer any more"));
            }
            tokio::task::yield_now().await;
        }
    }
}
