-- What else must hold of the rows that the engine writes. The conformance suite adds it on PostgreSQL; see the first
-- migration for why the schema does without it.
ALTER TABLE payments
    ADD CONSTRAINT currency_is_a_code CHECK (length(currency) = 3),
    ADD CONSTRAINT balance_has_a_currency CHECK ((balance_minor IS NULL) = (balance_currency IS NULL));
ALTER TABLE deliveries
    ADD CONSTRAINT attempts_are_counted CHECK (attempts >= 0),
    ADD CONSTRAINT state_is_known CHECK (state IN ('pending', 'delivered', 'undelivered', 'settled')),
    ADD CONSTRAINT reason_is_known CHECK (reason IN ('expired', 'refused', 'refused_after_unknown', 'panicked')),
    ADD CONSTRAINT reason_iff_undelivered
        CHECK (CASE state WHEN 'undelivered' THEN reason IS NOT NULL WHEN 'settled' THEN true ELSE reason IS NULL END),
    ADD CONSTRAINT claim_is_whole CHECK ((claimed_at IS NULL) = (claimed_until IS NULL)),
    ADD CONSTRAINT claim_only_while_pending CHECK (claimed_at IS NULL OR (state = 'pending' AND attempts > 0)),
    ADD CONSTRAINT settled_by_iff_settled CHECK ((settled_by IS NULL) = (state <> 'settled')),
    ADD CONSTRAINT settled_note_iff_settled CHECK ((settled_note IS NULL) = (state <> 'settled'));
ALTER TABLE attempts
    ADD CONSTRAINT numbers_begin_at_one CHECK (number > 0),
    ADD CONSTRAINT duration_is_not_negative CHECK (duration_us >= 0);
ALTER TABLE checks
    ADD CONSTRAINT answer_is_known CHECK (answer IN ('allow', 'refuse', 'unavailable')),
    ADD CONSTRAINT checked_amount_is_positive CHECK (amount_minor > 0),
    ADD CONSTRAINT checked_currency_is_a_code CHECK (length(currency) = 3),
    ADD CONSTRAINT check_duration_is_not_negative CHECK (duration_us >= 0);
