//! How long the dispatcher rests between its passes.

use super::{GRACE, Rig};
use crate::dispatch_due::{Dispatcher, REST_PARKING};
use anyhow::Result;
use paybell_delivery::LIFETIME_MAX;
use paybell_store::manage::Actor;
use std::time::Duration;

/// When the next delivery comes due: sooner than the longer rest ends.
const SOON: Duration = Duration::from_millis(150);

/// How long it rests after a pass in which one delivery was due, of an endpoint that may fail; another is in a moment.
async fn rest_after_one(fails: bool) -> Result<Duration> {
    let rig = Rig::start().await?;
    let now = rig.now();
    rig.accept(now.before(GRACE), LIFETIME_MAX).await?;
    let endpoint = rig.accept(now.before(GRACE) + SOON, LIFETIME_MAX).await?.endpoint_id;
    if fails {
        let actor = Actor { name: "paybell".to_owned(), now };
        assert!(rig.engine.ledger.mark_failing(endpoint, now, "it hangs", &actor).await?);
    }
    Ok(Dispatcher::new(&rig.engine).pass(100).await?)
}

#[tokio::test]
async fn what_is_parked_comes_together_and_what_goes_out_comes_soon() -> Result<()> {
    let rest = rest_after_one(false).await?;
    assert!(rest <= SOON, "{rest:?} while something is to go out");
    assert_eq!(rest_after_one(true).await?, REST_PARKING);
    Ok(())
}
