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
# How many threads may wait for a provider, how many for their turn to work (WORK_MAX), and how many
# for a connection, as a request does before it is known whose it is.
CHATS_WAITING_MAX = max(_WAITING // 3, 1)
TURNS_WAITING_MAX = CHATS_WAITING_MAX
CONNECTION_WAITS_MAX = CHATS_WAITING_MAX
# How many requests of one account may be under way: two thirds of those that may wait for any of
# these, so that there is room for other accounts' whatever this one's wait for.
ACCOUNT_REQUESTS_MAX = max(2 * CHATS_WAITING_MAX // 3, 4)
# How many of those may be at work, rather than wait for a provider or for their client. One is,
# since one thread at a time has the interpreter; others begin beside it where it lasts long.
ACCOUNT_WORK_MAX = max(CONNECTIONS // 4, 2)
# The same of all accounts together, and how many look up whose they are, which is short.
WORK_MAX = max(3 * CONNECTIONS // 4, 1)
LOOK_UPS_MAX = max(CONNECTIONS // 2, 1)
# How many clients a process has a socket for, and what they all may have sent of requests that are
# not whole yet. Beyond either, who has been waited for the longest is dropped.
CLIENTS_MAX = 2048
BUFFERED_BYTES_MAX = 64 * 1024 * 1024
