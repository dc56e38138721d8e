"""How much one web process takes on: for gunicorn, which serves, and Django, which it serves."""

import os

# Threads wait for providers; a connection to the database serves whoever is at work.
THREADS = int(os.environ.get("WEB_THREADS") or "256")
CONNECTIONS = int(os.environ.get("DATABASE_CONNECTIONS") or "16")
# The others are left to the requests that do not wait, however many would.
CHATS_WAITING_MAX = max(THREADS - CONNECTIONS, THREADS // 2, 1)
