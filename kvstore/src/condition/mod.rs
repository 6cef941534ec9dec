//! A condition on a value as data, so that it can travel.
//!
//! ```text
//! mod       conditions: any of several groups, each of them all of several tests
//! test      one test: what is looked at, and what is expected of it
//! scalar    numbers, texts and the like, as they stand in a value
//! ```

mod scalar;
mod test;

use serde::{Deserialize, Serialize};

pub use self::scalar::Scalar;
pub use self::test::{Comparison, Test};

use self::test::Place;
use crate::error::{Refusal, StoreError};
use crate::value::Value;

/// What has to hold of a value, or of its absence, for a watcher to be told.
///
/// ```
/// use edri_kvstore::{Condition, Value};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Job { state: String, percent: u8 }
///
/// let late = Condition::field("state").equals("running").and(Condition::field("percent").is_below(50));
/// let job = Value::of(&Job { state: "running".into(), percent: 20 })?;
/// assert!(late.holds(Some(&job)));
/// assert!(!late.holds(None));
/// # Ok::<(), edri_kvstore::StoreError>(())
/// ```
///
/// Where a test looks at something that is not there (a key that was deleted, a field that the value does not have, a number
/// that is a text), it does not hold; [`is_not`](Looking::is_not) holds then.
///
/// It is kept as alternatives of which each is a list of tests, at most [`MAX_TESTS`](Self::MAX_TESTS) in all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// One of them has to hold.
    alternatives: Vec<Vec<Test>>,
}

impl Condition {
    /// How many tests a condition may have.
    pub const MAX_TESTS: usize = 256;

    /// Always holds.
    pub fn always() -> Self {
        Self { alternatives: vec![Vec::new()] }
    }

    /// Holds for any value.
    pub fn exists() -> Self {
        Self::of(Test::new(Place::Whole, Comparison::Exists))
    }

    /// Holds where there is none.
    pub fn absent() -> Self {
        Self::of(Test::new(Place::Whole, Comparison::Absent))
    }

    /// Holds for this value and no other. Values of different types are different.
    pub fn equals(value: Value) -> Self {
        Self::of(Test::new(Place::Whole, Comparison::Same(value)))
    }

    /// Looks at the value itself: a number, a text, a truth value.
    pub fn value() -> Looking {
        Looking(Place::Whole)
    }

    /// Looks at a field of the value: `"state"`, or with more steps `"address.city"`, `"lines.0.price"`. A variant of an enum
    /// that has content is a field of the variant's name; one without is a text.
    pub fn field(path: &str) -> Looking {
        Looking(Place::Field(path.split('.').map(str::to_owned).collect()))
    }

    /// Holds where both hold.
    pub fn and(self, other: Self) -> Self {
        let both = self.alternatives.iter().flat_map(|one| {
            other.alternatives.iter().map(move |another| [one.as_slice(), another.as_slice()].concat())
        });
        Self { alternatives: both.collect() }
    }

    /// Holds where one of them does.
    pub fn or(mut self, other: Self) -> Self {
        self.alternatives.extend(other.alternatives);
        self
    }

    /// Whether it holds for a value, or for there being none.
    pub fn holds(&self, value: Option<&Value>) -> bool {
        self.alternatives.iter().any(|tests| tests.iter().all(|test| test.holds(value)))
    }

    /// Whether it holds whatever there is, so that nothing need be looked at.
    pub(crate) fn is_always(&self) -> bool {
        self.alternatives.iter().any(Vec::is_empty)
    }

    /// What came from elsewhere may be anything.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let tests: usize = self.alternatives.iter().map(|tests| tests.len().max(1)).sum();
        if tests > Self::MAX_TESTS {
            let text = format!("a condition of {tests} tests: expected {} at most", Self::MAX_TESTS);
            return Err(StoreError::refused(Refusal::TooLarge, text));
        }
        if self.alternatives.is_empty() {
            return Err(StoreError::refused(
                Refusal::Invalid,
                "a condition without an alternative never holds",
            ));
        }
        Ok(())
    }

    fn of(test: Test) -> Self {
        Self { alternatives: vec![vec![test]] }
    }
}

impl Default for Condition {
    fn default() -> Self {
        Self::always()
    }
}

/// What a condition looks at, before it is said what is expected there.
#[derive(Clone, Debug)]
#[must_use = "it is a condition only with what is expected"]
pub struct Looking(Place);

impl Looking {
    /// It is there, and equal: numbers by their value, whatever their types.
    pub fn equals(self, expected: impl Into<Scalar>) -> Condition {
        self.compared(Comparison::Equal(expected.into()))
    }

    /// It is not there, or different.
    pub fn is_not(self, expected: impl Into<Scalar>) -> Condition {
        self.compared(Comparison::NotEqual(expected.into()))
    }

    /// It is a number below, or a text before that.
    pub fn is_below(self, bound: impl Into<Scalar>) -> Condition {
        self.compared(Comparison::Below(bound.into()))
    }

    /// It is a number above, or a text behind that.
    pub fn is_above(self, bound: impl Into<Scalar>) -> Condition {
        self.compared(Comparison::Above(bound.into()))
    }

    /// It is a number or text that is not above that.
    pub fn is_at_most(self, bound: impl Into<Scalar>) -> Condition {
        self.compared(Comparison::AtMost(bound.into()))
    }

    /// It is a number or text that is not below that.
    pub fn is_at_least(self, bound: impl Into<Scalar>) -> Condition {
        self.compared(Comparison::AtLeast(bound.into()))
    }

    /// It is a text that begins so.
    pub fn starts_with(self, prefix: impl Into<String>) -> Condition {
        self.compared(Comparison::StartsWith(prefix.into()))
    }

    /// It is there.
    pub fn exists(self) -> Condition {
        self.compared(Comparison::Exists)
    }

    /// It is not there, or nothing (`None`).
    pub fn is_absent(self) -> Condition {
        self.compared(Comparison::Absent)
    }

    fn compared(self, comparison: Comparison) -> Condition {
        Condition::of(Test::new(self.0, comparison))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Job {
        state: State,
        percent: u8,
        owner: Option<String>,
        lines: Vec<Line>,
    }

    #[derive(Serialize, Deserialize)]
    struct Line {
        price: f64,
    }

    #[derive(Serialize, Deserialize)]
    enum State {
        Waiting,
        Running { worker: u32 },
    }

    fn job() -> Value {
        let lines = vec![Line { price: 0.5 }, Line { price: 2.0 }];
        Value::of(&Job { state: State::Running { worker: 7 }, percent: 20, owner: None, lines }).unwrap()
    }

    fn holds(condition: Condition) -> bool {
        condition.check().unwrap();
        condition.holds(Some(&job()))
    }

    #[test]
    fn fields_are_looked_at_by_their_path() {
        assert!(holds(Condition::field("percent").equals(20)));
        assert!(holds(Condition::field("percent").is_at_most(20.0)));
        assert!(!holds(Condition::field("percent").is_above(20u64)));
        assert!(holds(Condition::field("lines.1.price").is_above(1)));
        assert!(holds(Condition::field("state.Running.worker").equals(7)));
        assert!(!holds(Condition::field("state").equals("Waiting")));
        let waiting = Job { state: State::Waiting, percent: 0, owner: Some("Ada".into()), lines: vec![] };
        let waiting = Value::of(&waiting).unwrap();
        assert!(Condition::field("state").equals("Waiting").holds(Some(&waiting)));
        assert!(Condition::field("owner").starts_with("A").holds(Some(&waiting)));
    }

    #[test]
    fn what_is_not_there_fails_every_test_but_is_not_and_absent() {
        for path in ["nothing", "percent.more", "lines.7.price", "owner"] {
            assert!(!holds(Condition::field(path).equals(1)), "{path}");
            assert!(!holds(Condition::field(path).is_below(1)), "{path}");
            assert!(holds(Condition::field(path).is_not(1)), "{path}");
            assert!(holds(Condition::field(path).is_absent()), "{path}");
            assert!(!holds(Condition::field(path).exists()), "{path}");
        }
        assert!(Condition::absent().holds(None) && !Condition::exists().holds(None));
        assert!(!Condition::value().equals(1).holds(None));
    }

    #[test]
    fn conditions_are_joined() {
        let (yes, no) = (Condition::exists(), Condition::absent());
        assert!(holds(yes.clone().and(yes.clone())) && !holds(yes.clone().and(no.clone())));
        assert!(holds(no.clone().or(yes.clone())) && !holds(no.clone().or(no.clone())));
        assert!(holds(no.clone().or(yes.clone()).and(yes.clone().or(no.clone()))));
        assert!(Condition::always().holds(None) && Condition::always().is_always());
        assert!(Condition::always().or(no).is_always() && !yes.is_always());
    }

    #[test]
    fn plain_values_and_bytes_are_compared() {
        let text = Value::of(&"tea".to_owned()).unwrap();
        assert!(Condition::value().equals("tea").holds(Some(&text)));
        assert!(Condition::equals(text.clone()).holds(Some(&text)));
        assert!(Condition::value().equals(true).holds(Some(&Value::of(&true).unwrap())));
        assert!(Condition::value().is_below(-1).holds(Some(&Value::of(&-2i8).unwrap())));
        assert!(Condition::value().is_above(u64::MAX - 1).holds(Some(&Value::of(&u64::MAX).unwrap())));
        let bytes = Value::bytes(*b"\x05");
        assert!(!Condition::value().equals(5).holds(Some(&bytes)), "bytes are no number");
        assert!(Condition::equals(bytes.clone()).holds(Some(&bytes)));
        assert!(!Condition::equals(bytes).holds(Some(&Value::of(&5u8).unwrap())), "of another type");
    }

    #[test]
    fn a_condition_is_bounded() {
        let two = Condition::exists().or(Condition::absent());
        let many = (0..12).fold(two.clone(), |condition, _| condition.and(two.clone()));
        assert_eq!(many.check().unwrap_err().refusal(), Some(Refusal::TooLarge));
    }
}
