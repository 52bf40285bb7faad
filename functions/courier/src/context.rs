//! What a delivery is decided on: the handoff as it stands now, what is known of it, what was told
//! before.

use crate::{Courier, CourierError};
use domain::{Commit, Config, Handoff, HandoffId, Package, config::Destination, notice::Known};
use runtime::Active;
use std::sync::Arc;
use store::Delivery;

/// What a delivery is decided on.
pub(crate) struct Context {
    /// The commit that wants it; none of what is only kept.
    pub(crate) commit: Option<Commit>,
    /// The handoff, now.
    pub(crate) handoff: Handoff,
    /// What is known.
    pub(crate) package: Package,
    /// Labels of what is missing of it.
    pub(crate) missing: Vec<String>,
    /// The configuration in force.
    pub(crate) active: Arc<Active>,
    /// What was told of it.
    pub(crate) deliveries: Vec<Delivery>,
    /// Whether nothing is sent outside now.
    pub(crate) muted: bool,
}

impl Context {
    /// The configuration in force.
    pub(crate) fn config(&self) -> &Config {
        &self.active.config
    }

    /// Finds a destination of the configuration in force.
    pub(crate) fn destination(&self, name: &str) -> Option<&Destination> {
        self.config().destinations.get(name)
    }

    /// Finds where its card is in a conversation.
    pub(crate) fn card(&self, destination: &str, part: &str) -> Option<&Delivery> {
        let is = |one: &&Delivery| one.kept && one.destination == destination && one.part == part;
        self.deliveries.iter().find(is)
    }
}

impl Courier {
    /// Reads everything a delivery is decided on.
    pub(crate) async fn context(
        &self,
        id: &HandoffId,
        commit: Option<Commit>,
        active: Arc<Active>,
    ) -> Result<Context, CourierError> {
        let (handoff, package) = self.store.handoff_and_package(id).await?;
        let (handoff, package) = (handoff.record, package.record);
        let deliveries = self.store.deliveries(id).await?;
        let muted = self.store.mute(self.clock.now()).await?.is_some();
        let pinned = self.configs.version(handoff.config).await?;
        let kind = pinned.config.types.get(&handoff.kind);
        let template = kind.map(|kind| kind.fields.as_slice()).unwrap_or_default();
        let missing = Known::of(&package, template, handoff.stage).missing;
        Ok(Context { commit, handoff, package, missing, active, deliveries, muted })
    }
}
