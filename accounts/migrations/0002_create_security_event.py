import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# Rows go only with their account: the constraint deletes them once the account's row is gone.
# TRUNCATE passes where the connection says so, as those of the tests do; whoever can run any SQL as
# the owner of the table can also drop these triggers, so nothing is lost by it.
FORWARDS = """
ALTER TABLE accounts_securityevent ADD CONSTRAINT accounts_securityevent_account
    FOREIGN KEY (account_id) REFERENCES accounts_user (id) ON DELETE CASCADE;

CREATE FUNCTION accounts_securityevent_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM accounts_user WHERE id = OLD.account_id) THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'TRUNCATE' AND current_setting('insitechat.may_truncate', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the security log is only ever added to'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'accounts_securityevent_append_only';
END $$;

CREATE TRIGGER accounts_securityevent_keep_rows BEFORE UPDATE OR DELETE ON accounts_securityevent
    FOR EACH ROW EXECUTE FUNCTION accounts_securityevent_refuse();

CREATE TRIGGER accounts_securityevent_keep_table BEFORE TRUNCATE ON accounts_securityevent
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_securityevent_refuse();
"""

BACKWARDS = """
DROP TRIGGER accounts_securityevent_keep_table ON accounts_securityevent;
DROP TRIGGER accounts_securityevent_keep_rows ON accounts_securityevent;
DROP FUNCTION accounts_securityevent_refuse();
ALTER TABLE accounts_securityevent DROP CONSTRAINT accounts_securityevent_account;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_create_plan_and_user"),
    ]

    operations = [
        migrations.CreateModel(
            name="SecurityEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("signed_in", "Signed in"),
                            ("sign_in_failed", "Sign-in failed"),
                            ("signed_out", "Signed out"),
                            ("password_changed", "Password changed"),
                            ("password_removed", "Password removed"),
                            ("email_changed", "E-mail address changed"),
                            ("email_added", "E-mail address added"),
                            ("email_removed", "E-mail address removed"),
                            ("two_factor_added", "Two-factor sign-in added"),
                            ("two_factor_removed", "Two-factor sign-in removed"),
                            ("two_factor_renewed", "Two-factor sign-in renewed"),
                            ("two_factor_failed", "Second step of a sign-in failed"),
                            ("api_key_created", "API key created"),
                            ("api_key_renamed", "API key renamed"),
                            ("api_key_rotated", "API key rotated"),
                            ("api_key_revoked", "API key revoked"),
                            ("api_key_expired", "API key expired"),
                            ("plan_changed", "Plan changed"),
                            ("limits_changed", "Limits changed"),
                            ("account_disabled", "Account disabled"),
                            ("account_enabled", "Account enabled"),
                            ("staff_access_changed", "Staff access changed"),
                        ],
                        max_length=30,
                    ),
                ),
                (
                    "actor",
                    models.CharField(
                        choices=[
                            ("owner", "Account owner"),
                            ("staff", "InsiteChat staff"),
                            ("command_line", "Command line on the server"),
                            ("service", "InsiteChat"),
                            ("unknown", "Someone who was not signed in"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "staff_email",
                    models.EmailField(
                        blank=True,
                        help_text="Who of the staff it was, for staff's eyes.",
                        max_length=254,
                    ),
                ),
                (
                    "details",
                    models.JSONField(default=dict, help_text="What the sentence about it names."),
                ),
                ("ip_address", models.GenericIPAddressField(null=True, verbose_name="IP address")),
                ("user_agent", models.CharField(blank=True, max_length=255)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="security_events",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        fields=["account", "-created_at", "-id"], name="accounts_event_newest"
                    )
                ],
            },
        ),
        migrations.RunSQL(FORWARDS, BACKWARDS),
    ]
