//! Everything there is to show of one handoff, read together.

use crate::{Desk, access::Visitor, fault::Fault};
use domain::{
    Change, Commit, Facts, Handoff, HandoffId, Package,
    config::{FieldRule, HandoffType},
    package::Completeness,
    routing::Trace,
};
use runtime::Active;
use std::sync::Arc;
use store::Delivery;

/// One handoff with its package, its history and the configurations it is read with.
pub(crate) struct Sheet {
    /// The handoff.
    pub(crate) handoff: Handoff,
    /// Its package.
    pub(crate) package: Package,
    /// Its commits, oldest first.
    pub(crate) history: Vec<Commit>,
    /// What was said and written elsewhere.
    pub(crate) deliveries: Vec<Delivery>,
    /// The configuration in force.
    pub(crate) active: Arc<Active>,
    /// The one it opened with.
    pub(crate) pinned: Arc<Active>,
}

impl Desk {
    /// Reads everything there is to show of a handoff to whoever sees it.
    pub(crate) async fn sheet(&self, id: &HandoffId, visitor: &Visitor) -> Result<Sheet, Fault> {
        let active = self.configs.active(self.clock.now()).await?;
        let (handoff, package) = self.store.handoff_and_package(id).await?;
        visitor.may_see(&handoff, &active.config)?;
        let history = self.store.history(id).await?;
        let mut deliveries = self.store.deliveries(id).await?;
        deliveries.sort_by_key(|one| (one.at, one.name()));
        let pinned = self.configs.version(handoff.config).await?;
        let (handoff, package) = (handoff.record, package.record);
        Ok(Sheet { handoff, package, history, deliveries, active, pinned })
    }
}

impl Sheet {
    /// Lists what must be passed on.
    pub(crate) fn template(&self) -> &[FieldRule] {
        self.facts().template(&self.handoff)
    }

    /// Scores its package against what is wanted by now.
    pub(crate) fn completeness(&self) -> Completeness {
        self.package.completeness(self.template(), self.handoff.stage)
    }

    /// Reads the score its package had when it was handed over.
    pub(crate) fn completeness_then(&self) -> Option<u8> {
        self.history.first()?.changes.iter().find_map(|change| match change {
            Change::Opened { handoff } => Some(handoff.completeness),
            _ => None,
        })
    }

    /// Finds its type, as it opened with it.
    pub(crate) fn kind(&self) -> Option<&HandoffType> {
        let key = &self.handoff.kind;
        let (pinned, active) = (&self.pinned.config, &self.active.config);
        pinned.types.get(key).or_else(|| active.types.get(key))
    }

    /// Finds why its owner was chosen, or why nobody was: the latest reason there is.
    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.traced().map(|(_, trace)| trace)
    }

    /// Finds that reason with the commit that holds it.
    pub(crate) fn traced(&self) -> Option<(&Commit, &Trace)> {
        latest_trace(&self.history)
    }

    /// Folds the handoff to what it was before a commit; none before it opened.
    pub(crate) fn before(&self, commit: &Commit) -> Option<Handoff> {
        Handoff::of(self.history.iter().take_while(|earlier| earlier.version < commit.version))
    }

    /// Tells what its decisions look at.
    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts { active: &self.active.config, pinned: &self.pinned.config }
    }
}

fn latest_trace(history: &[Commit]) -> Option<(&Commit, &Trace)> {
    let of = |change| match change {
        &Change::Assigned { ref trace, .. } | &Change::Unrouted { ref trace, .. } => Some(&**trace),
        _ => None,
    };
    let mut latest = history.iter().rev();
    latest.find_map(|commit| Some((commit, commit.changes.iter().rev().find_map(of)?)))
}
