"""Signing up, in and out, and the account pages."""

from allauth.account import views as allauth
from django.db import transaction
from django.urls import include, path, re_path

from accounts import views
from accounts.serialized import by_account, by_confirmed_address, by_typed_address

RESET = "forgotten-password/"

urlpatterns = [
    path("sign-in/", allauth.login, name="account_login"),
    path("sign-out/", allauth.logout, name="account_logout"),
    path("sign-up/", by_typed_address(allauth.signup), name="account_signup"),
    path(
        "sign-up/confirm/", allauth.email_verification_sent, name="account_email_verification_sent"
    ),
    path(
        "confirm-email/<str:key>/",
        by_confirmed_address(allauth.confirm_email),
        name="account_confirm_email",
    ),
    path("disabled/", allauth.account_inactive, name="account_inactive"),
    path(RESET, allauth.password_reset, name="account_reset_password"),
    path(f"{RESET}sent/", allauth.password_reset_done, name="account_reset_password_done"),
    re_path(
        rf"^{RESET}(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        transaction.atomic(allauth.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        f"{RESET}done/",
        allauth.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("account/", views.show_account, name="account"),
    path("account/confirm/", allauth.reauthenticate, name="account_reauthenticate"),
    path("account/email/", by_account(allauth.email), name="account_email"),
    path("account/password/", allauth.password_change, name="account_change_password"),
    path("account/password/set/", allauth.password_set, name="account_set_password"),
    path("account/two-factor/", include("allauth.mfa.urls")),
    path("account/sessions/", include("allauth.usersessions.urls")),
]
