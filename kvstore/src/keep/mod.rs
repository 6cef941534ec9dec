//! What outlives the process: a journal for each change, or a picture now and then.
//!
//! ```text
//! line       a change as it is written down
//! gather     changes on their way to the disk, in order, and who waits for them
//! commit     what has gathered is written, synced, shown and acknowledged, together
//! compact    a picture of what there is takes the place of old records, while writes go on
//! periodic   a picture now and then, of what has no journal
//! recover    reading it all back
//! keeper     all of them together: opened, and closed
//! ```
//!
//! A picture is taken page by page and is not one of a single moment; with the journal behind it that makes no
//! difference: each line has its version, and what is older than what is there changes nothing.

mod commit;
mod compact;
mod gather;
mod keeper;
mod line;
mod periodic;
mod recover;
#[cfg(test)]
mod tests;

pub(crate) use self::keeper::{Disk, Keeper, Opened, Wanted};
