"""The people who sign in, and the plan that says how much they may use."""

import uuid
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.devices import device
from accounts.security_sentences import sentence


class PlanManager(models.Manager["Plan"]):
    def default(self) -> "Plan":
        """Return the plan of new accounts; makes one with the usual numbers if there is none."""
        plan = self.filter(is_default=True).first()
        if plan is None:
            plan, _ = self.update_or_create(name="Free", defaults={"is_default": True})
        return plan


class Plan(models.Model):
    """What an account may use. Staff change plans in the admin; the next request goes by it."""

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
        error_messages={"unique": "An account with this e-mail address exists already."},
    )
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="users")
    is_active = models.BooleanField(
        default=True, help_text="Without it nobody signs in and the account's API keys stop."
    )
    is_staff = models.BooleanField(default=False, help_text="May use the admin.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

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
        """Take the address as confirmed, and as the only one: whoever runs the service says so."""
        from allauth.account.models import EmailAddress  # which needs this model

        addresses = EmailAddress.objects.filter(user_id=self.pk)
        addresses.exclude(email=self.email).delete()
        addresses.update_or_create(
            user_id=self.pk, email=self.email, defaults={"verified": True, "primary": True}
        )


class SecurityEventQuerySet(models.QuerySet["SecurityEvent"]):
    def owned_by(self, account_id: uuid.UUID) -> Self:
        return self.filter(account_id=account_id)


class SecurityEvent(models.Model):
    """Something that happened to an account's security: what, by whom, when and from where.

    Rows are added through accounts.security_log and never change: the database refuses it, and lets
    them go only with their account (migration 0002).
    """

    class Kind(models.TextChoices):
        SIGNED_IN = "signed_in", "Signed in"
        SIGN_IN_FAILED = "sign_in_failed", "Sign-in failed"
        SIGNED_OUT = "signed_out", "Signed out"
        SIGNED_OUT_ELSEWHERE = "signed_out_elsewhere", "Signed out everywhere else"
        PASSWORD_CHANGED = "password_changed", "Password changed"
        PASSWORD_REMOVED = "password_removed", "Password removed"
        EMAIL_CONFIRMED = "email_confirmed", "E-mail address confirmed"
        EMAIL_CHANGED = "email_changed", "E-mail address changed"
        EMAIL_ADDED = "email_added", "E-mail address added"
        EMAIL_REMOVED = "email_removed", "E-mail address removed"
        TWO_FACTOR_ADDED = "two_factor_added", "Two-factor sign-in added"
        TWO_FACTOR_REMOVED = "two_factor_removed", "Two-factor sign-in removed"
        TWO_FACTOR_RENEWED = "two_factor_renewed", "Two-factor sign-in renewed"
        TWO_FACTOR_FAILED = "two_factor_failed", "Second step of a sign-in failed"
        API_KEY_CREATED = "api_key_created", "API key created"
        API_KEY_RENAMED = "api_key_renamed", "API key renamed"
        API_KEY_ROTATED = "api_key_rotated", "API key rotated"
        API_KEY_REVOKED = "api_key_revoked", "API key revoked"
        API_KEY_EXPIRED = "api_key_expired", "API key expired"
        PLAN_CHANGED = "plan_changed", "Plan changed"
        LIMITS_CHANGED = "limits_changed", "Limits changed"
        ACCOUNT_DISABLED = "account_disabled", "Account disabled"
        ACCOUNT_ENABLED = "account_enabled", "Account enabled"
        STAFF_ACCESS_CHANGED = "staff_access_changed", "Staff access changed"
        DATA_EXPORTED = "data_exported", "The account's data was downloaded"

    class Actor(models.TextChoices):
        OWNER = "owner", "Account owner"
        STAFF = "staff", "InsiteChat staff"
        COMMAND_LINE = "command_line", "Command line on the server"
        SERVICE = "service", "InsiteChat"
        UNKNOWN = "unknown", "Someone who was not signed in"

    account = models.ForeignKey(
        User,
        related_name="security_events",
        # Both are the database's work: its own constraint deletes the rows with their account.
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
    )
    kind = models.CharField(max_length=30, choices=Kind)
    actor = models.CharField(max_length=20, choices=Actor)
    staff_email = models.EmailField(
        blank=True, help_text="Who of the staff it was, for staff's eyes."
    )
    details = models.JSONField(default=dict, help_text="What the sentence about it names.")
    ip_address = models.GenericIPAddressField("IP address", null=True)
    user_agent = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = SecurityEventQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=["account", "-created_at", "-id"], name="accounts_event_newest"),
        )
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def sentence(self) -> str:
        return sentence(self.kind, self.get_kind_display(), self.details)

    @property
    def device(self) -> str:
        return device(self.user_agent)

    @property
    def place(self) -> str:
        """Return “192.0.2.7, Firefox on Linux”; empty where nothing is known."""
        return ", ".join(filter(None, (self.ip_address, self.device)))
