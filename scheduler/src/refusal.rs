use std::fmt;

use edri_event::Failure;
use edri_router::RequestError;

use crate::id::{LONGEST_NAME, ScheduleId};

/// Why a scheduler did not do what it was asked for: the codes of its failures.
///
/// ```
/// # use edri_scheduler::{Refusal, Schedules};
/// # async fn example(schedules: &mut Schedules) {
/// if let Err(error) = schedules.cancel("nightly").await {
///     match Refusal::of(&error) {
///         Some(Refusal::Unknown) => println!("it had been cancelled before"),
///         _ => println!("{error}"),
///     }
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// There is a schedule of that identifier.
    Duplicate,
    /// There is none of that identifier.
    Unknown,
    /// The name is empty or longer than 255 bytes, or is a number of the scheduler's own.
    Name,
    /// No identifier was given where one is needed.
    NoId,
    /// It was not said what to send.
    NoEvent,
    /// It was not said when.
    NoTime,
    /// A cron pattern is wrong, or there is no such time zone.
    Pattern,
    /// The time has passed.
    Past,
    /// It would never be due.
    Never,
    /// A time, an interval or a number is out of bounds.
    Bounds,
    /// The event is not declared to the scheduler, or is another version of it.
    Event,
    /// It cannot be durable.
    NotDurable,
    /// An earlier run has not ended.
    Busy,
    /// There is no room for more.
    Full,
    /// The journal could not be written.
    Journal,
}

impl Refusal {
    const ALL: [Self; 15] = [
        Self::Duplicate,
        Self::Unknown,
        Self::Name,
        Self::NoId,
        Self::NoEvent,
        Self::NoTime,
        Self::Pattern,
        Self::Past,
        Self::Never,
        Self::Bounds,
        Self::Event,
        Self::NotDurable,
        Self::Busy,
        Self::Full,
        Self::Journal,
    ];

    /// The code of a [`Failure`] of that kind.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Duplicate => "schedule_duplicate",
            Self::Unknown => "schedule_unknown",
            Self::Name => "schedule_name",
            Self::NoId => "schedule_without_id",
            Self::NoEvent => "schedule_without_event",
            Self::NoTime => "schedule_without_time",
            Self::Pattern => "schedule_pattern",
            Self::Past => "schedule_past",
            Self::Never => "schedule_never",
            Self::Bounds => "schedule_bounds",
            Self::Event => "schedule_event",
            Self::NotDurable => "schedule_not_durable",
            Self::Busy => "schedule_busy",
            Self::Full => "schedule_full",
            Self::Journal => "schedule_journal",
        }
    }

    /// Which of them an answer is, if it is one.
    pub fn of(error: &RequestError) -> Option<Self> {
        let code = error.failure()?.code();
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }

    pub(crate) fn because(self, message: impl Into<String>) -> Refused {
        Refused { refusal: self, message: message.into() }
    }
}

/// A refusal with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) message: String,
}

impl Refused {
    #[cold]
    pub(crate) fn unknown(id: &ScheduleId) -> Self {
        Refusal::Unknown.because(format!("there is no schedule {id}"))
    }

    #[cold]
    pub(crate) fn duplicate(id: &ScheduleId) -> Self {
        Refusal::Duplicate.because(format!("there is a schedule {id} already"))
    }

    #[cold]
    pub(crate) fn name(name: &str) -> Self {
        Refusal::Name
            .because(format!("a name of 1 to {LONGEST_NAME} bytes is expected, this one has {}", name.len()))
    }
}

impl From<Refused> for Failure {
    #[cold]
    fn from(refused: Refused) -> Self {
        Self::new(refused.refusal.code(), refused.message)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}
