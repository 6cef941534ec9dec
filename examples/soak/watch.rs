//! What is seen while it runs: rates and memory, once a second.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use edri::prelude::*;
use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
use tokio::time::{Instant, interval};

use crate::books::Books;
use crate::memory::Memory;

/// Samples memory until there is no more load; shows it to a person.
pub async fn watch(router: Router, books: Arc<Books>, begun: Instant, until: Instant) -> Memory {
    let bar = if io::stderr().is_terminal() {
        let style = ProgressStyle::with_template("{bar:20} {pos}/{len} s  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new((until - begun).as_secs()).with_style(style)
    } else {
        ProgressBar::hidden()
    };
    let mut memory = Memory::default();
    let (mut ticks, mut before) = (interval(Duration::from_secs(1)), 0);
    ticks.tick().await;
    loop {
        let now = ticks.tick().await;
        if let Some(bytes) = router.snapshot().process.memory {
            memory.note(bytes);
        }
        if now >= until {
            bar.finish_and_clear();
            return memory;
        }
        let done = books.done();
        bar.set_position((now - begun).as_secs());
        bar.set_message(format!(
            "{}/s handled, {} dead letters, {} restarts, {}",
            done - before,
            books.letters(),
            books.news.restarts.load(std::sync::atomic::Ordering::Relaxed),
            BinaryBytes(memory.now()),
        ));
        before = done;
    }
}
