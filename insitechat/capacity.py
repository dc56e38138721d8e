"""How much one web process takes on: for gunicorn, which serves, and Django, which it serves."""

from insitechat.environment.reading import read

_environment = read()
# Threads wait for providers, and for one of the connections to the database, which are fewer.
THREADS = _environment.WEB_THREADS
CONNECTIONS = _environment.DATABASE_CONNECTIONS
# However many wait, an eighth of the threads goes on answering what needs neither a connection nor
# a provider: static files, health checks, requests without a well-formed key.
FREE = max(THREADS // 8, 1)
# How many may read a long body from their client; shorter ones are here before a thread begins.
BODY_READERS_MAX = max(THREADS // 16, 1)
# How many may wait for clients to receive long answers; shorter ones fit into the kernel's buffer.
SLOW_READERS_MAX = max(THREADS // 16, 1)
_WAITING = THREADS - CONNECTIONS - FREE - BODY_READERS_MAX - SLOW_READERS_MAX
# How many threads may wait for a provider, and how many for a connection.
CHATS_WAITING_MAX = max(_WAITING // 2, 1)
CONNECTION_WAITS_MAX = max(_WAITING - CHATS_WAITING_MAX, 1)
# How many requests of one account may be under way: two thirds of those that may wait for a
# provider, so that there is room for other accounts' whatever this one's wait for.
ACCOUNT_REQUESTS_MAX = max(_WAITING // 3, 4)
# How many clients a process has a socket for, and what they all may have sent of requests that are
# not whole yet. Beyond either, who has been waited for the longest is dropped.
CLIENTS_MAX = 2048
BUFFERED_BYTES_MAX = 64 * 1024 * 1024
