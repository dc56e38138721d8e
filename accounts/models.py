"""Accounts, and the plans that limit what they may use."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


class PlanManager(models.Manager["Plan"]):
    def default(self) -> "Plan":
        """Return the plan of new accounts; creates one with the default limits if there is none."""
        plan = self.filter(is_default=True).first()
        if plan is None:
            plan, _ = self.update_or_create(name="Free", defaults={"is_default": True})
        return plan


class Plan(models.Model):
    """The limits of the accounts on it. A change in the admin applies from the next request on."""

    name = models.CharField(max_length=100, unique=True)
    monthly_messages = models.PositiveIntegerField(
        default=1000, help_text="Answered chat calls in one calendar month (UTC)."
    )
    requests_per_minute = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text="Calls that one API key may make in any 60 seconds.",
    )
    max_active_api_keys = models.PositiveIntegerField(
        default=5, help_text="API keys that may be active at the same time."
    )
    max_api_keys = models.PositiveIntegerField(
        default=1000,
        help_text="API keys that may ever be created, revoked and expired ones included.",
    )
    max_pages_per_source = models.PositiveIntegerField(
        default=500, help_text="Pages that a website may have as a source; others are left out."
    )
    max_file_megabytes = models.PositiveIntegerField(
        default=20,
        validators=[MaxValueValidator(100)],
        help_text="How large a file may be that a chatbot learns from.",
    )
    max_chatbots = models.PositiveIntegerField(
        default=100, help_text="Chatbots, deleted ones included while they can be restored."
    )
    max_sources = models.PositiveIntegerField(
        default=1000, help_text="Sources of all chatbots together, deleted ones included likewise."
    )
    is_default = models.BooleanField(default=False, help_text="The plan that new accounts get.")

    objects: ClassVar[PlanManager] = PlanManager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="accounts_plan_one_default",
                violation_error_message="Another plan is the default already.",
            ),
            models.CheckConstraint(
                condition=models.Q(requests_per_minute__gte=1),
                name="accounts_plan_allows_requests",
            ),
        )

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        if "plan" not in fields:
            fields["plan"] = Plan.objects.default()
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        user.confirm_email()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """An account: it signs in by e-mail and owns chatbots and API keys."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(
        "e-mail address",
        unique=True,
        error_messages={"unique": "An account with this e-mail address already exists."},
    )
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="users")
    is_active = models.BooleanField(
        default=True,
        help_text="If unchecked, nobody can sign in and the account's API keys stop working.",
    )
    is_staff = models.BooleanField(default=False, help_text="May use the admin.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    closed_at = models.DateTimeField(
        null=True, editable=False, help_text="Since then the worker deletes the account's data."
    )

    objects: ClassVar[UserManager] = UserManager()

    STAFF_FIELDS: ClassVar[tuple[str, ...]] = ("is_staff", "is_superuser", "groups")
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("email",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="accounts_user_email_is_lower_case"
            ),
        )

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    def confirm_email(self) -> None:
        """Make the address the only and confirmed one, as the operator or staff vouch for it."""
        from allauth.account.models import EmailAddress  # which imports this model

        addresses = EmailAddress.objects.filter(user_id=self.pk)
        addresses.exclude(email=self.email).delete()
        addresses.update_or_create(
            user_id=self.pk, email=self.email, defaults={"verified": True, "primary": True}
        )
