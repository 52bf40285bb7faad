//! The topic's subscriptions follow the roster: whoever is new is invited by mail, whoever is gone
//! hears no more, and what somebody made by hand is left alone.

use crate::Failure;
use domain::{
    Config,
    subscription::{Plan, Step, plan},
};
use runtime::Topic;
use serde::Serialize;

/// What came of following the roster, by address.
#[derive(Debug, Default, Serialize)]
pub(super) struct Followed {
    invited: Vec<String>,
    changed: Vec<String>,
    ended: Vec<String>,
    waiting: Vec<String>,
    otherwise: Vec<String>,
    /// What the topic refused, a sentence each; the next push tries it again.
    refused: Vec<String>,
    /// Whether that was only looked at.
    preview: bool,
}

/// Brings the topic's subscriptions to the roster, or says what would be done. One that is refused
/// keeps none of the others from theirs.
///
/// # Errors
/// When the topic does not say who hears it.
pub(super) async fn follow(
    topic: &Topic,
    config: &Config,
    preview: bool,
) -> Result<Followed, Failure> {
    let Plan { steps, waiting, otherwise } = plan(config, &topic.subscriptions().await?);
    let mut followed = Followed { waiting, otherwise, preview, ..Followed::default() };
    for step in steps {
        if !preview && let Err(refused) = topic.take(&step).await {
            followed.refused.push(format!("{refused}."));
            continue;
        }
        match step {
            Step::Invite { address, .. } => followed.invited.push(address),
            Step::Change { address, .. } => followed.changed.push(address),
            Step::End { address, .. } => followed.ended.push(address),
        }
    }
    Ok(followed)
}

impl Followed {
    /// Tells whether the topic did everything it was asked.
    pub(super) fn is_done(&self) -> bool {
        self.refused.is_empty()
    }

    /// Says it in a few lines; nothing where there is nothing to say.
    pub(super) fn text(&self) -> String {
        let said = |done: &str, would: &str| if self.preview { would } else { done }.to_owned();
        let parts = [
            (
                &self.invited,
                said(
                    "Invited by mail to hear what is to them, once they confirm",
                    "Would be invited by mail",
                ),
            ),
            (&self.changed, said("Hear what is to others too, or no more", "Would hear otherwise")),
            (&self.ended, said("Hear no more", "Would hear no more")),
            (&self.waiting, "Were invited before and have not confirmed yet".to_owned()),
            (
                &self.otherwise,
                "Have a filter made by hand, which was left as it is: see that it lets through \
                 what is to them"
                    .to_owned(),
            ),
        ];
        let refused = self.refused.iter().map(|why| format!("Not done: {why} Push again.\n"));
        let told = parts.iter().filter(|(addresses, _)| !addresses.is_empty());
        told.map(|(addresses, words)| format!("{words}: {}.\n", addresses.join(", ")))
            .chain(refused)
            .collect()
    }
}
