//! The key is a field of a struct.

use edri_event::Notification;

#[derive(Notification)]
#[notification(key = number)]
struct Order {
    id: u64,
    text: String,
}

#[derive(Notification)]
#[notification(key = 2)]
struct Pair(u8, u8);

#[derive(Notification)]
#[notification(key = id)]
enum Choice {
    Some { id: u8 },
}

fn main() {}
