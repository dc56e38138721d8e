"""The forms of the API key pages."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from apikeys.models import NAME_MAX_LENGTH
from core.forms import FocusedForm

LIFETIME_MAX = timedelta(days=3653)
NEVER, ON_A_DATE = "never", "date"
LIFETIMES = [
    (NEVER, "Never"),
    ("30", "In 30 days"),
    ("90", "In 90 days"),
    ("365", "In 365 days"),
    (ON_A_DATE, "On a date"),
]
GRACES = [
    ("0", "Not at all: it ends now"),
    ("1", "1 hour"),
    ("24", "24 hours"),
    ("168", "7 days"),
    ("720", "30 days"),
]


def name_field() -> forms.CharField:
    return forms.CharField(
        max_length=NAME_MAX_LENGTH,
        help_text="What the key is for, such as “Production server”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ExpiryForm(FocusedForm):
    """Asks when a key expires. `cleaned_data["expires_at"]` is the time, or None for never."""

    lifetime = forms.ChoiceField(label="Expires", choices=LIFETIMES, initial=NEVER, required=False)
    expires_on = forms.DateField(
        label="Last day",
        required=False,
        help_text="The key works through this day (UTC).",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def clean_expires_on(self) -> date | None:
        day: date | None = self.cleaned_data["expires_on"]
        if self.cleaned_data.get("lifetime") != ON_A_DATE:
            return None
        today = timezone.now().date()
        if day is None:
            raise forms.ValidationError("Choose the last day on which the key works.")
        if not today <= day <= today + LIFETIME_MAX:
            raise forms.ValidationError("Choose today or a day within the next ten years.")
        return day

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        lifetime, day = cleaned.get("lifetime"), cleaned.get("expires_on")
        cleaned["expires_at"] = None
        if day is not None:
            cleaned["expires_at"] = datetime.combine(day + timedelta(days=1), time(), UTC)
        if lifetime in {"30", "90", "365"}:
            cleaned["expires_at"] = timezone.now() + timedelta(days=int(lifetime))
        return cleaned


class CreationForm(ExpiryForm):
    """A form that creates a key, and only one even if the browser submits it again."""

    ARGUMENTS: tuple[str, ...] = ("expires_at", "request_id")

    request_id = forms.UUIDField(initial=uuid.uuid4, required=False, widget=forms.HiddenInput)

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments for the service that creates the key."""
        return {name: self.cleaned_data[name] for name in self.ARGUMENTS}


class ApiKeyForm(CreationForm):
    ARGUMENTS = ("name", *CreationForm.ARGUMENTS)

    name = name_field()
    field_order = ("name", "lifetime", "expires_on", "request_id")


class RotateForm(CreationForm):
    ARGUMENTS = ("grace", *CreationForm.ARGUMENTS)

    grace = forms.TypedChoiceField(
        label="How long should the old key go on working?",
        choices=GRACES,
        initial="24",
        coerce=lambda hours: timedelta(hours=int(hours)),
        help_text="Long enough to put the new key everywhere.",
    )
    field_order = ("grace", "lifetime", "expires_on", "request_id")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["lifetime"].label = "When does the new key expire?"

    def offer_replacement_only(self) -> None:
        """Offer no grace, as at the cap the old key has to end when the new one begins."""
        grace = self.fields["grace"]
        grace.choices = GRACES[:1]  # type: ignore[attr-defined]
        grace.initial = "0"
        grace.help_text = ""


class RenameForm(FocusedForm):
    name = name_field()


class ChangeExpiryForm(ExpiryForm):
    """Asks for a new expiry of an active key, with the present one filled in."""

    def __init__(self, data: Any = None, *, expires_at: datetime | None) -> None:
        initial: dict[str, Any] = {"lifetime": NEVER}
        if expires_at is not None:
            initial = {"lifetime": ON_A_DATE, "expires_on": last_day(expires_at)}
        super().__init__(data, initial=initial)
        self.fields["lifetime"].required = True


def last_day(expires_at: datetime) -> date:
    """Return the last day (UTC) on which a key with this expiry works."""
    return (expires_at - timedelta.resolution).astimezone(UTC).date()
