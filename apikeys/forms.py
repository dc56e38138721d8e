"""Forms of the API keys pages."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from apikeys.models import NAME_MAX_LENGTH, ApiKey

FARTHEST = timedelta(days=3653)
NEVER, ON_A_DATE, UNCHANGED = "never", "date", "unchanged"
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
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )


class FocusedForm(forms.Form):
    """Puts the focus on the first field that does not fit."""

    def full_clean(self) -> None:
        super().full_clean()
        wrong = [name for name in self.fields if name in self.errors]
        if wrong:
            for name, field in self.fields.items():
                field.widget.attrs.pop("autofocus", None)
                if name == wrong[0]:
                    field.widget.attrs["autofocus"] = True


class ExpiryForm(FocusedForm):
    """When a key ends; `cleaned_data["expires_at"]` has the moment, None for never."""

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
        if not today <= day <= today + FARTHEST:
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


class OnceForm(ExpiryForm):
    """A form that makes one key, however often the browser sends it."""

    GIVES: tuple[str, ...] = ("expires_at", "request_id")

    request_id = forms.UUIDField(initial=uuid.uuid4, required=False, widget=forms.HiddenInput)

    def given(self) -> dict[str, Any]:
        """Return what the service needs, by its parameters' names."""
        return {name: self.cleaned_data[name] for name in self.GIVES}


class ApiKeyForm(OnceForm):
    GIVES = ("name", *OnceForm.GIVES)

    name = name_field()
    field_order = ("name", "lifetime", "expires_on", "request_id")


class RotateForm(OnceForm):
    GIVES = ("grace", *OnceForm.GIVES)

    grace = forms.TypedChoiceField(
        label="How long should the old key go on working?",
        choices=GRACES,
        initial="24",
        coerce=lambda hours: timedelta(hours=int(hours)),
        help_text="Long enough to put the new key everywhere.",
        widget=forms.Select(attrs={"autofocus": True}),
    )
    field_order = ("grace", "lifetime", "expires_on", "request_id")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["lifetime"].label = "When does the new key expire?"

    def offer_replacement_only(self) -> None:
        """Offer what is left at the cap: the old key ends as the new one is made."""
        grace = self.fields["grace"]
        grace.choices = GRACES[:1]  # type: ignore[attr-defined]
        grace.initial = "0"
        grace.help_text = ""


class ChangeForm(ExpiryForm):
    """A key's name and, while it works, its expiry; `lifetime` may be left as it is."""

    name = name_field()
    field_order = ("name", "lifetime", "expires_on")

    def __init__(self, data: Any = None, *, api_key: ApiKey) -> None:
        super().__init__(data, initial={"name": api_key.name, "lifetime": UNCHANGED})
        lifetime = self.fields["lifetime"]
        now = f"{api_key.expires_at:%-d %b %Y, %H:%M} UTC" if api_key.expires_at else "never"
        lifetime.choices = [  # type: ignore[attr-defined]
            (UNCHANGED, f"As it is ({now})"),
            *LIFETIMES,
        ]
        if not api_key.is_active:
            del self.fields["lifetime"], self.fields["expires_on"]

    @property
    def changes_expiry(self) -> bool:
        return self.cleaned_data.get("lifetime", UNCHANGED) not in {UNCHANGED, ""}
