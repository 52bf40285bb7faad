//! Acting: an order of somebody at the desk, carried out where all orders are.

use crate::{DESK, Desk, fault::Fault};
use domain::{Handoff, HandoffId};
use settle::{Order, order::Via};
use sha2::{Digest, Sha256};

impl Desk {
    /// Carries out an order; the handoff as it is after it, or as it is if there was nothing to do.
    pub(crate) async fn act(&self, id: &HandoffId, order: &Order) -> Result<Handoff, Fault> {
        Ok(self.settler.carry_out(id, order).await?.handoff)
    }
}

/// Says that an order was given at the desk.
pub(crate) fn here() -> Via {
    Via { source: DESK.into(), cause: DESK.to_owned() }
}

/// Hashes texts, each with where it ends.
pub(crate) fn fingerprint_of(texts: &[&str]) -> String {
    let said = format!("{texts:?}");
    hex::encode(Sha256::digest(said.as_bytes()))
}
