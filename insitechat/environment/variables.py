"""Every environment variable that the project reads: its kind, default and purpose.

README.md shows them as a table; `python -m insitechat.environment.variables` prints its rows.
"""

import sys
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from insitechat.environment.kinds import (
    Count,
    CountOrNone,
    DatabaseUrl,
    EmbedderName,
    LogFormat,
    LogLevel,
    MailUrl,
    Port,
    PortOrNone,
    ProxyAddresses,
    PublicUrl,
    RedisUrl,
    Seconds,
    Secret,
    Secrets,
    SignUp,
    Switch,
    Text,
    WebUrl,
    WebUrlOrNone,
    Words,
)


class Environment(BaseModel):
    """What the environment says. A variable without a purpose shares that of the one above it."""

    model_config = ConfigDict(frozen=True)

    SECRET_KEY: Secret = Field(description="signs and encrypts sessions, encrypts second factors")
    SECRET_KEY_FALLBACKS: Secrets = Field(
        [],
        description="former keys, separated by commas: "
        "what they signed and encrypted is still read",
    )
    DATABASE_URL: DatabaseUrl = Field(description="`postgresql://user:password@host:5432/name`")
    DATABASE_PASSWORD: Secret = Field("", description="the password, where it is not in the URL")
    PGOPTIONS: Text = Field("", description="PostgreSQL's own settings of a session: `-c jit=off`")
    REDIS_URL: RedisUrl = Field(
        description="`redis://`, `rediss://`, `unix://`; `redis+cluster://` for a cluster, "
        "`redis+sentinel://host:26379,host:26379/master/0` for Sentinel"
    )
    PUBLIC_URL: PublicUrl = Field(
        "", description="where people reach the service; `http://…` turns TLS settings off"
    )
    LOCAL_URL: PublicUrl = Field(
        "https://localhost", description="what `PUBLIC_URL` is where that is not set"
    )
    ALLOWED_HOSTS: Words = Field([], description="more host names, separated by commas")
    FORWARDED_ALLOW_IPS: ProxyAddresses = Field(
        "127.0.0.1", description="proxies whose `X-Forwarded-Proto` is believed"
    )
    TRUSTED_PROXY_COUNT: CountOrNone = Field(
        0,
        description="proxies in front that add to `X-Forwarded-For`; "
        "throttles, sessions and the security log go by it",
    )
    SIGN_UP: SignUp = Field(
        "open", description="`closed`: only staff and `create_account` make accounts"
    )
    EMAIL_URL: MailUrl = Field(
        "",
        description="`smtp+tls://user:password@host:587`; with it, addresses have to be confirmed. "
        "Without it mails are printed",
    )
    DEFAULT_FROM_EMAIL: Text = Field(
        "", description="what mails come from; else `InsiteChat <no-reply@…>`"
    )
    WEB_CONCURRENCY: Count = Field(2, description="worker processes, threads in each")
    WEB_THREADS: Count = 768
    DATABASE_CONNECTIONS: Count = Field(
        16, description="the size of each web process's connection pool"
    )
    DATABASE_REQUEST_SECONDS: Seconds = Field(
        2.5,
        description="how long a request may wait for PostgreSQL in all, before it answers 503",
    )
    DATABASE_PREPARED_STATEMENTS: Switch = Field(
        default=True,
        description="`false` behind a PgBouncer in transaction mode that does not keep them",
    )
    RATE_LIMIT_WAIT_SECONDS: Seconds = Field(
        0.085,
        description="how long a request may wait for Redis, "
        "before its process holds the limit by itself",
    )
    DATABASE_STATEMENT_SECONDS: Seconds = Field(
        600, description="how long a statement of a command, a migration or a job may take"
    )
    PORT: Port = Field(
        8000, description="where gunicorn listens: on `127.0.0.1:$PORT`, unless `BIND` is set"
    )
    BIND: Text = ""
    STATIC_ROOT: Text = Field(
        "", description="collected static files; without it they are served in place"
    )
    LOG_LEVEL: LogLevel = Field(
        "INFO",
        description="`json` writes JSON lines; `ACCESS_LOG=true` one line for each request",
    )
    LOG_FORMAT: LogFormat = "text"
    ACCESS_LOG: Switch = False
    METRICS_PORT: PortOrNone = Field(
        0,
        description="where Prometheus reads metrics; 0: nowhere ([docs/alerts.md](docs/alerts.md))",
    )
    METRICS_BIND: Text = "127.0.0.1"
    OTEL_EXPORTER_OTLP_ENDPOINT: WebUrlOrNone = Field(
        "", description="where traces are sent by OTLP over HTTP"
    )
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: WebUrlOrNone = ""
    DEBUG: Switch = Field(
        default=False, description="error pages with tracebacks, for development only"
    )
    WORKER_CONCURRENCY: Count = Field(4, description="how many jobs a worker runs at once")
    WORKER_HEARTBEAT_FILE: Text = Field(
        "",
        description="a file that the worker touches while it is well, "
        "for a container's health check",
    )
    PROVIDER_TIMEOUT_SECONDS: Seconds = Field(
        30,
        description="how long an exchange with a chatbot's provider may take as a whole",
    )
    # The standard library reads these four itself, in lower case too.
    HTTPS_PROXY: Secret = Field(
        "", description="how providers are reached; only by `http://` proxies"
    )
    HTTP_PROXY: Secret = ""
    ALL_PROXY: Secret = ""
    NO_PROXY: Text = ""
    OPENAI_API_KEY: Secret = Field("", description="the `chatgpt` provider")
    OPENAI_BASE_URL: WebUrl = "https://api.openai.com/v1"
    OPENAI_MODEL: Text = "gpt-4o-mini"
    GEMINI_API_KEY: Secret = Field("", description="the `gemini` provider")
    GEMINI_BASE_URL: WebUrl = "https://generativelanguage.googleapis.com/v1beta/openai/"
    GEMINI_MODEL: Text = "gemini-2.5-flash"
    OLLAMA_BASE_URL: WebUrl = Field("http://127.0.0.1:11434", description="the `ollama` provider")
    OLLAMA_MODEL: Text = "llama3.2"
    OLLAMA_CONTEXT_TOKENS: Count = 8192
    EMBEDDER: EmbedderName = Field(
        "minilm",
        description="what finds passages by meaning: `minilm` offline, or `openai`, `gemini`, "
        "`ollama` with the settings above; a change is worked through in the background",
    )
    EMBEDDING_MODEL: Text = ""
    MEDIA_ROOT: Text = Field(
        "", description="where files are stored that chatbots learn from; else `.data/media`"
    )
    S3_BUCKET: Text = Field(
        "", description="stores them there instead; needs the extra `s3` (django-storages)"
    )
    S3_ENDPOINT_URL: WebUrlOrNone = ""
    S3_REGION: Text = ""
    S3_ACCESS_KEY_ID: Secret = ""
    S3_SECRET_ACCESS_KEY: Secret = ""
    CRAWL_ALLOWED_HOSTS: Words = Field(
        [],
        description="private hosts that sites may be read from, as `host` or `host:port`; "
        "all others have to be public",
    )
    CRAWL_DELAY_SECONDS: Seconds = Field(
        0.5, description="the least pause between two requests to a host, of all workers together"
    )


def rows() -> list[str]:
    """Return the variables as the rows of a Markdown table: names, defaults, purpose."""
    shared: list[list[tuple[str, FieldInfo]]] = []
    for name, field in Environment.model_fields.items():
        if field.description:
            shared.append([])
        shared[-1].append((name, field))
    return [row(variables) for variables in shared]


def row(variables: list[tuple[str, FieldInfo]]) -> str:
    names = ", ".join(f"`{name}`" for name, _ in variables)
    defaults = ", ".join(filter(None, [shown_default(field) for _, field in variables]))
    return f"| {names} | {defaults} | {variables[0][1].description} |".replace("|  |", "| |")


def shown_default(field: FieldInfo) -> str:
    """Return a default for people to read; empty if there is none to tell."""
    if field.is_required():
        return "none: required"
    default: Any = field.default
    if isinstance(default, bool):
        return "on" if default else "off"
    return "" if default in ("", []) else f"`{default}`"


if __name__ == "__main__":
    sys.stdout.writelines(f"{row}\n" for row in rows())
