"""Accounts until now were made by those who run the service: their addresses count as confirmed."""

from django.db import migrations

FILL = """
    INSERT INTO account_emailaddress (user_id, email, verified, "primary")
    SELECT id, email, true, true FROM accounts_user
    ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_record_confirmations_and_exports"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
