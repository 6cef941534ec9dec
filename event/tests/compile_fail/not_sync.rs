//! A notification is shared by its subscribers.

use edri_event::Notification;

#[derive(Notification)]
struct Announcement {
    count: std::cell::Cell<u8>,
}

fn main() {}
