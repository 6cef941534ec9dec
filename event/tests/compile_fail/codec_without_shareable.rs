//! What never leaves its process needs no codec.

use edri_event::Notification;

#[derive(Notification)]
#[notification(evolving)]
struct Evolving;

#[derive(Notification)]
#[notification(codec = edri_event::Postcard)]
struct Coded;

#[derive(Notification)]
#[notification(shareable, evolving, codec = edri_event::Postcard)]
struct Both;

fn main() {}
