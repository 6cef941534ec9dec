use edri_event::Failure;

/// What a request handler may return: the response, or a `Result` of it with any error.
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
