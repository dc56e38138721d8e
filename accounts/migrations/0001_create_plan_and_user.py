import uuid

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="Plan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "monthly_messages",
                    models.PositiveIntegerField(
                        default=1000, help_text="Answered chat calls in one calendar month (UTC)."
                    ),
                ),
                (
                    "requests_per_minute",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="Calls that one API key may make in any 60 seconds.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100000),
                        ],
                    ),
                ),
                (
                    "max_active_api_keys",
                    models.PositiveIntegerField(
                        default=5, help_text="API keys that may be active at the same time."
                    ),
                ),
                (
                    "max_api_keys",
                    models.PositiveIntegerField(
                        default=1000,
                        help_text="API keys that may ever be created, revoked and expired ones "
                        "included.",
                    ),
                ),
                (
                    "max_pages_per_source",
                    models.PositiveIntegerField(
                        default=500,
                        help_text="Pages that a website may have as a source; others are left out.",
                    ),
                ),
                (
                    "max_file_megabytes",
                    models.PositiveIntegerField(
                        default=20,
                        help_text="How large a file may be that a chatbot learns from.",
                        validators=[django.core.validators.MaxValueValidator(100)],
                    ),
                ),
                (
                    "max_chatbots",
                    models.PositiveIntegerField(
                        default=100,
                        help_text="Chatbots, deleted ones included while they can be restored.",
                    ),
                ),
                (
                    "max_sources",
                    models.PositiveIntegerField(
                        default=1000,
                        help_text="Sources of all chatbots together, deleted ones included "
                        "likewise.",
                    ),
                ),
                (
                    "is_default",
                    models.BooleanField(default=False, help_text="The plan that new accounts get."),
                ),
            ],
            options={
                "ordering": ("name",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("is_default",),
                        name="accounts_plan_one_default",
                        violation_error_message="Another plan is the default already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("requests_per_minute__gte", 1)),
                        name="accounts_plan_allows_requests",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "last_login",
                    models.DateTimeField(blank=True, null=True, verbose_name="last login"),
                ),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without "
                        "explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "email",
                    models.EmailField(
                        error_messages={
                            "unique": "An account with this e-mail address already exists."
                        },
                        max_length=254,
                        unique=True,
                        verbose_name="e-mail address",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="If unchecked, nobody can sign in and the account's API keys "
                        "stop working.",
                    ),
                ),
                ("is_staff", models.BooleanField(default=False, help_text="May use the admin.")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "closed_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="Since then the worker deletes the account's data.",
                        null=True,
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all "
                        "permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="users",
                        to="accounts.plan",
                    ),
                ),
            ],
            options={
                "ordering": ("email",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("email", django.db.models.functions.text.Lower("email"))
                        ),
                        name="accounts_user_email_is_lower_case",
                    )
                ],
            },
        ),
    ]
