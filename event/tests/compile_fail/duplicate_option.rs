//! An option is given once, even over several attributes.

use edri_event::Notification;

#[derive(Notification)]
#[notification(version = 2)]
#[notification(version = 3)]
struct Announcement;

fn main() {}
