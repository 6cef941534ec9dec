//! Whether the books balance.

use std::sync::atomic::Ordering;

use edri::router::DeadLetterCounts;

use crate::bag::{Total, all};
use crate::books::{AskedBook, BEGUN, Books, ToldBook};
use crate::lines::{LINES, RETAINED};

/// What is wrong, in words; nothing if they balance.
pub fn check(books: &Books, counts: DeadLetterCounts) -> Vec<String> {
    let mut wrong = Vec::new();
    for (line, (kind, books)) in LINES.iter().zip(books.lines()).enumerate() {
        told(line, kind.name, &books.told, &mut wrong);
        asked(kind.name, &books.asked, &mut wrong);
    }
    let letters = books.letters();
    if counts.total() != letters {
        wrong.push(format!("the router counts {} dead letters, and the books {letters}", counts.total()));
    }
    if counts.untold > 0 {
        wrong.push(format!("{} dead letters were not told", counts.untold));
    }
    wrong
}

fn told(line: usize, name: &str, book: &ToldBook, wrong: &mut Vec<String>) {
    let (sent, handled, lost) = (book.sent.total(), book.handled.total(), book.lost());
    // Its letters are of late readers who left, beside the one who has had all.
    let ended = if line == RETAINED { handled } else { handled + lost };
    if sent != ended {
        let mut text = format!("{name}: {} notifications were sent, ", sent.count);
        text += &format!("{} handled and {} lost{}", handled.count, lost.count, exchanged(sent, ended));
        wrong.push(text);
    }
    for (what, count) in [
        ("notifications were handled out of order, or twice", &book.out_of_order),
        ("notifications were tried too often", &book.tried_too_often),
    ] {
        let count = count.load(Ordering::Relaxed);
        if count > 0 {
            wrong.push(format!("{name}: {count} {what}"));
        }
    }
}

fn asked(name: &str, book: &AskedBook, wrong: &mut Vec<String>) {
    let (asked, ended) = (book.asked.total(), all(book.patient.iter().chain(&book.impatient)));
    if asked != ended {
        let text = exchanged(asked, ended);
        wrong.push(format!("{name}: {} requests were asked, {} answered{text}", asked.count, ended.count));
    }
    let (begun, told) = (book.begun.total(), all(&book.patient[..BEGUN]));
    if begun != told {
        let text = exchanged(begun, told);
        wrong.push(format!(
            "{name}: {} requests were begun with, {} requesters were told so{text}",
            begun.count, told.count
        ));
    }
    let [made, read, unread] = [&book.receipts.made, &book.receipts.read, &book.receipts.unread]
        .map(|count| count.load(Ordering::Relaxed));
    if made != read + unread {
        wrong.push(format!("{name}: {made} answers were given, {read} read and {unread} left unread"));
    }
}

/// Where the counts alone do not tell what is wrong.
fn exchanged(one: Total, other: Total) -> &'static str {
    if one.count == other.count { ": as many, and not the same" } else { "" }
}
