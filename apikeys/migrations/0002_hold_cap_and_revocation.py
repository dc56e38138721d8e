from django.db import migrations

# One account's inserts queue on its row, so each counts after the one before has committed. A
# transaction that reads from a snapshot would count as of its start: it is refused.
FORWARDS = """
CREATE FUNCTION apikeys_apikey_hold_cap() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    cap integer;
BEGIN
    IF NEW.revoked_at IS NOT NULL THEN
        RETURN NEW;
    END IF;
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'API keys are created under read committed only'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    PERFORM 1 FROM accounts_user WHERE id = NEW.owner_id FOR NO KEY UPDATE;
    SELECT plan.max_active_api_keys INTO cap
        FROM accounts_user owner JOIN accounts_plan plan ON plan.id = owner.plan_id
        WHERE owner.id = NEW.owner_id;
    IF cap <= (
        SELECT count(*) FROM apikeys_apikey
        WHERE owner_id = NEW.owner_id AND revoked_at IS NULL
    ) THEN
        RAISE EXCEPTION 'the plan allows % active API keys', cap
            USING ERRCODE = 'check_violation', CONSTRAINT = 'apikeys_apikey_active_cap';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER apikeys_apikey_hold_cap BEFORE INSERT ON apikeys_apikey
    FOR EACH ROW EXECUTE FUNCTION apikeys_apikey_hold_cap();

CREATE FUNCTION apikeys_apikey_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an API key keeps its owner, prefix, digest and revocation'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'apikeys_apikey_final';
END $$;

CREATE TRIGGER apikeys_apikey_final BEFORE UPDATE ON apikeys_apikey
    FOR EACH ROW WHEN (
        (OLD.id, OLD.owner_id, OLD.prefix, OLD.digest)
            IS DISTINCT FROM (NEW.id, NEW.owner_id, NEW.prefix, NEW.digest)
        OR OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at
    ) EXECUTE FUNCTION apikeys_apikey_refuse();
"""

BACKWARDS = """
DROP TRIGGER apikeys_apikey_final ON apikeys_apikey;
DROP FUNCTION apikeys_apikey_refuse();
DROP TRIGGER apikeys_apikey_hold_cap ON apikeys_apikey;
DROP FUNCTION apikeys_apikey_hold_cap();
"""


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0001_create_api_key")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
