//! An event owns its data.

use edri_event::Notification;

#[derive(Notification)]
struct Announcement<'a> {
    text: &'a str,
}

fn main() {}
