use edri_event::Failure;

/// What a request handler may return: the response, or a `Result` of it with any error.
#[diagnostic::on_unimplemented(
    message = "this handler returns `{Self}`, and `{T}` is expected of it",
    label = "expected `{T}`, or a `Result` of it whose error is `Into<Failure>`",
    note = "a request handler returns what its request names as its response; other handlers and hooks return `()`"
)]
pub trait IntoAnswer<T> {
    /// As a result.
    fn into_answer(self) -> Result<T, Failure>;
}

impl<T> IntoAnswer<T> for T {
    fn into_answer(self) -> Result<T, Failure> {
        Ok(self)
    }
}

impl<T, E: Into<Failure>> IntoAnswer<T> for Result<T, E> {
    fn into_answer(self) -> Result<T, Failure> {
        self.map_err(Into::into)
    }
}
