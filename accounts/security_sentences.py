"""What the security log says of each kind of event. Knows no database."""

from collections.abc import Mapping

SENTENCES = {
    "email_confirmed": "E-mail address {email} confirmed",
    "email_changed": "E-mail address changed from {before} to {after}",
    "email_added": "E-mail address {email} added",
    "email_removed": "E-mail address {email} removed",
    "two_factor_added": "Two-factor sign-in added: {method}",
    "two_factor_removed": "Two-factor sign-in removed: {method}",
    "two_factor_renewed": "Two-factor sign-in renewed: {method}",
    "api_key_created": "API key “{name}” ({prefix}…) was created",
    "api_key_renamed": "API key “{name}” ({prefix}…) was renamed; it was “{before}”",
    "api_key_rotated": "API key “{name}” ({prefix}…) was rotated; its successor is {successor}…",
    "api_key_revoked": "API key “{name}” ({prefix}…) was revoked",
    "api_key_expired": "API key “{name}” ({prefix}…) has expired",
    "plan_changed": "Plan changed from {before} to {after}",
    "limits_changed": "Limits of the plan {plan} changed: {changes}",
}


def sentence(kind: str, label: str, details: Mapping[str, str]) -> str:
    """Return the kind's sentence with the details in it; the label where it has none to name."""
    try:
        return SENTENCES[kind].format_map(details)
    except KeyError:
        return label
