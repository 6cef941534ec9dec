//! Only notifications are retained.

use edri_event::Request;

#[derive(Request)]
#[request(response = u8, retain = 10)]
struct Question;

fn main() {}
