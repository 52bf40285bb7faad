//! The router as a Lambda function: parts, then run.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use router::{Enricher, Router};
use runtime::{Clock, Configs, Environment, Ids, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::in_lambda();
    let environment = Environment::read()?;
    let (store, secrets) = (environment.store(), environment.secrets());
    let configs = Configs::new(store.clone());
    let timed = (Clock::system(), Ids::random());
    let known = (configs.clone(), secrets);
    let enricher = Enricher::new(store.clone(), known, environment.outside(), timed.clone());
    let router = Router::new(store, configs, enricher, timed);
    run(service_fn(|event: LambdaEvent<_>| async {
        Ok::<_, Error>(Box::pin(router.handle(event.payload)).await)
    }))
    .await
}
