import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import securitylog.kinds


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
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
                ("kind", models.CharField(choices=securitylog.kinds.choices, max_length=30)),
                (
                    "actor",
                    models.CharField(
                        choices=[
                            ("owner", "Account owner"),
                            ("staff", "InsiteChat staff"),
                            ("api_key", "A program with an API key"),
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
                        help_text="The member of staff who acted; shown to staff only.",
                        max_length=254,
                    ),
                ),
                (
                    "details",
                    models.JSONField(
                        default=dict,
                        help_text="Values for the placeholders of the kind's sentence.",
                    ),
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
                        fields=["account", "-created_at", "-id"], name="securitylog_event_newest"
                    )
                ],
            },
        ),
    ]
