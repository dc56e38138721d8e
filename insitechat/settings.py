"""Settings, all read from the environment; what is not set is the safe choice.

README.md lists every variable. While `make run` serves, `.data/local.env` holds its values, so that
manage.py works beside it; variables that are really set always win.
"""

from urllib.parse import urlsplit

import django_stubs_ext
import environ
from django.core.exceptions import ImproperlyConfigured

from insitechat import capacity
from insitechat.paths import LOCAL_ENVIRONMENT, PROJECT, is_served_here

django_stubs_ext.monkeypatch()

env = environ.FileAwareEnv()
if is_served_here():
    env.read_env(str(LOCAL_ENVIRONMENT))


def required(name: str, purpose: str) -> str:
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set ({purpose}). Set it, or start everything with `make run`."
        )
    return value


BASE_DIR = PROJECT
SECRET_KEY = required("SECRET_KEY", "signs sessions and tokens; at least 50 random characters")
DEBUG = env.bool("DEBUG", default=False)

# Where people reach the service. https turns on everything that only makes sense with it.
PUBLIC_URL = env.str("PUBLIC_URL", default="https://localhost")
_public = urlsplit(PUBLIC_URL)
_https = _public.scheme == "https"
ALLOWED_HOSTS = [
    *filter(None, [_public.hostname]),
    "localhost",
    "127.0.0.1",
    "[::1]",
    *env.list("ALLOWED_HOSTS", default=[]),
]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]

INSTALLED_APPS = [
    "insitechat",
    "accounts",
    "apikeys",
    "chatbots",
    "ratelimit",
    "ninja",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "insitechat.health.health_checks",
    "insitechat.gate.gate",
    "insitechat.lending.lend_connection",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "insitechat.zones.readers_zone",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SecurityLogMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "insitechat.urls"
WSGI_APPLICATION = "insitechat.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- engines

required("DATABASE_URL", "PostgreSQL, as postgresql://user:password@host:5432/name")
_database = env.db_url("DATABASE_URL")
DATABASES = {
    "default": {
        **_database,
        # Connections stay open. Before use each is asked whether it still works; requests with a
        # key do without asking (apikeys.models).
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 3,
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 30,
            "application_name": "insitechat",
            # Each connection plans a statement that it meets again only once.
            "server_side_binding": True,
            "prepare_threshold": 2,
            **_database.get("OPTIONS", {}),
        },
    }
}
if "DATABASE_PASSWORD" in env or "DATABASE_PASSWORD_FILE" in env:
    DATABASES["default"]["PASSWORD"] = env.str("DATABASE_PASSWORD")
# Of each process: what its threads are lent, and how many of them may wait for a provider.
DATABASE_CONNECTIONS = capacity.CONNECTIONS
CHATS_WAITING_MAX = capacity.CHATS_WAITING_MAX
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = required("REDIS_URL", "Redis or Valkey, as redis://host:6379/0")
# What sign-in remembers between requests: who tried how often, and which codes were used.
CACHES = {
    "default": {
        "BACKEND": "insitechat.cache.SharedCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "insitechat",
        "OPTIONS": {"socket_timeout": 1.0, "socket_connect_timeout": 1.0},
    }
}

# --- people

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "api-keys"
LOGOUT_REDIRECT_URL = "account_login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# Without EMAIL_URL mails are printed, so nobody is made to wait for one.
_sends_mail = bool(env.str("EMAIL_URL", default=""))
globals().update(env.email("EMAIL_URL") if _sends_mail else env.email(default="consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str(
    "DEFAULT_FROM_EMAIL", default=f"InsiteChat <no-reply@{_public.hostname}>"
)
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if _sends_mail else "optional"
ACCOUNT_CHANGE_EMAIL = True  # one address; a new one replaces it once it is confirmed
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "signup": "accounts.forms.SignUpForm",
    "add_email": "accounts.forms.ChangeEmailForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "set_password": "accounts.forms.SetPasswordForm",
    "reset_password": "accounts.forms.ForgottenPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "reauthenticate": "accounts.forms.ConfirmPasswordForm",
}
MFA_ADAPTER = "accounts.adapters.TwoFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "InsiteChat"
MFA_TOTP_TOLERANCE = 1  # clocks of phones are not exact
MFA_FORMS = {
    "authenticate": "accounts.forms.CodeForm",
    "reauthenticate": "accounts.forms.ConfirmCodeForm",
    "activate_totp": "accounts.forms.ActivateAppForm",
    "add_webauthn": "accounts.forms.AddPasskeyForm",
    "login_webauthn": "accounts.forms.PasskeySignInForm",
    "authenticate_webauthn": "accounts.forms.PasskeyStepForm",
    "reauthenticate_webauthn": "accounts.forms.ConfirmPasskeyForm",
    "edit_webauthn": "accounts.forms.RenamePasskeyForm",
}
USERSESSIONS_ADAPTER = "accounts.adapters.SessionsAdapter"
# Sign-ins are throttled by address; behind so many proxies it stands in X-Forwarded-For.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

# --- pages

STATIC_URL = "static/"
STATIC_ROOT = env.str("STATIC_ROOT", default="") or None
# A built image has its files collected, hashed and compressed, and those alone; a checkout serves
# them in place.
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
STORAGES = {
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if STATIC_ROOT is None
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    }
}

# --- security

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
# Probes come from inside. The API refuses plain HTTP itself: a redirect would make clients send
# their key in the clear once per request without ever noticing.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$", r"^api/"]
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
# Larger bodies answer 413. 1 MiB holds the longest message many times over.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DEFAULT_EXCEPTION_REPORTER = "insitechat.error_reports.RedactingReporter"

# --- chatbots' providers; one without its key or address does not answer (502)

PROVIDER_TIMEOUT_SECONDS = env.float("PROVIDER_TIMEOUT_SECONDS", default=30.0)
OPENAI_API_KEY = env.str("OPENAI_API_KEY", default="")
OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", default="https://api.openai.com/v1")
OPENAI_MODEL = env.str("OPENAI_MODEL", default="gpt-4o-mini")
GEMINI_API_KEY = env.str("GEMINI_API_KEY", default="")
GEMINI_BASE_URL = env.str(
    "GEMINI_BASE_URL", default="https://generativelanguage.googleapis.com/v1beta/openai/"
)
GEMINI_MODEL = env.str("GEMINI_MODEL", default="gemini-2.5-flash")
OLLAMA_BASE_URL = env.str("OLLAMA_BASE_URL", default="http://127.0.0.1:11434")
OLLAMA_MODEL = env.str("OLLAMA_MODEL", default="llama3.2")
OLLAMA_CONTEXT_TOKENS = env.int("OLLAMA_CONTEXT_TOKENS", default=8192)

# --- logs

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "insitechat.redaction.RedactingFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # Refused requests are everyday and could be sent by the million; failures are logged.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # The client library logs each request it makes, addresses and all.
        "httpx2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
    },
}
