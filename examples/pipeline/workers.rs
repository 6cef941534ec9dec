//! What does the work: threads that read, processes that count; and what they are asked for.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use edri::prelude::*;
use serde::{Deserialize, Serialize};

/// Asks for the text in a file, `None` if there is something else in it.
#[derive(Request)]
#[request(response = Option<String>)]
pub(crate) struct ReadText(pub(crate) PathBuf);

/// Asks how often each word is in a text. It does no harm to count twice.
#[derive(Request, Serialize, Deserialize)]
#[request(response = Counts, shareable, idempotent)]
pub(crate) struct Count(pub(crate) String);

/// How often each word was there.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Asks for words in order: the most frequent first, and those that are as frequent as others by their letters. Python does
/// that, and to have it done twice does no harm.
#[derive(Request, Serialize)]
#[request(response = Vec<(String, u64)>, idempotent)]
pub(crate) struct Rank {
    pub(crate) counts: Counts,
    pub(crate) top: usize,
}

/// Reads files.
#[derive(Default)]
pub(crate) struct Reader;

/// A file with more bytes is not taken for text.
const LARGEST: u64 = 8 << 20;

impl Worker for Reader {
    type Job = ReadText;

    async fn run(&mut self, job: ReadText, _cx: &WorkerContext) -> Result<Option<String>, Failure> {
        if std::fs::metadata(&job.0)?.len() > LARGEST {
            return Ok(None);
        }
        match std::fs::read_to_string(&job.0) {
            Ok(text) => Ok(Some(text).filter(|text| !text.contains('\0'))),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Counts words.
#[derive(Default)]
pub(crate) struct Counter;

#[worker]
impl Worker for Counter {
    type Job = Count;

    async fn run(&mut self, job: Count, _cx: &WorkerContext) -> Result<Counts, Failure> {
        let mut counts = Counts::new();
        // As `tr -cs A-Za-z '\n' | tr A-Z a-z` splits it.
        for word in job.0.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| !word.is_empty())
        {
            *counts.entry(word.to_ascii_lowercase()).or_default() += 1;
        }
        Ok(counts)
    }
}
