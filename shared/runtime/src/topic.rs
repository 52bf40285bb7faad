//! The topic: mail to managers and reps as designed text, with attributes their subscriptions
//! filter by.

mod subscribers;

pub use subscribers::SubscriberError;

use aws_sdk_sns::{Client, types::MessageAttributeValue};

/// A mail, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// ASCII, at most 99 characters, one line.
    pub subject: String,
    /// Text, 72 columns.
    pub body: String,
    /// Attributes subscriptions filter by, each a list of words.
    pub attributes: Vec<(&'static str, Vec<String>)>,
}

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
#[error("the topic did not take the message ({0}): try again")]
pub struct TopicError(String);

/// The topic everybody subscribes to.
#[derive(Clone)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    /// Publishes to the topic called `arn`.
    pub fn new(client: Client, arn: impl Into<String>) -> Self {
        Self { client, arn: arn.into() }
    }

    /// Publishes one message.
    ///
    /// # Errors
    /// When the topic did not take it, or did not say so.
    pub async fn publish(&self, message: &Message) -> Result<(), TopicError> {
        let mut request = self
            .client
            .publish()
            .topic_arn(&self.arn)
            .subject(&message.subject)
            .message(&message.body);
        for (name, words) in message.attributes.iter().filter(|(_, words)| !words.is_empty()) {
            let list = serde_json::Value::from(words.clone()).to_string();
            let value = MessageAttributeValue::builder()
                .data_type("String.Array")
                .string_value(list)
                .build()
                .map_err(|error| TopicError(error.to_string()))?;
            request = request.message_attributes(*name, value);
        }
        let sent = request.send().await;
        sent.map(|_| ()).map_err(|error| TopicError(error.into_service_error().to_string()))
    }
}
