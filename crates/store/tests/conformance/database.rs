use crate::fixture::{Fixture, at};
use anyhow::Result;
use paybell_store::Clock;
use std::time::Duration;

conformance!(
    migrations_are_applied_once,
    a_database_that_is_newer_is_used_as_long_as_it_only_grew,
    durable_settings_have_no_fault,
    the_version_is_told,
    the_clock_follows_the_database,
    the_database_itself_keeps_the_invariants,
);

async fn migrations_are_applied_once(f: Fixture) -> Result<()> {
    let empty = f.empty().await?;
    let schema = empty.ledger.schema().await?;
    assert_eq!((schema.pending, schema.lacking, schema.newer), (vec![1], vec![1], vec![]));
    assert_eq!(empty.ledger.migrate().await?, [1]);
    let schema = empty.ledger.schema().await?;
    assert_eq!((schema.pending, schema.lacking, schema.known), (vec![], vec![], 1));
    assert!(empty.ledger.migrate().await?.is_empty());
    let unmigrated = f.empty().await?.ledger.merchants(&crate::fixture::all()).await.expect_err("no table");
    assert!(!unmigrated.is_transient(), "{unmigrated}");
    Ok(())
}

/// Migration 7 stands for one of a version to come, as its `paybell migrate` would leave it.
async fn a_database_that_is_newer_is_used_as_long_as_it_only_grew(f: Fixture) -> Result<()> {
    for newer in [
        "ALTER TABLE payments ADD COLUMN note TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE deliveries ADD COLUMN note TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX deliveries_finished ON deliveries (finished_at)",
        "INSERT INTO _sqlx_migrations VALUES (7, 'add_note', CURRENT_TIMESTAMP, true, '', 1)",
    ] {
        assert_eq!(f.execute(newer).await?, None);
    }
    let older = f.another().await?;
    let schema = older.schema().await?;
    assert_eq!((schema.lacking, schema.newer, schema.needed), (vec![], vec![7], None));
    assert!(older.migrate().await?.is_empty(), "an older `paybell migrate` leaves it as it is");
    f.shop().await?;
    f.won(f.accept_one(at(10)).await?, at(11)).await?;

    let contracted = "INSERT INTO _sqlx_migrations VALUES (8, 'drop_method_needs_7', CURRENT_TIMESTAMP, true, '', 1)";
    assert_eq!(f.execute(contracted).await?, None);
    assert_eq!(older.schema().await?.needed, Some(7));
    Ok(())
}

async fn durable_settings_have_no_fault(f: Fixture) -> Result<()> {
    assert_eq!(f.ledger.durability_faults().await?, Vec::<String>::new());
    Ok(())
}

async fn the_version_is_told(f: Fixture) -> Result<()> {
    let version = f.ledger.version().await?;
    let (name, number) = version.split_once(' ').expect("a name and a number");
    assert_eq!(name, if f.is_sqlite() { "SQLite" } else { "PostgreSQL" });
    assert!(number.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
    Ok(())
}

async fn the_clock_follows_the_database(f: Fixture) -> Result<()> {
    let clock = Clock::default();
    clock.sync(&*f.ledger).await?;
    let now = f.ledger.now().await?;
    assert!(now.since(clock.now()).max(clock.now().since(now)) < Duration::from_secs(1));
    Ok(())
}

async fn the_database_itself_keeps_the_invariants(f: Fixture) -> Result<()> {
    f.shop().await?;
    f.accept_one(at(10)).await?;
    for (broken, constraint) in [
        ("due_at = deadline_at + 1", "due_before_deadline"),
        ("finished_at = 1", "finished_at_iff_final"),
        ("state = 'delivered'", "finished_at_iff_final"),
        ("state = 'undelivered', finished_at = 1", "reason_iff_undelivered"),
        ("state = 'delivered', finished_at = 1, reason = 'expired'", "reason_iff_undelivered"),
        ("reason = 'tired'", "reason"),
        ("state = 'lost', finished_at = 1", "state_is_known"),
        ("attempts = -1", "attempts_are_counted"),
        ("claimed_at = 1, attempts = 1", "claim_is_whole"),
        ("claimed_at = 1, claimed_until = 2", "claim_only_while_pending"),
        ("settled_by = 'olga'", "settled_by_iff_settled"),
        ("state = 'settled', finished_at = 1, settled_by = 'olga'", "settled_note_iff_settled"),
    ] {
        let refusal = f.execute(&format!("UPDATE deliveries SET {broken}")).await?;
        assert!(refusal.as_ref().is_some_and(|refusal| refusal.contains(constraint)), "{broken}: {refusal:?}");
    }
    for broken in ["amount_minor = 0", "currency = 'EURO'", "balance_minor = 1"] {
        assert!(f.execute(&format!("UPDATE payments SET {broken}")).await?.is_some(), "{broken}");
    }
    for broken in ["concurrency_max = 0", "lifetime_us = 0", "paused_at = 1", "merchant_id = 'nobody'"] {
        assert!(f.execute(&format!("UPDATE endpoints SET {broken}")).await?.is_some(), "{broken}");
    }
    Ok(())
}

#[tokio::test]
async fn settings_that_lose_commits_are_named_with_their_cure() -> Result<()> {
    let careless = ["fsync=off", "full_page_writes=off", "synchronous_commit=off"];
    let server = paybell_testkit::Postgres::start_with(&careless)?;
    let url = server.create_database().await?;
    let sealer = paybell_store::Sealer::new(&[0; 32]);
    let ledger = paybell_store::PostgresLedger::connect(&url.as_str().into(), 2, sealer).await?;
    let faults = paybell_store::Ledger::durability_faults(&ledger).await?;
    for setting in careless {
        let name = setting.trim_end_matches("=off");
        let fault = faults.iter().find(|fault| fault.starts_with(name));
        assert!(fault.is_some_and(|fault| fault.contains(&format!("set {name} = on"))), "{faults:?}");
    }
    Ok(())
}
