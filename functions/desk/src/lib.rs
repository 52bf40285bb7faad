//! What people see and do: the queue, one handoff, its actions, the dashboard; as JSON and as pages.

pub mod access;

pub use access::Access;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use runtime::{Clock, Configs, Ids, web};
use store::Store;

/// Answers the desk's routes.
#[derive(Clone)]
pub struct Desk {
    store: Store,
    configs: Configs,
    clock: Clock,
    ids: Ids,
    access: Access,
}

impl Desk {
    /// Makes a desk of its parts.
    pub fn new(store: Store, configs: Configs, clock: Clock, ids: Ids, access: Access) -> Self {
        Self { store, configs, clock, ids, access }
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let _ = (&self.store, &self.configs, &self.clock, &self.ids, &self.access);
        web::problem(StatusCode::NOT_FOUND, "There is nothing here.", request.uri().path())
    }
}
