use edri_event::{Codec as _, CodecError, Postcard};
use serde::{Deserialize, Serialize};

use crate::action::Encoded;
use crate::core::{Place, Timing};
use crate::id::ScheduleId;
use crate::options::Options;
use crate::time::Nanoseconds;
use crate::when::CronText;

/// One thing that has happened to a durable schedule. Schedules are told apart by key: a name may be taken again while
/// a run of an old schedule of that name has not ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Record {
    /// It was set, or changed.
    Set { key: u64, definition: Box<Definition>, place: Place },
    /// It is elsewhere in its plan, and these runs of it have been begun with, due at these times.
    Moved { key: u64, begun: Vec<(u64, Nanoseconds)>, place: Place },
    /// A run has ended.
    Ended { key: u64, run: u64 },
    /// It was cancelled.
    Removed { key: u64 },
}

/// What was set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) id: ScheduleId,
    /// What it sends; `None` for what the program says each time it starts.
    pub(crate) event: Option<Encoded>,
    pub(crate) timing: StoredTiming,
    pub(crate) options: Options,
}

/// A [`Timing`] as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum StoredTiming {
    At(Nanoseconds),
    After(Nanoseconds),
    Rate(Nanoseconds),
    Delay(Nanoseconds),
    Cron(CronText),
}

/// The version of what is written, before each record.
const VERSION: u8 = 1;

impl Record {
    pub(crate) const fn key(&self) -> u64 {
        match self {
            Self::Set { key, .. }
            | Self::Moved { key, .. }
            | Self::Ended { key, .. }
            | Self::Removed { key } => *key,
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let mut bytes = vec![VERSION];
        Postcard::encode(self, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        match bytes.split_first() {
            Some((&VERSION, record)) => Postcard::decode(record).map_err(|error| error.to_string()),
            Some((version, _)) => Err(format!("it was written in version {version}; {VERSION} is expected")),
            None => Err("it is empty".to_owned()),
        }
    }
}

impl From<&Timing> for StoredTiming {
    fn from(timing: &Timing) -> Self {
        match timing {
            Timing::At(time) => Self::At(*time),
            Timing::After(delay) => Self::After(*delay),
            Timing::Rate(interval) => Self::Rate(*interval),
            Timing::Delay(interval) => Self::Delay(*interval),
            Timing::Cron(cron) => Self::Cron(cron.clone().into()),
        }
    }
}

impl StoredTiming {
    pub(crate) fn read(self) -> Result<Timing, String> {
        Ok(match self {
            Self::At(time) => Timing::At(time),
            Self::After(delay) => Timing::After(delay),
            Self::Rate(interval) => Timing::Rate(interval),
            Self::Delay(interval) => Timing::Delay(interval),
            Self::Cron(text) => Timing::Cron(text.read().map_err(|error| error.to_string())?),
        })
    }
}
