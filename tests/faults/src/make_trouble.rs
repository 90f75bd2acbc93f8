//! What can be done to a cluster, and is noted: the checker loosens what is promised about time by what it explains.

use crate::cluster::{Cluster, EMBEDDED};
use crate::evidence::now_us;
use crate::proxy::Fault;
use crate::troubles::{Place, Troubles};
use anyhow::Result;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};

impl Cluster {
    /// Stops a process without its knowledge.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self, name: &str) -> Result<()> {
        if name.contains("worker") || name == EMBEDDED {
            self.trouble(Place::Worker, name);
        }
        self.node(name)?.freeze()
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn thaw(&self, name: &str) -> Result<()> {
        self.node(name)?.thaw()?;
        self.trouble_is_over(name);
        Ok(())
    }

    /// Starts a process again, armed to die at abort points (`accept-begins=20*off->return`), or with none; waits until it
    /// is ready, or dead at its point: it may be there before it can say that it is ready.
    ///
    /// # Errors
    /// When it becomes neither.
    pub async fn arm(&self, name: &str, points: Option<&str>) -> Result<()> {
        let engine = self.node(name)?;
        block_in_place(|| drop(engine.terminate()));
        engine.set("FAILPOINTS", points);
        let Err(error) = engine.start_again().await else { return Ok(()) };
        let is_dead = async {
            while engine.ended().is_none() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let dies = points.is_some() && timeout(Duration::from_secs(2), is_dead).await.is_ok();
        if dies { Ok(()) } else { Err(error) }
    }

    /// Makes the link to Redis misbehave, or not.
    ///
    /// # Errors
    /// When it is embedded.
    pub fn link_to_redis(&self, fault: Fault) -> Result<()> {
        self.servers()?.to_redis.set(fault);
        if fault == Fault::None {
            self.trouble_is_over("the link to Redis");
        } else {
            self.trouble(Place::Queue, "the link to Redis");
        }
        Ok(())
    }

    /// Kills Redis.
    ///
    /// # Errors
    /// When it is embedded.
    pub fn kill_redis(&self) -> Result<()> {
        self.trouble(Place::Queue, "redis");
        self.note_kill();
        let redis = &self.servers()?.redis;
        block_in_place(|| redis.kill9());
        Ok(())
    }

    /// Starts Redis again after [`Cluster::kill_redis`].
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_redis(&self) -> Result<()> {
        block_in_place(|| self.servers()?.redis.start_again())?;
        self.trouble_is_over("redis");
        Ok(())
    }

    /// Redis loses everything.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub fn flush_redis(&self) -> Result<()> {
        self.trouble(Place::Queue, "redis");
        block_in_place(|| self.servers()?.redis.flushall())?;
        self.trouble_is_over("redis");
        Ok(())
    }

    /// Notes that something is in trouble from now on.
    pub fn trouble(&self, place: Place, name: &str) {
        self.noted().begin(place, name, now_us());
    }

    /// Notes that it is over.
    pub fn trouble_is_over(&self, name: &str) {
        self.noted().end(name, now_us());
    }

    /// All troubles so far.
    pub fn troubles(&self) -> Troubles {
        self.noted().clone()
    }

    fn noted(&self) -> MutexGuard<'_, Troubles> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
