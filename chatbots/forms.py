"""Forms of the chatbots' pages."""

from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator

from chatbots.models import MESSAGE_MAX_LENGTH, NAME_MAX_LENGTH, TITLE_MAX_LENGTH, Chatbot
from chatbots.providers import is_configured
from chatbots.training import MAX_ANSWER_LENGTH, MAX_TEXT_LENGTH

PROMPT_MAX_LENGTH = 8000
FALLBACK_MAX_LENGTH = 2000

PROMPT_TEMPLATES = {
    "Friendly support": (
        "You are the support assistant of our company. Be friendly and patient, and answer in two"
        " or three short sentences. Where an answer has several steps, number them."
    ),
    "Short and factual": (
        "Answer in one or two plain sentences. Give numbers, names and dates exactly as they are"
        " written. No greetings, no small talk."
    ),
    "Shop assistant": (
        "You help visitors of our shop to find the right product and to understand prices,"
        " delivery and returns. Be welcoming, never pushy, and name the product that fits best."
    ),
    "Technical guide": (
        "You help developers to use our product. Be precise, use the product's own terms, and show"
        " commands and code in code blocks. Say which version an answer is about where it matters."
    ),
}


class FocusingForm(forms.Form):
    """A form whose first wrong field has the focus; its first, if no field is to blame."""

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)
        for each in self.fields.values():
            each.widget.attrs.pop("autofocus", None)
        wrong = [name for name in self.fields if name in self.errors] or list(self.fields)
        self.fields[wrong[0]].widget.attrs["autofocus"] = True


class LongTextField(forms.CharField):
    """A text of several lines, with the line ends of a text file.

    Its widget has no `maxlength`: browsers cut what is pasted to that without a word.
    """

    def __init__(self, *, max_length: int, rows: int = 4, **options: Any) -> None:
        super().__init__(
            widget=forms.Textarea(attrs={"rows": rows}),
            validators=[MaxLengthValidator(max_length)],
            **options,
        )

    def to_python(self, value: Any) -> str | None:
        text = super().to_python(value)
        return text.replace("\r\n", "\n") if text else text


def name_field() -> forms.CharField:
    return forms.CharField(
        max_length=NAME_MAX_LENGTH,
        help_text="What you call it, such as “Shop assistant”. Visitors do not see it.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def provider_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Who writes the answers",
        choices=provider_choices,
        initial=Chatbot.Provider.BUILTIN,
        help_text="Built-in quotes your sources word for word and needs nothing else. "
        "The others phrase answers freely from what your sources say.",
    )


def provider_choices() -> list[tuple[str, str]]:
    """Return the providers, each with a word on whether this server can use it."""
    return [
        (value, label if is_configured(value) else f"{label} (not set up on this server)")
        for value, label in Chatbot.Provider.choices
    ]


class CreateChatbotForm(FocusingForm):
    name = name_field()
    provider = provider_field()
    text = LongTextField(
        label="First text (optional)",
        required=False,
        max_length=MAX_TEXT_LENGTH,
        rows=8,
        help_text="What it should know: paste a page, a list of prices, your opening hours. "
        "You can add more later.",
    )


class SettingsForm(FocusingForm):
    name = name_field()
    provider = provider_field()
    template = forms.ChoiceField(
        label="Start the instructions from",
        required=False,
        choices=[("", "Choose a template…"), *((name, name) for name in PROMPT_TEMPLATES)],
    )
    system_prompt = LongTextField(
        label="Instructions",
        required=False,
        max_length=PROMPT_MAX_LENGTH,
        rows=7,
        help_text="How to answer: tone, length, what to stress. Built-in does not read them.",
    )
    fallback_message = LongTextField(
        label="When it finds no answer",
        max_length=FALLBACK_MAX_LENGTH,
        rows=3,
        help_text="What visitors are told then. A way to reach you is a good idea.",
    )

    def changed_settings(self) -> dict[str, str]:
        changed = set(self.changed_data) - {"template"}
        return {name: self.cleaned_data[name] for name in changed}

    @classmethod
    def filled(cls, data: dict[str, Any]) -> "SettingsForm":
        """Return the form as it was sent, unsaved, with the chosen template as instructions."""
        prompt = PROMPT_TEMPLATES.get(data.get("template", ""))
        return cls(initial=data | ({"system_prompt": prompt} if prompt else {}))


class TextSourceForm(FocusingForm):
    title = forms.CharField(
        max_length=TITLE_MAX_LENGTH,
        help_text="What the text is about, such as “Delivery and returns”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    text = LongTextField(
        max_length=MAX_TEXT_LENGTH,
        rows=16,
        help_text="Up to 500,000 characters. Headings help it to find the right place: "
        "begin their lines with #.",
    )


class PairSourceForm(FocusingForm):
    title = forms.CharField(
        label="Question",
        max_length=TITLE_MAX_LENGTH,
        help_text="As a visitor would ask it. Other words with the same meaning belong here too.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    text = LongTextField(
        label="Answer",
        max_length=MAX_ANSWER_LENGTH,
        rows=6,
        help_text=f"Up to {MAX_ANSWER_LENGTH:,} characters. Built-in gives it word for word.",
    )

    def clean_title(self) -> str:
        return " ".join(str(self.cleaned_data["title"]).split())


class PlaygroundForm(FocusingForm):
    message = LongTextField(
        label="Your question",
        max_length=MESSAGE_MAX_LENGTH,
        rows=3,
    )
