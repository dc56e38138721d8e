"""django-allauth's forms in this product's words, with the focus on what does not fit."""

import struct
from collections.abc import Mapping
from typing import Any, ClassVar

from allauth.account import forms as account
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from allauth.mfa.webauthn import forms as webauthn
from cryptography.exceptions import InvalidSignature

CHOOSE_WELL = "At least 8 characters; neither a common password nor your e-mail address."


class PlainForm:
    """Mix-in: own labels, no placeholders, and the focus on the first field that is wrong."""

    labels: ClassVar[Mapping[str, str]] = {}
    fields: dict[str, Any]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)
            if name == "password1":
                field.help_text = CHOOSE_WELL
        self._focus(list(self.fields))

    def full_clean(self) -> None:
        super().full_clean()  # type: ignore[misc]
        errors = self._errors  # type: ignore[attr-defined]
        if errors:
            self._focus([name for name in self.fields if name in errors] or list(self.fields))

    def _focus(self, names: list[str]) -> None:
        for name, field in self.fields.items():
            field.widget.attrs.pop("autofocus", None)
            if name == names[0] and not field.widget.is_hidden:
                field.widget.attrs["autofocus"] = True


EMAIL = "E-mail address"
# What the libraries beneath raise of answers that are malformed, besides what allauth expects.
NO_ANSWER = (LookupError, TypeError, ValueError, AttributeError, struct.error, InvalidSignature)


class SignInForm(PlainForm, account.LoginForm):
    labels: ClassVar = {"login": EMAIL}


class SignUpForm(PlainForm, account.SignupForm):
    labels: ClassVar = {"email": EMAIL}


class ChangeEmailForm(PlainForm, account.AddEmailForm):
    labels: ClassVar = {"email": "New e-mail address"}


class ChangePasswordForm(PlainForm, account.ChangePasswordForm):
    labels: ClassVar = {
        "oldpassword": "Current password",
        "password1": "New password",
        "password2": "New password, again",
    }


class SetPasswordForm(PlainForm, account.SetPasswordForm):
    labels: ClassVar = {"password2": "Password, again"}


class ForgottenPasswordForm(PlainForm, account.ResetPasswordForm):
    labels: ClassVar = {"email": EMAIL}


class NewPasswordForm(PlainForm, account.ResetPasswordKeyForm):
    labels: ClassVar = {"password1": "New password", "password2": "New password, again"}


class ConfirmPasswordForm(PlainForm, account.ReauthenticateForm):
    pass


class CodeForm(PlainForm, mfa.AuthenticateForm):
    labels: ClassVar = {"code": "Code from your app, or a recovery code"}


class ConfirmCodeForm(PlainForm, mfa.ReauthenticateForm):
    labels: ClassVar = {"code": "Code from your app, or a recovery code"}


class ActivateAppForm(PlainForm, totp.ActivateTOTPForm):
    labels: ClassVar = {"code": "Code that the app shows"}


class PasskeyForm(PlainForm):
    """Mix-in: what a browser sends that is no passkey's answer is refused, not a broken page."""

    def full_clean(self) -> None:
        try:
            super().full_clean()
        except NO_ANSWER:
            message = get_adapter().error_messages["no_passkey"]
            self.add_error("credential", message)  # type: ignore[attr-defined]


class AddPasskeyForm(PasskeyForm, webauthn.AddWebAuthnForm):
    labels: ClassVar = {"passwordless": "Sign me in with it alone, without my password"}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["name"].help_text = "Such as “My phone” or “Blue security key”."
        self.fields["passwordless"].initial = True
        self.fields["passwordless"].help_text = (
            "The device makes sure that it is you, by fingerprint, face or PIN. Without this, the "
            "passkey is asked for after the password."
        )


class PasskeySignInForm(PasskeyForm, webauthn.LoginWebAuthnForm):
    pass


class PasskeyStepForm(PasskeyForm, webauthn.AuthenticateWebAuthnForm):
    pass


class ConfirmPasskeyForm(PasskeyForm, webauthn.ReauthenticateWebAuthnForm):
    pass


class RenamePasskeyForm(PlainForm, webauthn.EditWebAuthnForm):
    pass
