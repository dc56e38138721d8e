"""The kinds of event about accounts, registered here as accounts does not know the log."""

from securitylog.kinds import LIMITS, SIGN_INS, register

SIGNED_IN = register("signed_in", "Signed in", topic=SIGN_INS)
SIGN_IN_FAILED = register("sign_in_failed", "Sign-in failed", topic=SIGN_INS)
TWO_FACTOR_FAILED = register("two_factor_failed", "Second step of a sign-in failed", topic=SIGN_INS)
SIGNED_OUT = register("signed_out", "Signed out", topic=SIGN_INS)
SIGNED_OUT_ELSEWHERE = register(
    "signed_out_elsewhere", "Signed out everywhere else", topic=SIGN_INS
)
PASSWORD_CHANGED = register("password_changed", "Password changed")
PASSWORD_REMOVED = register("password_removed", "Password removed")
EMAIL_CONFIRMED = register(
    "email_confirmed", "E-mail address confirmed", "E-mail address {email} confirmed"
)
EMAIL_CHANGED = register(
    "email_changed", "E-mail address changed", "E-mail address changed from {before} to {after}"
)
EMAIL_ADDED = register("email_added", "E-mail address added", "E-mail address {email} added")
EMAIL_REMOVED = register(
    "email_removed", "E-mail address removed", "E-mail address {email} removed"
)
TWO_FACTOR_ADDED = register(
    "two_factor_added", "Two-factor sign-in added", "Two-factor sign-in added: {method}"
)
TWO_FACTOR_REMOVED = register(
    "two_factor_removed", "Two-factor sign-in removed", "Two-factor sign-in removed: {method}"
)
TWO_FACTOR_RENEWED = register(
    "two_factor_renewed", "Two-factor sign-in renewed", "Two-factor sign-in renewed: {method}"
)
PLAN_CHANGED = register(
    "plan_changed", "Plan changed", "Plan changed from {before} to {after}", topic=LIMITS
)
LIMITS_CHANGED = register(
    "limits_changed",
    "Limits changed",
    "Limits of the plan {plan} changed: {changes}",
    topic=LIMITS,
)
ACCOUNT_DISABLED = register("account_disabled", "Account disabled")
ACCOUNT_ENABLED = register("account_enabled", "Account enabled")
STAFF_ACCESS_CHANGED = register("staff_access_changed", "Staff access changed")
