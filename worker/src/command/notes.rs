use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use edri_event::Notification;
use edri_router::Router;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// A notification on its way to its subscribers, who may have to make room.
pub(super) type Publishing = Pin<Box<dyn Future<Output = ()> + Send>>;

type Publish = dyn Fn(Option<&RawValue>, &Router) -> Result<Publishing, String> + Send + Sync;

/// The notifications that workers may send, by name. What is not here is not even deserialized.
#[derive(Clone, Default)]
pub(super) struct Notes(HashMap<&'static str, Arc<Publish>>);

impl Notes {
    pub(super) fn declare<E: Notification + DeserializeOwned>(&mut self) {
        self.0.insert(
            E::name(),
            Arc::new(|data, router| {
                let data = data.map_or("null", RawValue::get);
                let event: E = serde_json::from_str(data).map_err(|error| error.to_string())?;
                let router = router.clone();
                Ok(Box::pin(async move {
                    if let Err(error) = router.notify(event).await {
                        tracing::warn!("the notification of a worker did not reach everybody: {error}");
                    }
                }))
            }),
        );
    }

    pub(super) fn publish(
        &self,
        event: &str,
        data: Option<&RawValue>,
        router: &Router,
    ) -> Result<Publishing, String> {
        match self.0.get(event) {
            Some(publish) => {
                publish(data, router).map_err(|error| format!("the notification {event}: {error}"))
            }
            None => Err(format!("expected a notification that the pool declares, got {event}")),
        }
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Notification, Deserialize)]
    #[notification(name = "shop::Sold")]
    struct Sold {
        article: String,
    }

    #[tokio::test]
    async fn only_what_is_declared_is_published() {
        let router = Router::new();
        let mut sold = router.subscribe::<Sold>();
        let mut notes = Notes::default();
        notes.declare::<Sold>();
        let data: &RawValue = serde_json::from_str(r#"{"article":"tea"}"#).unwrap();
        notes.publish("shop::Sold", Some(data), &router).unwrap().await;
        assert_eq!(sold.recv().await.unwrap().article, "tea");
        let error = |event, data| notes.publish(event, data, &router).err().unwrap();
        assert_eq!(
            error("shop::Bought", Some(data)),
            "expected a notification that the pool declares, got shop::Bought"
        );
        assert!(error("shop::Sold", None).starts_with("the notification shop::Sold: invalid type: null"));
    }
}
