"""Forms of the API keys pages."""

from django import forms

from apikeys.models import NAME_MAX_LENGTH


class ApiKeyForm(forms.Form):
    name = forms.CharField(
        max_length=NAME_MAX_LENGTH,
        help_text="What the key is for, such as “Production server”.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
