//! The options there are, are listed.

use edri_event::Notification;

#[derive(Notification)]
#[notification(shared)]
struct Announcement;

fn main() {}
