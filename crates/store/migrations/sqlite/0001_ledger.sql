-- The ledger. All times are microseconds since 1970-01-01T00:00:00Z; all durations are microseconds.
-- The same tables, names and constraints as on PostgreSQL; identifiers are the 16 bytes of the UUID.

CREATE TABLE merchants (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

CREATE TABLE endpoints (
    id BLOB NOT NULL PRIMARY KEY,
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    url TEXT NOT NULL,
    check_url TEXT, -- nothing: no checks
    dialect TEXT NOT NULL,
    parameters TEXT NOT NULL, -- JSON: what the dialect wants to know
    options TEXT NOT NULL,
    concurrency_max INTEGER NOT NULL CONSTRAINT concurrency_is_positive CHECK (concurrency_max > 0),
    time_limit_us INTEGER CONSTRAINT time_limit_is_positive CHECK (time_limit_us > 0),
    lifetime_us INTEGER CONSTRAINT lifetime_is_positive CHECK (lifetime_us > 0),
    paused_at INTEGER,
    paused_by TEXT,
    failing_since INTEGER, -- while it does not answer
    probe_at INTEGER, -- when the next probe goes out; nothing while there is nothing to probe with
    probing BLOB, -- the delivery that may be attempted all the same
    probes INTEGER NOT NULL DEFAULT 0, -- those that failed since then
    reopened_at INTEGER, -- when it answered again
    released_at INTEGER, -- when something was last released in the ramp after that
    parked INTEGER NOT NULL DEFAULT 0 CHECK (parked IN (0, 1)), -- some of its deliveries may be parked
    secrets BLOB NOT NULL, -- sealed
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    CONSTRAINT paused_by_somebody CHECK ((paused_at IS NULL) = (paused_by IS NULL)),
    CONSTRAINT probed_only_while_failing
        CHECK (failing_since IS NOT NULL OR (probe_at IS NULL AND probing IS NULL AND probes = 0))
) STRICT;
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
-- is parked at once. Who releases what is parked takes the row away.
CREATE TABLE endpoints_that_park (
    endpoint_id BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE payments (
    id BLOB NOT NULL PRIMARY KEY,
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    gateway_payment_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    pay_for TEXT,
    amount_minor INTEGER NOT NULL CONSTRAINT amount_is_positive CHECK (amount_minor > 0),
    currency TEXT NOT NULL CONSTRAINT currency_is_a_code CHECK (length(currency) = 3),
    balance_minor INTEGER,
    balance_currency TEXT,
    method TEXT,
    description TEXT,
    payer_email TEXT,
    payer_phone TEXT,
    data TEXT, -- JSON, exactly as it was sent
    confirmed_at INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    CONSTRAINT balance_has_a_currency CHECK ((balance_minor IS NULL) = (balance_currency IS NULL)),
    -- The gateway's id stands first, so that it can be sought without the merchant.
    CONSTRAINT payment_is_unique UNIQUE (gateway_payment_id, merchant_id)
) STRICT;
CREATE INDEX payments_of_merchant ON payments (merchant_id, id);
CREATE INDEX payments_for ON payments (pay_for, id) WHERE pay_for IS NOT NULL;

CREATE TABLE deliveries (
    id BLOB NOT NULL PRIMARY KEY,
    payment_id BLOB NOT NULL REFERENCES payments (id),
    endpoint_id BLOB NOT NULL REFERENCES endpoints (id),
    resend_of BLOB,
    -- Its payment's, so that money is added up from the indexes alone.
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    claimed_at INTEGER,
    claimed_until INTEGER,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    attempts INTEGER NOT NULL CONSTRAINT attempts_are_counted CHECK (attempts >= 0),
    in_doubt INTEGER NOT NULL CHECK (in_doubt IN (0, 1)),
    state TEXT NOT NULL CONSTRAINT state_is_known CHECK (state IN ('pending', 'delivered', 'undelivered', 'settled')),
    reason TEXT CONSTRAINT reason_is_known CHECK (reason IN ('expired', 'refused', 'refused_after_unknown', 'panicked')),
    settled_by TEXT,
    settled_note TEXT,
    CONSTRAINT due_before_deadline CHECK (due_at <= deadline_at),
    CONSTRAINT finished_at_iff_final CHECK ((finished_at IS NULL) = (state = 'pending')),
    CONSTRAINT reason_iff_undelivered
        CHECK (CASE state WHEN 'undelivered' THEN reason IS NOT NULL WHEN 'settled' THEN true ELSE reason IS NULL END),
    CONSTRAINT claim_is_whole CHECK ((claimed_at IS NULL) = (claimed_until IS NULL)),
    CONSTRAINT claim_only_while_pending CHECK (claimed_at IS NULL OR (state = 'pending' AND attempts > 0)),
    CONSTRAINT settled_by_iff_settled CHECK ((settled_by IS NULL) = (state <> 'settled')),
    CONSTRAINT settled_note_iff_settled CHECK ((settled_note IS NULL) = (state <> 'settled'))
) STRICT, WITHOUT ROWID;
-- The dispatcher's index; the deadline rides along for the gauges.
CREATE INDEX deliveries_due ON deliveries (due_at, deadline_at) WHERE state = 'pending';
-- The parked ones, for the release, and the few that are claimed close to their deadline.
CREATE INDEX deliveries_parked ON deliveries (endpoint_id, deadline_at, id)
    WHERE state = 'pending' AND due_at = deadline_at;
CREATE INDEX deliveries_of_payment ON deliveries (payment_id);
CREATE INDEX deliveries_of_endpoint ON deliveries (endpoint_id, id);
-- What a person may have to look at; what pages judge and add up rides along, so that they need not read the rows.
CREATE INDEX deliveries_undelivered ON deliveries (id, reason, created_at, amount_minor, currency)
    WHERE state = 'undelivered';
CREATE INDEX deliveries_settled ON deliveries (id, reason, created_at, amount_minor, currency)
    WHERE state = 'settled';
CREATE INDEX deliveries_failed ON deliveries (endpoint_id, state, id, reason, created_at, amount_minor, currency)
    WHERE state IN ('undelivered', 'settled');
-- What was attempted in vain, or waits for its endpoint. What is acknowledged within its first minute never enters these,
-- and a claim changes nothing of them.
CREATE INDEX deliveries_waiting ON deliveries (endpoint_id, state, id, deadline_at, created_at, amount_minor, currency)
    WHERE state = 'pending' AND due_at > created_at + 60000000;
CREATE INDEX deliveries_expiring ON deliveries (deadline_at, id, endpoint_id, created_at, amount_minor, currency)
    WHERE state = 'pending' AND due_at > created_at + 60000000;

CREATE TABLE attempts (
    delivery_id BLOB NOT NULL,
    number INTEGER NOT NULL CONSTRAINT numbers_begin_at_one CHECK (number > 0),
    status INTEGER,
    started_at INTEGER NOT NULL,
    duration_us INTEGER CONSTRAINT duration_is_not_negative CHECK (duration_us >= 0),
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    response_head TEXT,
    response_body BLOB,
    PRIMARY KEY (delivery_id, number)
) STRICT;

-- The questions before payments, each with its answer.
CREATE TABLE checks (
    id BLOB NOT NULL PRIMARY KEY,
    merchant_id TEXT NOT NULL,
    endpoint_id BLOB, -- nothing: nobody had to be asked
    key TEXT,
    pay_for TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CONSTRAINT checked_amount_is_positive CHECK (amount_minor > 0),
    currency TEXT NOT NULL CONSTRAINT checked_currency_is_a_code CHECK (length(currency) = 3),
    method TEXT,
    payer_email TEXT,
    payer_phone TEXT,
    data TEXT, -- JSON, exactly as it was sent
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    answer TEXT NOT NULL CONSTRAINT answer_is_known CHECK (answer IN ('allow', 'refuse', 'unavailable')),
    reason TEXT NOT NULL,
    code TEXT,
    comment TEXT,
    status INTEGER,
    response_head TEXT,
    response_body BLOB,
    asked_at INTEGER NOT NULL,
    duration_us INTEGER NOT NULL CONSTRAINT check_duration_is_not_negative CHECK (duration_us >= 0)
) STRICT;
CREATE INDEX checks_for ON checks (merchant_id, pay_for, id);
CREATE INDEX checks_by_key ON checks (merchant_id, key) WHERE key IS NOT NULL;
CREATE INDEX checks_of_endpoint ON checks (endpoint_id, id);

-- What people do to many deliveries at once, as jobs.
CREATE TABLE bulk_acts (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CONSTRAINT bulk_act_is_known CHECK (kind IN ('resend', 'settle')),
    who TEXT, -- who settles, and why
    note TEXT,
    filter TEXT NOT NULL, -- JSON
    actor TEXT NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    newest_id BLOB NOT NULL, -- the newest delivery when it began
    place TEXT, -- JSON: how far it is
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    CONSTRAINT who_settles CHECK ((kind = 'settle') = (who IS NOT NULL) AND (who IS NULL) = (note IS NULL))
) STRICT;
CREATE INDEX bulk_acts_unfinished ON bulk_acts (created_at) WHERE finished_at IS NULL;
CREATE INDEX bulk_acts_newest ON bulk_acts (created_at, id);

-- What people write beside deliveries that need them.
CREATE TABLE follow_ups (
    delivery_id BLOB NOT NULL PRIMARY KEY,
    owner TEXT,
    note TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- The gateway's own dialects, beside those that are built in.
CREATE TABLE dialects (
    name TEXT NOT NULL PRIMARY KEY,
    definition TEXT NOT NULL, -- JSON
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- What happened in each span of time, for charts: only what is not zero.
CREATE TABLE figures (
    span_s INTEGER NOT NULL, -- how long each is
    at INTEGER NOT NULL, -- when it began
    measure INTEGER NOT NULL, -- what was counted
    count INTEGER NOT NULL,
    PRIMARY KEY (span_s, at, measure)
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    id BLOB NOT NULL PRIMARY KEY,
    role TEXT NOT NULL CONSTRAINT role_is_known CHECK (role IN ('gateway', 'operator')),
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

-- People who sign in with a password.
CREATE TABLE operators (
    name TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL CONSTRAINT operator_role_is_known CHECK (role IN ('viewer', 'operator')),
    password_hash TEXT NOT NULL, -- argon2id, in the PHC string format
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT;

-- Visits of operators and merchants. One that is revoked is deleted; one that ended by itself goes a week later.
CREATE TABLE sessions (
    id BLOB NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL, -- SHA-256 of the token in the cookie
    name TEXT NOT NULL, -- of the operator, or of the key by which they signed in
    role TEXT CONSTRAINT session_role_is_known CHECK (role IN ('viewer', 'operator')), -- nothing: a merchant
    key_id BLOB,
    merchant_id TEXT,
    rights TEXT, -- JSON: what a merchant may do
    created_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    CONSTRAINT session_has_one_visitor CHECK ((role IS NULL) <> (merchant_id IS NULL)),
    CONSTRAINT rights_of_merchants CHECK ((merchant_id IS NULL) = (rights IS NULL)),
    CONSTRAINT key_of_operators CHECK (key_id IS NULL OR role IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX sessions_by_hash ON sessions (hash);
CREATE INDEX sessions_newest ON sessions (created_at, id);
CREATE INDEX sessions_ended ON sessions (ends_at);
-- Those that end with what they began with.
CREATE INDEX sessions_of_operator ON sessions (name) WHERE role IS NOT NULL AND key_id IS NULL;
CREATE INDEX sessions_of_key ON sessions (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX sessions_of_merchant ON sessions (merchant_id) WHERE merchant_id IS NOT NULL;

-- Links into the portal. One that is used is deleted.
CREATE TABLE portal_links (
    id BLOB NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL, -- SHA-256 of the token in the link
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    rights TEXT NOT NULL, -- JSON
    created_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX portal_links_by_hash ON portal_links (hash);
CREATE INDEX portal_links_ended ON portal_links (ends_at);

CREATE TABLE audit (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_of_subject ON audit (subject, id);
