"""The kinds of event that concern API keys."""

from securitylog.kinds import API_KEYS, register

API_KEY_CREATED = register(
    "api_key_created",
    "API key created",
    "API key “{name}” ({prefix}…) was created",
    topic=API_KEYS,
)
API_KEY_RENAMED = register(
    "api_key_renamed",
    "API key renamed",
    "API key “{name}” ({prefix}…) was renamed; it was “{before}”",
    topic=API_KEYS,
)
API_KEY_EXPIRY_CHANGED = register(
    "api_key_expiry_changed",
    "API key's expiry changed",
    "The expiry of API key “{name}” ({prefix}…) was changed from {before} to {after}",
    topic=API_KEYS,
)
API_KEY_ROTATED = register(
    "api_key_rotated",
    "API key rotated",
    "API key “{name}” ({prefix}…) was rotated; its successor is {successor}…",
    topic=API_KEYS,
)
API_KEY_REVOKED = register(
    "api_key_revoked",
    "API key revoked",
    "API key “{name}” ({prefix}…) was revoked",
    topic=API_KEYS,
)
API_KEY_FOUND = register(
    "api_key_found",
    "API key found and revoked",
    "API key “{name}” ({prefix}…) was reported as found, and revoked",
    topic=API_KEYS,
)
API_KEY_EXPIRED = register(
    "api_key_expired",
    "API key expired",
    "API key “{name}” ({prefix}…) has expired",
    topic=API_KEYS,
)
