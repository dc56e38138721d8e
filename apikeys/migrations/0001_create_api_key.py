import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("prefix", models.CharField(db_index=True, editable=False, max_length=8)),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("last_used_at", models.DateTimeField(editable=False, null=True)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                ("expires_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("first_used_at", models.DateTimeField(editable=False, null=True)),
                (
                    "rejected_count",
                    models.PositiveBigIntegerField(db_default=0, default=0, editable=False),
                ),
                ("last_rejected_at", models.DateTimeField(editable=False, null=True)),
                ("expiry_logged_at", models.DateTimeField(editable=False, null=True)),
                ("request_id", models.UUIDField(editable=False, null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_keys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "predecessor",
                    models.OneToOneField(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="successor",
                        to="apikeys.apikey",
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "verbose_name_plural": "API keys",
                "ordering": ("-created_at", "-id"),
            },
        ),
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
                ("hour", models.DateTimeField()),
                ("status", models.PositiveSmallIntegerField()),
                ("count", models.PositiveBigIntegerField()),
                ("peak", models.PositiveIntegerField()),
                (
                    "api_key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hourly_calls",
                        to="apikeys.apikey",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="apikey",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False), ("expiry_logged_at", None)),
                fields=["expires_at"],
                name="apikeys_apikey_expiry_to_log",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.UniqueConstraint(
                fields=("owner", "request_id"), name="apikeys_apikey_once_per_request"
            ),
        ),
        migrations.AddIndex(
            model_name="hourlycalls",
            index=models.Index(fields=["hour"], name="apikeys_hourlycalls_by_age"),
        ),
    ]
