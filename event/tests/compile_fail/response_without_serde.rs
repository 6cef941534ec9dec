//! So is the response to it.

use edri_event::Request;
use serde::{Deserialize, Serialize};

struct Answer;

#[derive(Request, Serialize, Deserialize)]
#[request(response = Answer, shareable)]
struct Question;

fn main() {}
