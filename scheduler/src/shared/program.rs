use super::commands::Whole;
use super::{Shared, State};
use crate::action::Act;
use crate::core::{Changes, Kept, Plan};
use crate::durable::Record;
use crate::id::{Key, ScheduleId};
use crate::options::{Keep, OptionChanges};
use crate::refusal::{Refusal, Refused};
use crate::schedule::Schedule;

impl Shared {
    /// Goes on where durable schedules were.
    pub(crate) fn restore(&self, kept: Vec<Kept<Act>>) {
        let now = self.now();
        let mut state = self.state.lock();
        let State { core, outputs, .. } = &mut *state;
        core.restore(kept, now, outputs);
        self.settle(&mut state, now);
    }

    /// Has it written down that a durable schedule is gone.
    pub(crate) fn forget(&self, key: Key) {
        let _ = self.append(Record::Removed { key: key.to_bits() });
    }

    /// Sets a schedule of the program itself, or makes one that was restored what the program says. Its event need not be
    /// written down: the program says it each time it starts.
    pub(crate) fn declare(&self, schedule: Schedule) -> Result<(), Refused> {
        let Whole { id, event, timing, first, options } = Whole::of(schedule)?;
        if options.keep == Keep::Durable {
            if id.as_ref().and_then(ScheduleId::name).is_none() {
                return Err(Refusal::NoId.because("a durable schedule of the program itself needs a name"));
            }
            self.ledger()?;
        }
        let action = self.action(event)?;
        let now = self.now();
        let mut state = self.state.lock();
        let restored = id.as_ref().and_then(|id| state.core.find(id));
        let keep = options.keep;
        let key = match (&id, restored.and_then(|key| state.core.read(key, now))) {
            (Some(id), Some(read)) => {
                // Only what is not as it was: its plan goes on where it was otherwise.
                let timing = (*read.timing != timing).then_some((timing, first));
                let options = OptionChanges::between(&read.options, &options);
                state.core.update(
                    id,
                    Changes { action: Some(action), timing, options: Some(options) },
                    now,
                )?
            }
            _ => state.core.set(Plan { id, action, timing, first, options }, now)?,
        };
        if keep == Keep::Durable {
            state.of_program.insert(key);
            let _ = self.write(&state, key, None, now);
        } else if restored.is_some() {
            let _ = self.append(Record::Removed { key: key.to_bits() });
        }
        self.settle(&mut state, now);
        Ok(())
    }
}
