//! The manager that writes the manifest.

use std::io::{self, Write};

use edri::prelude::*;
use tokio::task::block_in_place;

use crate::events::{Complete, Hashed, OutputFailed};
use crate::line::line;

const BUFFER_BYTES: usize = 64 * 1024;

pub struct Manifest {
    output: Box<dyn Write + Send>,
    /// Whole lines that are to be written.
    lines: Vec<u8>,
    /// What the output has failed with; nothing is written after that.
    failed: Option<io::Error>,
}

impl Manifest {
    pub fn new(output: Box<dyn Write + Send>) -> Self {
        Self { output, lines: Vec::new(), failed: None }
    }

    fn write(&mut self) -> io::Result<()> {
        // Whoever reads may take long. Other handlers and the timers need the thread meanwhile.
        let written =
            block_in_place(|| self.output.write_all(&self.lines).and_then(|()| self.output.flush()));
        self.lines.clear();
        written
    }
}

#[manager]
impl Manifest {
    #[notification]
    async fn hashed(&mut self, file: &Hashed, cx: &Context) -> Result<(), Failure> {
        if self.failed.is_some() {
            return Ok(());
        }
        self.lines.extend(line(&file.content.sha256, &file.path));
        if self.lines.len() >= BUFFER_BYTES
            && let Err(error) = self.write()
        {
            self.failed = Some(error);
            cx.router().notify(OutputFailed).await?;
        }
        Ok(())
    }

    #[request]
    fn complete(&mut self, _: Complete) -> Result<(), Failure> {
        let written = self.failed.take().map_or_else(|| self.write(), Err);
        written.map_err(|error| Failure::new("output", format!("the manifest cannot be written: {error}")))
    }
}
