"""Forms of the chatbots' pages."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings

from chatbots.knowledge.teaching import MAX_ANSWER_LENGTH, MAX_TEXT_LENGTH
from chatbots.models import (
    MESSAGE_MAX_LENGTH,
    NAME_MAX_LENGTH,
    TITLE_MAX_LENGTH,
    URL_MAX_LENGTH,
    Chatbot,
    Message,
    Source,
)
from chatbots.near_threshold import percent_sure
from chatbots.providers import is_configured
from chatbots.retrieval.scoring import THRESHOLD
from core.forms import FocusedForm, LongTextField

# What browsers offer to choose; the content decides.
FILE_TYPES = ".pdf,.docx,.pptx,.txt,.md,.csv,.html"
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

# Added to the confidence that an answer takes, which is the logarithm of odds.
THRESHOLD_SHIFTS = {
    -1.0: "much less, so it answers more, and errs more",
    -0.5: "less",
    0.0: "as measured to be best",
    0.5: "surer",
    1.0: "much surer, so it gives the fallback message more often",
}


def threshold_field(label: str = "How sure it has to be", **options: Any) -> forms.TypedChoiceField:
    choices = [
        (str(shift), f"{percent_sure(THRESHOLD + shift)}: {words}")
        for shift, words in THRESHOLD_SHIFTS.items()
    ]
    return forms.TypedChoiceField(label=label, coerce=float, choices=choices, **options)


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
    """Return the providers' labels, with a remark where one is not set up on this server."""
    return [
        (value, label if is_configured(value) else f"{label} (not set up on this server)")
        for value, label in Chatbot.Provider.choices
    ]


class CreateChatbotForm(FocusedForm):
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


class SettingsForm(FocusedForm):
    takes_focus = False

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

    threshold_shift = threshold_field(
        help_text="Below it, visitors are told what stands above, and no provider is asked.",
    )

    def changed_settings(self) -> dict[str, Any]:
        changed = set(self.changed_data) - {"template"}
        return {name: self.cleaned_data[name] for name in changed}

    @classmethod
    def filled(cls, data: dict[str, Any]) -> "SettingsForm":
        """Return the unsaved form as it was sent, with the chosen template as its instructions."""
        prompt = PROMPT_TEMPLATES.get(data.get("template", ""))
        return cls(initial=data | ({"system_prompt": prompt} if prompt else {}))


class NearThresholdForm(forms.Form):
    """Which threshold to show the questions near to."""

    threshold_shift = threshold_field("If it had to be this sure")

    @classmethod
    def of(cls, chatbot: Chatbot, query: Mapping[str, Any]) -> "NearThresholdForm":
        """Return the form as the query fills it; if it does not, with the chatbot's threshold."""
        data = query if query.get("threshold_shift") else None
        shift = chatbot.threshold_shift
        return cls(data, initial={"threshold_shift": shift}, auto_id="near_%s")

    @property
    def shift(self) -> float:
        """Return the shift that was chosen, or the chatbot's."""
        chosen = self.cleaned_data if self.is_valid() else self.initial
        return float(chosen["threshold_shift"])


class TextSourceForm(FocusedForm):
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


class PairSourceForm(FocusedForm):
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


class UrlSourceForm(FocusedForm):
    url = forms.CharField(
        label="Address",
        max_length=URL_MAX_LENGTH,
        help_text="Such as shop.example, or https://shop.example/help.",
        widget=forms.TextInput(
            attrs={"inputmode": "url", "autocomplete": "url", "autocapitalize": "none"}
        ),
    )

    def clean_url(self) -> str:
        """Return the canonical address, if it is one that a worker may read."""
        # An HTTP client, which other pages do not need.
        from chatbots.knowledge.crawling.addresses import canonical, typed
        from chatbots.knowledge.fetching import AllowedHosts, FetchRefused
        from chatbots.knowledge.fetching.addresses import checked_url

        url = typed(self.cleaned_data["url"])
        try:
            checked_url(url, AllowedHosts(settings.CRAWL_ALLOWED_HOSTS))
            return canonical(url)
        except FetchRefused as error:
            raise forms.ValidationError(str(error)) from error
        except ValueError as error:
            raise forms.ValidationError("This is no address of a page.") from error


class FileSourceForm(FocusedForm):
    file = forms.FileField(widget=forms.FileInput(attrs={"accept": FILE_TYPES}), max_length=200)

    def __init__(self, *args: Any, max_megabytes: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self.max_megabytes = max_megabytes
        self.fields["file"].help_text = (
            f"PDF, Word (DOCX), PowerPoint (PPTX), text, Markdown, CSV or HTML; up to"
            f" {max_megabytes} MB."
        )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > self.max_megabytes * 1024 * 1024:
            raise forms.ValidationError(f"The file is larger than {self.max_megabytes} MB.")
        return file


class ResyncForm(FocusedForm):
    takes_focus = False

    resync = forms.ChoiceField(label="Read it again by itself", choices=Source.Resync.choices)


class PlaygroundForm(FocusedForm):
    takes_focus = False

    message = LongTextField(
        label="Your question",
        max_length=MESSAGE_MAX_LENGTH,
        rows=3,
    )


class TrialForm(FocusedForm):
    """A question, and settings to try it with."""

    takes_focus = False
    SETTINGS = ("provider", "system_prompt", "threshold_shift")

    message = LongTextField(label="Question", max_length=MESSAGE_MAX_LENGTH, rows=2)
    provider = provider_field()
    system_prompt = LongTextField(
        label="Instructions", required=False, max_length=PROMPT_MAX_LENGTH, rows=5
    )
    threshold_shift = threshold_field()

    @classmethod
    def of(cls, chatbot: Chatbot, data: Any = None, message: str = "") -> "TrialForm":
        """Return the form, which begins with the chatbot's settings."""
        settings = {name: getattr(chatbot, name) for name in cls.SETTINGS}
        return cls(data, initial=settings | {"message": message}, auto_id="trial_%s")


class RatingForm(forms.Form):
    """What an owner thinks of an answer; `none` takes the rating back."""

    NONE = "none"

    rating = forms.TypedChoiceField(
        choices=[(NONE, "Not rated"), *Message.Rating.choices],
        coerce=lambda value: None if value == RatingForm.NONE else int(value),
        empty_value=None,
    )


class FindForm(forms.Form):
    """Which conversations to list; everything is optional."""

    UNREAD, ANSWERED, FALLBACK, RATED_DOWN = "unread", "answered", "fallback", "rated-down"

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=200,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": "Words, or a session", "autocomplete": "off"}
        ),
    )
    show = forms.ChoiceField(
        required=False,
        choices=[
            ("", "All"),
            (UNREAD, "Unread"),
            (ANSWERED, "All answered"),
            (FALLBACK, "With the fallback message"),
            (RATED_DOWN, "Rated down"),
        ],
    )
    day = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
