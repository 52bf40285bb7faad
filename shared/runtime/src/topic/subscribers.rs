//! Who hears the topic by mail: what there is, and what is made of it. Only `handoff push` does
//! this, with the credentials of whoever runs it.

use super::Topic;
use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use domain::subscription::{Hears, Step, Subscription, policy};

/// The protocol of a subscription by mail.
const EMAIL: &str = "email";

/// The attribute of a subscription that says what it lets through.
const FILTER_POLICY: &str = "FilterPolicy";

/// What stands before the name of a subscription that was confirmed.
const ARN: &str = "arn:";

/// Why subscriptions could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
#[error("{action} was refused: {reason}")]
pub struct SubscriberError {
    action: String,
    reason: String,
}

impl Topic {
    /// Lists everybody who hears the topic by mail, those who have not confirmed among them.
    ///
    /// # Errors
    /// When the topic does not say.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, SubscriberError> {
        let mut pages = self
            .client
            .list_subscriptions_by_topic()
            .topic_arn(&self.arn)
            .into_paginator()
            .items()
            .send();
        let mut all = Vec::new();
        while let Some(one) = pages.next().await {
            let one = one.map_err(|error| refused("listing the topic's subscriptions", &error))?;
            if one.protocol() != Some(EMAIL) {
                continue;
            }
            let arn = one.subscription_arn().unwrap_or_default();
            // One that was ended stays listed for a while, as `Deleted`.
            if !arn.starts_with(ARN) && arn != "PendingConfirmation" {
                continue;
            }
            let arn = Some(arn).filter(|arn| arn.starts_with(ARN)).map(str::to_owned);
            let hears = match &arn {
                Some(arn) => self.hears(arn).await?,
                None => Hears::Otherwise,
            };
            let address = one.endpoint().unwrap_or_default().to_owned();
            all.push(Subscription { arn, address, hears });
        }
        Ok(all)
    }

    async fn hears(&self, arn: &str) -> Result<Hears, SubscriberError> {
        let asked = self.client.get_subscription_attributes().subscription_arn(arn).send().await;
        let answer = asked.map_err(|error| refused(&format!("reading {arn}"), &error))?;
        let attributes = answer.attributes();
        let by_body = attributes
            .and_then(|all| all.get("FilterPolicyScope"))
            .is_some_and(|scope| scope != "MessageAttributes");
        let policy = attributes.and_then(|all| all.get(FILTER_POLICY)).map(String::as_str);
        Ok(if by_body { Hears::Otherwise } else { Hears::of(policy) })
    }

    /// Takes one step. Taken twice, it comes to the same: an address has one subscription.
    ///
    /// # Errors
    /// When the topic refuses it.
    pub async fn take(&self, step: &Step) -> Result<(), SubscriberError> {
        let (client, topic) = (&self.client, &self.arn);
        match step {
            Step::Invite { address, to } => {
                let invite = client.subscribe().topic_arn(topic).protocol(EMAIL).endpoint(address);
                let sent = invite.attributes(FILTER_POLICY, policy(to)).send().await;
                sent.map_err(|error| refused(&format!("inviting {address}"), &error)).map(|_| ())
            }
            Step::Change { arn, address, to } => {
                let change = client.set_subscription_attributes().subscription_arn(arn);
                let change = change.attribute_name(FILTER_POLICY).attribute_value(policy(to));
                let sent = change.send().await;
                sent.map_err(|error| refused(&format!("changing what {address} hears"), &error))
                    .map(|_| ())
            }
            Step::End { arn, address } => {
                let sent = client.unsubscribe().subscription_arn(arn).send().await;
                sent.map_err(|error| refused(&format!("ending the one of {address}"), &error))
                    .map(|_| ())
            }
        }
    }
}

fn refused<E>(action: &str, error: &SdkError<E>) -> SubscriberError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let action = action.to_owned();
    let reason = match error.as_service_error().and_then(ProvideErrorMetadata::message) {
        Some(said) => said.trim_end_matches('.').to_owned(),
        None => DisplayErrorContext(error).to_string(),
    };
    SubscriberError { action, reason }
}
