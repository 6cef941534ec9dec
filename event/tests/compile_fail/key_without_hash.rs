//! A key is made by hashing.

use edri_event::Notification;

#[derive(Notification)]
#[notification(key = price)]
struct Sold {
    price: f64,
}

fn main() {}
