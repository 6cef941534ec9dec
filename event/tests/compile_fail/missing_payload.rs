//! A request says its response, a tunnel both directions.

use edri_event::{Request, Tunnel};

#[derive(Request)]
struct Question;

#[derive(Tunnel)]
#[tunnel(receive = u8)]
struct NothingToSend;

#[derive(Tunnel)]
#[tunnel(send = u8)]
struct NothingToReceive;

fn main() {}
