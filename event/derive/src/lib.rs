//! Derive macros for EDRI events. Use them from `edri` or `edri-event`, which re-export them and explain the
//! traits they implement.
//!
//! ```text
//! kind      which derive is at work       options   what its attribute asks for (retain: a notification's past)
//! paths     where `edri-event` is         expand    the implementations, made of all that
//! ```

mod expand;
mod kind;
mod options;
mod paths;
mod retain;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

use crate::kind::Kind;

/// Makes a struct or an enum a notification: it announces, every subscriber gets it, nobody answers.
///
/// Implements `Event` and `Notification`. `#[notification(…)]` is optional. Beside the options of every kind it takes
///
/// * `retain = 1000`: a router keeps the newest 1000 for late subscribers;
/// * `retain = "30s"`: it keeps those younger than that. The units are `ms`, `s`, `m`, `h` and `d`.
/// * `retain(events = 1000, age = "30s", bytes = "1MB")`: it keeps what is within all the bounds that are given. The
///   units of a size are `B`, `kB`, `MB` and `GB`, of 1, 1,000, 1,000,000 and 1,000,000,000 bytes. An event counts
///   with its size in memory without what it points to, with its encoded size if it is shareable and that is larger,
///   or with what `measure = path` beside `bytes` names: a `fn(&Self) -> usize`.
///
/// ```
/// use edri_event::{Event, Key, Notification, Priority, Retention};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Notification, Serialize, Deserialize)]
/// #[notification(name = "shop::Sold", version = 2, shareable, priority = "high", key = article, retain = 100)]
/// struct Sold {
///     article: String,
///     price: u64,
/// }
///
/// let sold = Sold { article: "tea".into(), price: 3 };
/// assert_eq!((Sold::name(), Sold::VERSION, Sold::PRIORITY), ("shop::Sold", 2, Priority::High));
/// assert_eq!(Sold::RETENTION, Retention::last(100));
/// assert_eq!(sold.key(), Some(Key::of("tea")));
/// ```
#[doc = include_str!("options.md")]
#[proc_macro_derive(Notification, attributes(notification))]
pub fn notification(input: TokenStream) -> TokenStream {
    derive(Kind::Notification, input)
}

/// Makes a struct or an enum a request: it asks, and exactly one responder answers.
///
/// Implements `Event` and `Request`. `#[request(…)]` takes, beside the options of every kind,
///
/// * `response = Type` (required): what a responder answers. If the request is shareable, so must this be.
/// * `policy = "least_loaded"`: which of several responders is asked: `"local_first"` (without it), `"round_robin"`,
///   `"least_loaded"` or `"by_key"`; see `RoutePolicy`.
/// * `idempotent`: to ask it twice does no harm, and it may be asked again when whoever answers it dies; see
///   `Request::IDEMPOTENT`.
///
/// ```
/// use edri_event::{Event, Request};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Request, Serialize, Deserialize)]
/// #[request(response = Vec<String>, shareable, evolving)]
/// struct Search {
///     words: String,
/// }
///
/// assert_eq!(Search::wire().unwrap().codec(), "messagepack");
/// let found: <Search as Request>::Response = vec!["tea".to_string()];
/// let mut bytes = Vec::new();
/// Search::response_wire().unwrap().encode(&found, &mut bytes).unwrap();
/// ```
#[doc = include_str!("options.md")]
#[proc_macro_derive(Request, attributes(request))]
pub fn request(input: TokenStream) -> TokenStream {
    derive(Kind::Request, input)
}

/// Makes a struct or an enum a tunnel: it opens a two-way typed stream, and is itself what the opener says first.
///
/// Implements `Event` and `Tunnel`. `#[tunnel(…)]` takes, beside the options of every kind and as its opener sees it,
///
/// * `send = Type` (required): what the opener sends;
/// * `receive = Type` (required): what the opener receives.
/// * `policy = "least_loaded"`: which of several acceptors is asked, as for a request.
///
/// If the tunnel is shareable, both must be serializable.
///
/// ```
/// use edri_event::{Event, Tunnel};
///
/// #[derive(Tunnel)]
/// #[tunnel(send = Vec<u8>, receive = u64, key = 0)]
/// struct Upload(String);
///
/// assert!(Upload::wire().is_none(), "it stays in its process");
/// assert!(Upload("a".into()).key().is_some());
/// ```
#[doc = include_str!("options.md")]
#[proc_macro_derive(Tunnel, attributes(tunnel))]
pub fn tunnel(input: TokenStream) -> TokenStream {
    derive(Kind::Tunnel, input)
}

fn derive(kind: Kind, input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(kind, &input).unwrap_or_else(|error| error.into_compile_error()).into()
}
