//! A union says too little about what is in it.

use edri_event::Notification;

#[derive(Notification)]
union Bits {
    a: u32,
    b: f32,
}

fn main() {}
