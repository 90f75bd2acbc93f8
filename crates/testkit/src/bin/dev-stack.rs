//! Starts a private PostgreSQL and Redis for trying production mode, prints the settings, and stops both when its
//! standard input ends or it is interrupted.

use anyhow::Result;
use paybell_testkit::{Postgres, Redis};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let postgres = Postgres::start()?;
    let redis = Redis::start()?;
    println!("# PostgreSQL and Redis run until you press Ctrl-C; their data is thrown away then. In another shell:");
    println!("export PAYBELL_DATABASE_URL={}", postgres.create_database().await?);
    println!("export PAYBELL_REDIS_URL={}", redis.url());
    println!("export PAYBELL_MASTER_KEY=$(openssl rand -base64 32)");
    println!("paybell migrate && paybell serve");
    tokio::signal::ctrl_c().await?;
    Ok(())
}
