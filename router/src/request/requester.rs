use std::any::TypeId;
use std::fmt;

use edri_event::Request;

use super::asking::Asking;
use crate::border;
use crate::route::{Kept, RequestRoute};
use crate::router::Router;

/// A handle for many requests of one type. Made by [`Router::requester`]; clones are cheap.
///
/// It does what [`Router::request`] does, and keeps in mind who answers. Whoever comes or goes is noticed by
/// the next request. Until then, or until the handle is dropped, it may keep alive a responder or an observer
/// that has left.
///
/// A request borrows it. To have several under way at a time, clone it for each.
///
/// ```
/// # use edri_event::Request;
/// # use edri_router::Router;
/// # #[derive(Request)]
/// # #[request(response = u64)]
/// # struct Add(u64, u64);
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let router = Router::new();
/// # let _adder = router.respond(|add: Add| async move { Ok(add.0 + add.1) });
/// let mut adder = router.requester::<Add>();
/// let mut sum = 0;
/// for number in 1..=10 {
///     sum = adder.request(Add(sum, number)).await?;
/// }
/// assert_eq!(sum, 55);
/// # Ok(())
/// # }
/// ```
pub struct Requester<R: Request> {
    router: Router,
    route: Kept<RequestRoute<R>>,
}

impl<R: Request> Requester<R> {
    pub(crate) fn new(router: &Router) -> Self {
        // Those far away who answer it learn now that there is such a request.
        router.introduce(border::request::<R>());
        Self { router: router.clone(), route: router.table().keep(TypeId::of::<R>()) }
    }

    /// As [`Router::request`].
    ///
    /// # Errors
    /// As [`Router::request`].
    #[inline]
    pub fn request(&mut self, event: R) -> Asking<'_, R> {
        Asking::by_route(&self.router, &mut self.route, event)
    }
}

impl<R: Request> Clone for Requester<R> {
    fn clone(&self) -> Self {
        Self { router: self.router.clone(), route: self.route.clone() }
    }
}

impl<R: Request> fmt::Debug for Requester<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Requester").field("event", &R::name()).field("router", &self.router).finish()
    }
}
