//! Spans as they are told to a subscriber of `tracing`, kept for a test to look at.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// All spans of events being handled since this thread began to listen, and what was logged.
#[derive(Clone, Default)]
pub(crate) struct Spans(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    spans: Vec<Span>,
    by_id: HashMap<u64, usize>,
    logged: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) fields: HashMap<&'static str, String>,
    /// The field `event` of the span around it.
    pub(crate) parent: Option<String>,
    pub(crate) closed: bool,
}

impl Spans {
    /// Listens to this thread.
    pub(crate) fn listen(level: LevelFilter) -> (Self, DefaultGuard) {
        let spans = Self::default();
        let listening = tracing::subscriber::set_default(Registry::default().with(level).with(spans.clone()));
        (spans, listening)
    }

    /// In the order in which they were opened.
    pub(crate) fn all(&self) -> Vec<Span> {
        self.0.lock().unwrap().spans.clone()
    }

    /// The only one of an event.
    pub(crate) fn of(&self, event: &str) -> Span {
        let all = self.all();
        let mut found = all.iter().filter(|span| span.field("event") == event);
        let span = found.next().unwrap_or_else(|| panic!("no span of {event} in {all:?}"));
        assert_eq!(found.next(), None, "a second one of {event}");
        span.clone()
    }

    pub(crate) fn logged(&self) -> Vec<String> {
        self.0.lock().unwrap().logged.clone()
    }
}

impl Span {
    /// What was recorded, or nothing.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

struct Fields<'f>(&'f mut HashMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        if attributes.metadata().target() != "edri::event" {
            return;
        }
        let mut kept = self.0.lock().unwrap();
        let mut span = Span::default();
        attributes.record(&mut Fields(&mut span.fields));
        let parent = cx.span(id).and_then(|span| span.parent()).map(|parent| parent.id().into_u64());
        let parent = parent.and_then(|id| kept.by_id.get(&id).copied());
        span.parent = parent.map(|index| kept.spans[index].field("event").to_owned());
        let index = kept.spans.len();
        kept.by_id.insert(id.into_u64(), index);
        kept.spans.push(span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut kept = self.0.lock().unwrap();
        if let Some(index) = kept.by_id.get(&id.into_u64()).copied() {
            values.record(&mut Fields(&mut kept.spans[index].fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = HashMap::new();
        event.record(&mut Fields(&mut fields));
        let logged = format!("{} {}", event.metadata().level(), fields.remove("message").unwrap_or_default());
        self.0.lock().unwrap().logged.push(logged);
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut kept = self.0.lock().unwrap();
        if let Some(index) = kept.by_id.remove(&id.into_u64()) {
            kept.spans[index].closed = true;
        }
    }
}
