"""django-allauth's forms with this product's labels, and the focus on the first error."""

import struct
from collections.abc import Mapping
from typing import Any, ClassVar

from allauth.account import forms as account
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from allauth.mfa.webauthn import forms as webauthn
from cryptography.exceptions import InvalidSignature
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpRequest

from accounts.models import User
from accounts.one_time_codes import spend
from core.forms import FocusMixin


class PlainForm(FocusMixin):
    """Mix-in that sets our own labels and removes placeholders."""

    labels: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)
            if name == "password1":
                field.help_text = (
                    "At least 8 characters; neither a common password nor your e-mail address."
                )


EMAIL = "E-mail address"
# What the underlying libraries raise on a malformed credential, beyond what allauth catches.
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, struct.error, InvalidSignature)


class SignInForm(PlainForm, account.LoginForm):
    labels: ClassVar = {"login": EMAIL}

    @property
    def sign_up_is_open(self) -> bool:
        return bool(settings.SIGN_UP_IS_OPEN)


class SignUpForm(PlainForm, account.SignupForm):
    labels: ClassVar = {"email": EMAIL}

    def try_save(self, request: HttpRequest) -> Any:
        """Create the account. For an address that has one, take as long as it takes to hash."""
        if self.account_already_exists:
            User().set_password(self.cleaned_data["password1"])
        return super().try_save(request)


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

    def save(self, request: HttpRequest, **options: Any) -> Any:
        """Send a mail to the address; an unknown one takes as long as one that has an account.

        Making a link asks for the account's addresses, and makes a digest.
        """
        if not self.users:
            nobody = User(email=self.cleaned_data["email"])
            list(EmailAddress.objects.filter(user_id=nobody.pk))
            default_token_generator.make_token(nobody)
        return super().save(request, **options)


class ResetTokenForm(account.UserTokenForm):
    """Checks a reset link. Inside a transaction, a link sets only one password."""

    def clean(self) -> Any:
        """Lock the account's row, so that a concurrent request finds the password changed."""
        user = self._get_user(self.cleaned_data.get("uidb36"))
        if user is not None:
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
        return super().clean()


class NewPasswordForm(PlainForm, account.ResetPasswordKeyForm):
    labels: ClassVar = {"password1": "New password", "password2": "New password, again"}


class ConfirmPasswordForm(PlainForm, account.ReauthenticateForm):
    pass


class OnceForm(PlainForm):
    """Mix-in that accepts each code only once."""

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        if not spend(self.user.pk, code):  # type: ignore[attr-defined]
            raise get_adapter().validation_error("incorrect_code")
        return code


class CodeForm(OnceForm, mfa.AuthenticateForm):
    labels: ClassVar = {"code": "Code from your app, or a recovery code"}


class ConfirmCodeForm(OnceForm, mfa.ReauthenticateForm):
    labels: ClassVar = {"code": "Code from your app, or a recovery code"}


class ActivateAppForm(OnceForm, totp.ActivateTOTPForm):
    labels: ClassVar = {"code": "Code that the app shows"}


class PasskeyForm(PlainForm):
    """Mix-in that answers a malformed credential with a form error instead of a server error."""

    def full_clean(self) -> None:
        try:
            super().full_clean()
        except MALFORMED:
            message = get_adapter().error_messages["no_passkey"]
            self.add_error("credential", message)


class AddPasskeyForm(PasskeyForm, webauthn.AddWebAuthnForm):
    labels: ClassVar = {"passwordless": "Sign me in with this passkey alone, without my password"}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["name"].help_text = "For example “My phone” or “Blue security key”."
        self.fields["passwordless"].initial = True
        self.fields["passwordless"].help_text = (
            "The device checks that it is you, by fingerprint, face or PIN. Otherwise the passkey "
            "is asked for after the password."
        )


class PasskeySignInForm(PasskeyForm, webauthn.LoginWebAuthnForm):
    pass


class PasskeyStepForm(PasskeyForm, webauthn.AuthenticateWebAuthnForm):
    pass


class ConfirmPasskeyForm(PasskeyForm, webauthn.ReauthenticateWebAuthnForm):
    pass


class RenamePasskeyForm(PlainForm, webauthn.EditWebAuthnForm):
    pass
