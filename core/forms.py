"""What the forms of all pages have in common."""

from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator


class FocusMixin:
    """Gives the focus to the first visible field that is wrong.

    Where none is wrong the first visible field has it, unless `takes_focus` is off: then the page
    begins at its top.
    """

    takes_focus = True
    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.takes_focus:
            self.focus(list(self.fields))

    def full_clean(self) -> None:
        super().full_clean()  # type: ignore[misc]
        self.focus_on_error()

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)  # type: ignore[misc]
        self.focus_on_error()

    def focus_on_error(self) -> None:
        errors = getattr(self, "_errors", None)
        if errors:
            self.focus([name for name in self.fields if name in errors] or list(self.fields))

    def focus(self, names: list[str]) -> None:
        visible = [name for name in names if not self.fields[name].widget.is_hidden]
        for field in self.fields.values():
            field.widget.attrs.pop("autofocus", None)
        if visible:
            self.fields[visible[0]].widget.attrs["autofocus"] = True


class FocusedForm(FocusMixin, forms.Form):
    """A form whose first wrong field has the focus."""


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
