"""Settings, as the environment has them; what is not set there is the safe choice.

insitechat/environment/variables.py declares every variable, with its default.
"""

import os
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from core import db
from insitechat import capacity
from insitechat.environment import addresses
from insitechat.environment.reading import read
from insitechat.logs import FORMATS, Rarely, is_news, name_request
from insitechat.operations.paths import DATA, PROJECT

django_stubs_ext.monkeypatch()

env = read()

BASE_DIR = PROJECT
SECRET_KEY = env.SECRET_KEY
# Former keys: what they signed and encrypted is still read.
SECRET_KEY_FALLBACKS = env.SECRET_KEY_FALLBACKS
DEBUG = env.DEBUG

# Where people reach the service. https turns on everything that only makes sense with it.
PUBLIC_URL = env.PUBLIC_URL or env.LOCAL_URL
_public = urlsplit(PUBLIC_URL)
_https = _public.scheme == "https"
ALLOWED_HOSTS = [
    *filter(None, [_public.hostname]),
    "localhost",
    "127.0.0.1",
    "[::1]",
    *env.ALLOWED_HOSTS,
]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]

INSTALLED_APPS = [
    # From the top layer down: a template of a higher one takes the place of its namesake below.
    "insitechat.operations",
    "chatbots",
    "apikeys",
    "securitylog",
    "accounts",
    "core",
    "ratelimit",
    "procrastinate.contrib.django",
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
    "insitechat.logs.identify_requests",
    "core.db.unit_of_work_per_request",
    "django.middleware.security.SecurityMiddleware",
    "insitechat.operations.health.health_checks",
    "insitechat.gate.gate",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "core.zones.readers_zone",
    "accounts.middleware.private_pages",
    "core.known_sessions.share_process",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "securitylog.middleware.SecurityLogMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
if DEBUG:
    MIDDLEWARE.insert(0, "core.error_reports.redact_error_pages")
ROOT_URLCONF = "insitechat.urls"
WSGI_APPLICATION = "insitechat.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT / "insitechat" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "insitechat.frame.frame",
            ],
        },
    },
]

# --- engines

# How long a request may wait for PostgreSQL in all; it is answered 503 then. Commands, migrations
# and jobs are no requests: there each statement may take long.
DATABASE_REQUEST_SECONDS = env.DATABASE_REQUEST_SECONDS
DATABASE_STATEMENT_SECONDS = env.DATABASE_STATEMENT_SECONDS
IS_WEB_PROCESS = "IS_WEB_PROCESS" in os.environ  # set by wsgi.py
_pool: dict[str, Any] = {}
if IS_WEB_PROCESS:
    _deadlines = db.Deadlines.of_requests(DATABASE_REQUEST_SECONDS)
    _pool["pool"] = db.pool_options(
        capacity.CONNECTIONS, capacity.CONNECTION_WAITS_MAX, DATABASE_REQUEST_SECONDS
    )
else:
    _deadlines = db.Deadlines.of_statements(DATABASE_STATEMENT_SECONDS)
_database = addresses.database(env.DATABASE_URL)
_options = _database["OPTIONS"]
DATABASES = {
    "default": {
        **_database,
        "ENGINE": "core.postgresql",
        # A pool has connections of an age of its own, and core.postgresql checks them.
        "CONN_MAX_AGE": 0 if IS_WEB_PROCESS else None,
        "CONN_HEALTH_CHECKS": not IS_WEB_PROCESS,
        "OPTIONS": {
            "connect_timeout": 3,
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 30,
            "application_name": "insitechat",
            # Each connection plans a statement that it meets again only once.
            "server_side_binding": True,
            "prepare_threshold": 2 if env.DATABASE_PREPARED_STATEMENTS else None,
            **_pool,
            **_options,
            # libpq would ignore PGOPTIONS beside this. The last of two settings wins.
            "options": f"{_deadlines} {env.PGOPTIONS} {_options.get('options', '')}".strip(),
        },
    }
}
if env.DATABASE_PASSWORD:
    DATABASES["default"]["PASSWORD"] = env.DATABASE_PASSWORD
CHATS_WAITING_MAX = capacity.CHATS_WAITING_MAX
ACCOUNT_REQUESTS_MAX = capacity.ACCOUNT_REQUESTS_MAX
ACCOUNT_WORK_MAX = capacity.ACCOUNT_WORK_MAX
WORK_MAX = capacity.WORK_MAX
LOOK_UPS_MAX = capacity.LOOK_UPS_MAX
TURNS_WAITING_MAX = capacity.TURNS_WAITING_MAX
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.REDIS_URL
RATE_LIMIT_IDENTIFY = "apikeys.lookup.identify"
RATE_LIMIT_WAIT_SECONDS = env.RATE_LIMIT_WAIT_SECONDS
# What sign-in remembers between requests: who tried how often, and which codes were used.
CACHES = {
    "default": {
        "BACKEND": "core.cache.SharedCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "insitechat",
    }
}

# --- people

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.ConfirmedAddressBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
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
# Without EMAIL_URL mails are printed by the worker, so nobody is made to wait for one.
_sends_mail = bool(env.EMAIL_URL)
_mail = addresses.mail(env.EMAIL_URL)
globals().update(_mail)
MAIL_TRANSPORT = _mail["EMAIL_BACKEND"]  # the worker's
EMAIL_BACKEND = "core.mail.QueuedBackend"  # everybody else's
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.DEFAULT_FROM_EMAIL or f"InsiteChat <no-reply@{_public.hostname}>"
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
    "user_token": "accounts.forms.ResetTokenForm",
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
# Proxies in front that add to X-Forwarded-For (core.http.client_address).
TRUSTED_PROXY_COUNT = env.TRUSTED_PROXY_COUNT
SIGN_UP_IS_OPEN = env.SIGN_UP == "open"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

# --- pages

STATIC_URL = "static/"
STATIC_ROOT = env.STATIC_ROOT or None
# A built image has its files collected, hashed and compressed, and those alone; a checkout serves
# them in place.
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
STORAGES: dict[str, Any] = {
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
SESSION_ENGINE = "accounts.sessions"
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
DEFAULT_EXCEPTION_REPORTER = "core.error_reports.RedactingReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "core.error_reports.SecretsFilter"

# --- files that chatbots learn from, and sites that they read

if env.S3_BUCKET and find_spec("storages") is None:
    raise ImproperlyConfigured("S3_BUCKET is set; install the extra `s3` (django-storages[s3]).")
# Files are read by the worker and served to nobody.
STORAGES["default"] = (
    {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": env.S3_BUCKET,
            "endpoint_url": env.S3_ENDPOINT_URL or None,
            "region_name": env.S3_REGION or None,
            "access_key": env.S3_ACCESS_KEY_ID or None,
            "secret_key": env.S3_SECRET_ACCESS_KEY or None,
            "default_acl": "private",
        },
    }
    if env.S3_BUCKET
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"}
)
MEDIA_ROOT = env.MEDIA_ROOT or DATA / "media"
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
CRAWL_ALLOWED_HOSTS = env.CRAWL_ALLOWED_HOSTS
CRAWL_DELAY_SECONDS = env.CRAWL_DELAY_SECONDS

# --- chatbots' providers; one without its key or address does not answer (502)

PROVIDER_TIMEOUT_SECONDS = env.PROVIDER_TIMEOUT_SECONDS
OPENAI_API_KEY = env.OPENAI_API_KEY
OPENAI_BASE_URL = env.OPENAI_BASE_URL
OPENAI_MODEL = env.OPENAI_MODEL
GEMINI_API_KEY = env.GEMINI_API_KEY
GEMINI_BASE_URL = env.GEMINI_BASE_URL
GEMINI_MODEL = env.GEMINI_MODEL
OLLAMA_BASE_URL = env.OLLAMA_BASE_URL
OLLAMA_MODEL = env.OLLAMA_MODEL
OLLAMA_CONTEXT_TOKENS = env.OLLAMA_CONTEXT_TOKENS
# What finds passages by their meaning: offline in each process, or by one of the services above.
EMBEDDER = env.EMBEDDER
EMBEDDING_MODEL = env.EMBEDDING_MODEL

# --- jobs

WORKER_CONCURRENCY = env.WORKER_CONCURRENCY
# If set, the worker touches this file every few seconds, for a health check of its container.
WORKER_HEARTBEAT_FILE = env.WORKER_HEARTBEAT_FILE
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"
PROCRASTINATE_IMPORT_PATHS = ["core.mail", "core.retention", "chatbots.insights"]

# --- metrics and traces

# Where Prometheus reads metrics; nowhere without a port.
METRICS_PORT = env.METRICS_PORT
METRICS_BIND = env.METRICS_BIND
# The rest of OpenTelemetry's variables is read by its own library.
IS_TRACED = bool(env.OTEL_EXPORTER_OTLP_ENDPOINT or env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
if IS_TRACED:
    MIDDLEWARE.insert(1, "insitechat.tracing.trace_requests")

# --- logs

ACCESS_LOG = env.ACCESS_LOG

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": FORMATS[env.LOG_FORMAT]}},
    "filters": {
        "request": {"()": lambda: name_request},
        "news": {"()": lambda: is_news},
        "rarely": {"()": Rarely, "seconds": 600},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request"],
        },
    },
    "root": {"handlers": ["console"], "level": env.LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # Refused requests are everyday and could be sent by the million; failures are logged.
        "django.request": {"level": "ERROR", "filters": ["news"]},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.security.csrf": {"level": "ERROR"},
        # The client library logs each request it makes, addresses and all.
        "httpx2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
        # The pool logs each checkout, and in an outage each attempt to connect.
        "psycopg.pool": {"level": "CRITICAL"},
        # It tells of every attempt to reach a collector that is away.
        "opentelemetry": {"level": "ERROR"},
        "opentelemetry.exporter.otlp.proto.http.trace_exporter": {"filters": ["rarely"]},
        # At INFO it logs every step of every job.
        "procrastinate": {"level": "WARNING"},
        "procrastinate.utils": {"level": "CRITICAL"},  # it repeats other errors
    },
}
