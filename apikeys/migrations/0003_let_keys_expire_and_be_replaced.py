import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def hold_cap(works: str) -> str:
    """Return the function of migration 0002 with another notion of a key that works."""
    return f"""
CREATE OR REPLACE FUNCTION apikeys_apikey_hold_cap() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    cap integer;
BEGIN
    IF NOT ({works.format("NEW")}) THEN
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
        SELECT count(*) FROM apikeys_apikey mine
        WHERE mine.owner_id = NEW.owner_id AND {works.format("mine")}
    ) THEN
        RAISE EXCEPTION 'the plan allows % active API keys', cap
            USING ERRCODE = 'check_violation', CONSTRAINT = 'apikeys_apikey_active_cap';
    END IF;
    RETURN NEW;
END $$;
"""  # noqa: S608 (of this file's own texts)


UNREVOKED = "{0}.revoked_at IS NULL"
WORKING = f"{UNREVOKED} AND ({{0}}.expires_at IS NULL OR {{0}}.expires_at > clock_timestamp())"

# What is expired does not count against the cap, so it must never work again. A change of expiry
# queues on the owner's row behind creations: a creation counts the key as working, or it comes
# after the key's last moment, which no change can then move.
HOLD_EXPIRY = """
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

LET_EXPIRY_GO = """
DROP TRIGGER apikeys_apikey_hold_expiry ON apikeys_apikey;
DROP FUNCTION apikeys_apikey_hold_expiry();
"""


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("apikeys", "0002_hold_cap_and_revocation"),
    ]

    operations = [
        migrations.AddField(
            "apikey", "expires_at", models.DateTimeField(null=True, blank=True, editable=False)
        ),
        migrations.AddField(
            "apikey", "first_used_at", models.DateTimeField(null=True, editable=False)
        ),
        migrations.AddField(
            "apikey",
            "rejected_count",
            models.PositiveBigIntegerField(default=0, db_default=0, editable=False),
        ),
        migrations.AddField(
            "apikey", "last_rejected_at", models.DateTimeField(null=True, editable=False)
        ),
        migrations.AddField(
            "apikey",
            "predecessor",
            models.OneToOneField(
                "apikeys.ApiKey",
                on_delete=django.db.models.deletion.SET_NULL,
                null=True,
                related_name="successor",
                editable=False,
            ),
        ),
        migrations.AddField("apikey", "request_id", models.UUIDField(null=True, editable=False)),
        migrations.AddConstraint(
            "apikey",
            models.UniqueConstraint(
                fields=["owner", "request_id"], name="apikeys_apikey_once_per_request"
            ),
        ),
        migrations.RunSQL(hold_cap(WORKING) + HOLD_EXPIRY, LET_EXPIRY_GO + hold_cap(UNREVOKED)),
    ]
