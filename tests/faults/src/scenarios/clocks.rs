//! Time that is wrong. The processes take their time from the database, so the database's clock is moved, by a function
//! of our own that stands before the system's: for the processes that is the same as a step of their own clocks.

use crate::behaviour::Behaviour::{self, Answer, InTurn};
use crate::checker::Terms;
use crate::layout::Layout;
use crate::report::Report;
use crate::room::Room;
use crate::sender::Load;
use crate::stage::Stage;
use anyhow::Result;
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

/// The database's clock goes by the table `skew` from now on.
const SKEWED: &str = "
CREATE TABLE public.skew (by interval NOT NULL);
INSERT INTO public.skew VALUES ('0');
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
AS 'SELECT pg_catalog.clock_timestamp() + (SELECT by FROM public.skew)';
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$;";

pub(super) async fn clock_is_two_hours_off(room: Room) -> Result<Report> {
    let layout = Layout::production().sql(SKEWED).sql("UPDATE public.skew SET by = '-2 hours'");
    let terms = Terms { skew_us: 2 * 3_600 * 1_000_000, ..Terms::default() };
    let mut stage = Stage::bare(room, layout, terms).await?;
    let behaviour = InTurn(vec![Answer(503, "", None), Behaviour::Ok]);
    stage.merchant("shop", "standard", behaviour, json!({})).await?;
    stage.merchant("short", "standard", Answer(500, "", None), json!({ "lifetime_s": 3 })).await?;
    stage.terms.unwilling.push("/short".to_owned());
    stage.load(Load::of("p", 200, 200).to(&["shop", "short"]))?;
    stage.fired("hours between the clocks", 2);
    stage.finish().await
}

pub(super) async fn clock_steps(room: Room) -> Result<Report> {
    let layout = Layout::production().sql(SKEWED).setting("PAYBELL_LIFETIME", "2h");
    let mut stage = Stage::bare(room, layout, Terms::default()).await?;
    let behaviour = InTurn(vec![Answer(503, "", None), Behaviour::Slow(Duration::from_millis(50))]);
    stage.merchant("shop", "standard", behaviour, json!({})).await?;
    stage.load(Load::of("p", 1_000_000, 50))?;
    stage.until_accepted(100).await?;
    for seconds in [300, 270] {
        let by = format!("UPDATE public.skew SET by = '{seconds} seconds'");
        // What is checked about time is loosened by the step, until all processes have read the new time.
        stage.clock_steps(-seconds * 1_000_000);
        stage.cluster.source().execute(by).await?;
        // The processes read the clock every 10 s.
        sleep(Duration::from_secs(12)).await;
    }
    stage.fired("steps of the clock", 2);
    stage.faults_over();
    stage.stop_loads();
    stage.finish().await
}
