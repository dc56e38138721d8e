import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0003_let_keys_expire_and_be_replaced")]

    operations = [
        migrations.CreateModel(
            name="HourlyCalls",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "api_key",
                        "hour",
                        "status",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "api_key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hourly_calls",
                        to="apikeys.apikey",
                        db_index=False,
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("status", models.PositiveSmallIntegerField()),
                ("count", models.PositiveBigIntegerField()),
                ("peak", models.PositiveIntegerField()),
            ],
        ),
        migrations.AddIndex(
            "hourlycalls", models.Index(fields=["hour"], name="apikeys_hourlycalls_by_age")
        ),
        migrations.AddField(
            "apikey", "expiry_logged_at", models.DateTimeField(editable=False, null=True)
        ),
        migrations.AddIndex(
            "apikey",
            models.Index(
                fields=["expires_at"],
                condition=models.Q(expires_at__isnull=False, expiry_logged_at=None),
                name="apikeys_apikey_expiry_to_log",
            ),
        ),
    ]
