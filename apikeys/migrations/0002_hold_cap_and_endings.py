from django.db import migrations

# The caps: one account's inserts queue on its row, so each counts after the one before has
# committed. A transaction that reads from a snapshot would count as of its start: it is refused.
#
# The end by expiry: what has expired does not count against the cap, so it must never work again. A
# change of expiry queues on the owner's row behind creations: a creation counts the key as working,
# or it comes after the key's last moment, which no change can then move.
FORWARDS = """
CREATE FUNCTION apikeys_apikey_hold_caps() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    active_cap integer;
    total_cap integer;
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'API keys are created under read committed only'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    PERFORM 1 FROM accounts_user WHERE id = NEW.owner_id FOR NO KEY UPDATE;
    SELECT plan.max_active_api_keys, plan.max_api_keys INTO active_cap, total_cap
        FROM accounts_user owner JOIN accounts_plan plan ON plan.id = owner.plan_id
        WHERE owner.id = NEW.owner_id;
    IF total_cap <= (SELECT count(*) FROM apikeys_apikey WHERE owner_id = NEW.owner_id) THEN
        RAISE EXCEPTION 'the plan allows % API keys', total_cap
            USING ERRCODE = 'check_violation', CONSTRAINT = 'apikeys_apikey_total_cap';
    END IF;
    IF NEW.revoked_at IS NOT NULL OR NEW.expires_at <= clock_timestamp() THEN
        RETURN NEW;
    END IF;
    IF active_cap <= (
        SELECT count(*) FROM apikeys_apikey
        WHERE owner_id = NEW.owner_id AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > clock_timestamp())
    ) THEN
        RAISE EXCEPTION 'the plan allows % active API keys', active_cap
            USING ERRCODE = 'check_violation', CONSTRAINT = 'apikeys_apikey_active_cap';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER apikeys_apikey_hold_caps BEFORE INSERT ON apikeys_apikey
    FOR EACH ROW EXECUTE FUNCTION apikeys_apikey_hold_caps();

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

CREATE FUNCTION apikeys_apikey_hold_expiry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM accounts_user WHERE id = OLD.owner_id FOR NO KEY UPDATE;
    IF OLD.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'an expired API key stays expired'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'apikeys_apikey_final';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER apikeys_apikey_hold_expiry BEFORE UPDATE ON apikeys_apikey
    FOR EACH ROW WHEN (NEW.expires_at IS DISTINCT FROM OLD.expires_at)
    EXECUTE FUNCTION apikeys_apikey_hold_expiry();
"""

BACKWARDS = """
DROP TRIGGER apikeys_apikey_hold_expiry ON apikeys_apikey;
DROP FUNCTION apikeys_apikey_hold_expiry();
DROP TRIGGER apikeys_apikey_final ON apikeys_apikey;
DROP FUNCTION apikeys_apikey_refuse();
DROP TRIGGER apikeys_apikey_hold_caps ON apikeys_apikey;
DROP FUNCTION apikeys_apikey_hold_caps();
"""


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0001_create_api_key")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
