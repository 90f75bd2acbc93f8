-- The ledger. All times are microseconds since 1970-01-01T00:00:00Z; all durations are microseconds.
--
-- Foreign keys stand where people act. The three tables that the engine writes (payments, deliveries, attempts) have
-- none: each of their inserts reads its parent in the same statement and nothing is deleted but softly, whereas a key
-- check would lock the parent's row for every delivery, and one endpoint's row is the parent of thousands a second.
--
-- They have few other constraints either: PostgreSQL reads each anew from its text in every statement that writes the
-- table, which took a quarter of the time of a statement for one row. What the promises rest on stays; the rest is in
-- SQLite's schema, and the conformance suite adds it here (../../tests/strict.sql).

CREATE TABLE merchants (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);

CREATE TABLE endpoints (
    id UUID PRIMARY KEY,
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    url TEXT NOT NULL,
    check_url TEXT, -- nothing: no checks
    dialect TEXT NOT NULL,
    parameters TEXT NOT NULL, -- JSON: what the dialect wants to know
    options TEXT NOT NULL,
    concurrency_max INTEGER NOT NULL CONSTRAINT concurrency_is_positive CHECK (concurrency_max > 0),
    time_limit_us BIGINT CONSTRAINT time_limit_is_positive CHECK (time_limit_us > 0),
    lifetime_us BIGINT CONSTRAINT lifetime_is_positive CHECK (lifetime_us > 0),
    paused_at BIGINT,
    paused_by TEXT,
    failing_since BIGINT, -- while it does not answer
    probe_at BIGINT, -- when the next probe goes out; nothing while there is nothing to probe with
    probing UUID, -- the delivery that may be attempted all the same
    probes INTEGER NOT NULL DEFAULT 0, -- those that failed since then
    reopened_at BIGINT, -- when it answered again
    released_at BIGINT, -- when something was last released in the ramp after that
    parked BOOLEAN NOT NULL DEFAULT false, -- some of its deliveries may be parked
    secrets BYTEA NOT NULL, -- sealed
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    CONSTRAINT paused_by_somebody CHECK ((paused_at IS NULL) = (paused_by IS NULL)),
    CONSTRAINT probed_only_while_failing
        CHECK (failing_since IS NOT NULL OR (probe_at IS NULL AND probing IS NULL AND probes = 0))
);
CREATE INDEX endpoints_of_merchant ON endpoints (merchant_id, id);
CREATE INDEX endpoints_of_dialect ON endpoints (dialect, id);
-- Whom to ask before a payment must be plain without a name.
CREATE UNIQUE INDEX endpoints_asked ON endpoints (merchant_id) WHERE check_url IS NOT NULL AND deleted_at IS NULL;
-- Those whose parked deliveries may be released.
CREATE INDEX endpoints_parked ON endpoints (id)
    WHERE parked AND paused_at IS NULL AND deleted_at IS NULL AND failing_since IS NULL;
CREATE INDEX endpoints_to_probe ON endpoints (probe_at) WHERE probe_at IS NOT NULL;
CREATE INDEX endpoints_failing ON endpoints (failing_since) WHERE failing_since IS NOT NULL;
CREATE INDEX endpoints_paused ON endpoints (paused_at) WHERE paused_at IS NOT NULL;

-- Paused and failing endpoints, but for those that are left alone with nothing to probe them with: what is accepted for them
-- is parked at once. Who does so locks the row (FOR KEY SHARE) until it has committed, and who releases what is parked takes
-- the row away before it looks whether anything is left; so nothing is parked behind its back. Nobody waits for these locks.
-- A row is made and taken away by who has locked the endpoint.
CREATE TABLE endpoints_that_park (
    endpoint_id UUID PRIMARY KEY
);

CREATE TABLE payments (
    id UUID PRIMARY KEY,
    merchant_id TEXT NOT NULL,
    gateway_payment_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    pay_for TEXT,
    amount_minor BIGINT NOT NULL CONSTRAINT amount_is_positive CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    balance_minor BIGINT,
    balance_currency TEXT,
    method TEXT,
    description TEXT,
    payer_email TEXT,
    payer_phone TEXT,
    data TEXT, -- JSON, exactly as it was sent
    confirmed_at BIGINT NOT NULL,
    accepted_at BIGINT NOT NULL,
    test BOOLEAN NOT NULL,
    -- The gateway's id stands first, so that it can be sought without the merchant.
    CONSTRAINT payment_is_unique UNIQUE (gateway_payment_id, merchant_id)
);
CREATE INDEX payments_of_merchant ON payments (merchant_id, id);
CREATE INDEX payments_for ON payments (pay_for, id) WHERE pay_for IS NOT NULL;

CREATE TABLE deliveries (
    id UUID PRIMARY KEY,
    payment_id UUID NOT NULL,
    endpoint_id UUID NOT NULL,
    resend_of UUID,
    -- Its payment's, so that money is added up from the indexes alone.
    amount_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    deadline_at BIGINT NOT NULL,
    claimed_at BIGINT,
    claimed_until BIGINT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    attempts INTEGER NOT NULL,
    in_doubt BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    settled_by TEXT,
    settled_note TEXT,
    CONSTRAINT due_before_deadline CHECK (due_at <= deadline_at),
    CONSTRAINT finished_at_iff_final CHECK ((finished_at IS NULL) = (state = 'pending'))
) WITH (
    -- Each row is rewritten two or three times soon after it was made. Room in its page keeps its versions together,
    -- and vacuum must follow the churn rather than the table's size.
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.05
);
-- The dispatcher's index; the deadline rides along for the gauges.
CREATE INDEX deliveries_due ON deliveries (due_at) INCLUDE (deadline_at) WHERE state = 'pending';
-- The parked ones, for the release, and the few that are claimed close to their deadline. No index holds what a claim
-- changes, so that PostgreSQL rewrites no index for it (a heap-only tuple).
CREATE INDEX deliveries_parked ON deliveries (endpoint_id, deadline_at, id)
    WHERE state = 'pending' AND due_at = deadline_at;
CREATE INDEX deliveries_of_payment ON deliveries (payment_id);
CREATE INDEX deliveries_of_endpoint ON deliveries (endpoint_id, id);
-- What a person may have to look at; what pages judge and add up rides along, so that they need not read the rows.
CREATE INDEX deliveries_undelivered ON deliveries (id) INCLUDE (reason, created_at, amount_minor, currency)
    WHERE state = 'undelivered';
CREATE INDEX deliveries_settled ON deliveries (id) INCLUDE (reason, created_at, amount_minor, currency)
    WHERE state = 'settled';
CREATE INDEX deliveries_failed ON deliveries (endpoint_id, state, id) INCLUDE (reason, created_at, amount_minor, currency)
    WHERE state IN ('undelivered', 'settled');
-- What was attempted in vain, or waits for its endpoint. What is acknowledged within its first minute never enters these,
-- and a claim changes nothing of them. That the state stands among the columns tells them from the index above, however
-- small the planner believes both to be.
CREATE INDEX deliveries_waiting ON deliveries (endpoint_id, state, id)
    INCLUDE (deadline_at, created_at, amount_minor, currency)
    WHERE state = 'pending' AND due_at > created_at + 60000000;
CREATE INDEX deliveries_expiring ON deliveries (deadline_at, id) INCLUDE (endpoint_id, created_at, amount_minor, currency)
    WHERE state = 'pending' AND due_at > created_at + 60000000;

-- A partition `attempts_YYYYMMDD` for each day, made ahead and dropped by the engine: the first 48 bits of a delivery's id
-- are the milliseconds since 1970 of its beginning, so a day is a range of ids.
CREATE TABLE attempts (
    delivery_id UUID NOT NULL,
    number INTEGER NOT NULL,
    status INTEGER,
    started_at BIGINT NOT NULL,
    duration_us BIGINT,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    response_head TEXT,
    response_body BYTEA,
    PRIMARY KEY (delivery_id, number)
) PARTITION BY RANGE (delivery_id);
-- What falls on a day that has no partition.
CREATE TABLE attempts_other PARTITION OF attempts DEFAULT;

-- The questions before payments, each with its answer.
CREATE TABLE checks (
    id UUID PRIMARY KEY,
    merchant_id TEXT NOT NULL,
    endpoint_id UUID, -- nothing: nobody had to be asked
    key TEXT,
    pay_for TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    method TEXT,
    payer_email TEXT,
    payer_phone TEXT,
    data TEXT, -- JSON, exactly as it was sent
    test BOOLEAN NOT NULL,
    answer TEXT NOT NULL,
    reason TEXT NOT NULL,
    code TEXT,
    comment TEXT,
    status INTEGER,
    response_head TEXT,
    response_body BYTEA,
    asked_at BIGINT NOT NULL,
    duration_us BIGINT NOT NULL
);
CREATE INDEX checks_for ON checks (merchant_id, pay_for, id);
CREATE INDEX checks_by_key ON checks (merchant_id, key) WHERE key IS NOT NULL;
CREATE INDEX checks_of_endpoint ON checks (endpoint_id, id);

-- What PostgreSQL does for tables that grow, it should do so that nobody feels it.
-- Every few minutes it takes a sample and sorts each of its columns: with 30,000 rows, its default, that takes a core for a good
-- part of a second. A fifth of them tells as much as our statements leave to the planner.
-- By default vacuum rests for 2 ms each time it has changed ten pages. With two pages all others wait for it far less
-- (crates/bench/README.md has the figures), and it still may read 20,000 that are cached or change a thousand of them a second.
CREATE FUNCTION tend_gently(grows REGCLASS) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    sampled NAME;
BEGIN
    FOR sampled IN SELECT attname FROM pg_attribute WHERE attrelid = grows AND attnum > 0 LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 20', grows, sampled);
    END LOOP;
    EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_cost_limit = 40, autovacuum_vacuum_cost_delay = 2)', grows);
END $$;
SELECT tend_gently(grows) FROM UNNEST('{payments, deliveries, attempts_other, checks}'::REGCLASS[]) AS grows;

-- What people do to many deliveries at once, as jobs.
CREATE TABLE bulk_acts (
    id UUID PRIMARY KEY,
    kind TEXT NOT NULL CONSTRAINT bulk_act_is_known CHECK (kind IN ('resend', 'settle')),
    who TEXT, -- who settles, and why
    note TEXT,
    filter TEXT NOT NULL, -- JSON
    actor TEXT NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    newest_id UUID NOT NULL, -- the newest delivery when it began
    place TEXT, -- JSON: how far it is
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    CONSTRAINT who_settles CHECK ((kind = 'settle') = (who IS NOT NULL) AND (who IS NULL) = (note IS NULL))
);
CREATE INDEX bulk_acts_unfinished ON bulk_acts (created_at) WHERE finished_at IS NULL;
CREATE INDEX bulk_acts_newest ON bulk_acts (created_at, id);

-- What people write beside deliveries that need them.
CREATE TABLE follow_ups (
    delivery_id UUID PRIMARY KEY,
    owner TEXT,
    note TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- The gateway's own dialects, beside those that are built in.
CREATE TABLE dialects (
    name TEXT PRIMARY KEY,
    definition TEXT NOT NULL, -- JSON
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- What happened in each span of time, for charts: only what is not zero.
CREATE TABLE figures (
    span_s INTEGER NOT NULL, -- how long each is
    at BIGINT NOT NULL, -- when it began
    measure SMALLINT NOT NULL, -- what was counted
    count BIGINT NOT NULL,
    PRIMARY KEY (span_s, at, measure)
) WITH (fillfactor = 50);

CREATE TABLE keys (
    id UUID PRIMARY KEY,
    role TEXT NOT NULL CONSTRAINT role_is_known CHECK (role IN ('gateway', 'operator')),
    name TEXT NOT NULL,
    hash BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- People who sign in with a password.
CREATE TABLE operators (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CONSTRAINT operator_role_is_known CHECK (role IN ('viewer', 'operator')),
    password_hash TEXT NOT NULL, -- argon2id, in the PHC string format
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    removed_at BIGINT
);

-- Visits of operators and merchants. One that is revoked is deleted; one that ended by itself goes a week later.
CREATE TABLE sessions (
    id UUID PRIMARY KEY,
    hash BYTEA NOT NULL, -- SHA-256 of the token in the cookie
    name TEXT NOT NULL, -- of the operator, or of the key by which they signed in
    role TEXT CONSTRAINT session_role_is_known CHECK (role IN ('viewer', 'operator')), -- nothing: a merchant
    key_id UUID,
    merchant_id TEXT,
    rights TEXT, -- JSON: what a merchant may do
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    CONSTRAINT session_has_one_visitor CHECK ((role IS NULL) <> (merchant_id IS NULL)),
    CONSTRAINT rights_of_merchants CHECK ((merchant_id IS NULL) = (rights IS NULL)),
    CONSTRAINT key_of_operators CHECK (key_id IS NULL OR role IS NOT NULL)
);
CREATE UNIQUE INDEX sessions_by_hash ON sessions (hash);
CREATE INDEX sessions_newest ON sessions (created_at, id);
CREATE INDEX sessions_ended ON sessions (ends_at);
-- Those that end with what they began with.
CREATE INDEX sessions_of_operator ON sessions (name) WHERE role IS NOT NULL AND key_id IS NULL;
CREATE INDEX sessions_of_key ON sessions (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX sessions_of_merchant ON sessions (merchant_id) WHERE merchant_id IS NOT NULL;

-- Links into the portal. One that is used is deleted.
CREATE TABLE portal_links (
    id UUID PRIMARY KEY,
    hash BYTEA NOT NULL, -- SHA-256 of the token in the link
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    rights TEXT NOT NULL, -- JSON
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX portal_links_by_hash ON portal_links (hash);
CREATE INDEX portal_links_ended ON portal_links (ends_at);

CREATE TABLE audit (
    id UUID PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_of_subject ON audit (subject, id);
