#!/usr/bin/env python3
"""Restart the web containers one after another under load, and count what is lost.

Run it beside a running installation of docker-compose: `docker/rolling_restart_drill.py ADDRESS`.
It needs nothing but Python. Clients list and chat, over connections kept and new ones; meanwhile
one fresh key after another is used up. Fails if a request is lost, or a key is let through more or
less often than 60 times.

On a busy machine start the installation with RATE_LIMIT_WAIT_SECONDS=10 and
DATABASE_REQUEST_SECONDS=60: waiting for an engine is no fault of the restart.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

FOLDER = Path(__file__).resolve().parents[1]
CLIENTS = 8
PAUSE_SECONDS = 0.05
LIMIT = 60
CALLS_OF_A_KEY = 120
CREATE = """
import json, secrets
from accounts.models import Plan, User
from apikeys.services import create_api_key
from chatbots.knowledge.teaching import add_text_source
from chatbots.services import create_chatbot
name = "rolling-restart-" + secrets.token_hex(4)
plan = Plan.objects.create(name=name, requests_per_minute=100_000, max_active_api_keys=5,
    monthly_messages=1_000_000)
owner = User.objects.create_user(name + "@localhost", plan=plan)
chatbot = create_chatbot(owner, "Drill")
add_text_source(chatbot, "Guide", "A key may make 60 requests in a minute.")
limited = [
    create_api_key(User.objects.create_user(f"{name}-{n}@localhost"), "Drill").token.plaintext
    for n in range(12)
]
print(json.dumps([create_api_key(owner, "Drill").token.plaintext, str(chatbot.id), limited, name]))
"""
DELETE = """
from accounts.models import Plan, User
User.objects.filter(email__startswith=%r).delete()
Plan.objects.filter(name=%r).delete()
"""


def django(code: str) -> str:
    manage = ["docker-compose", "exec", "-T", "worker", "python", "manage.py"]
    command = [*manage, "shell", "-v0", "-c", code]
    return subprocess.run(command, cwd=FOLDER, check=True, capture_output=True, text=True).stdout


class Load:
    """Clients that send requests until they are stopped, and what they were answered."""

    def __init__(self, address: str, key: str, chatbot: str) -> None:
        self.host = urlsplit(address).netloc
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.chat = f"/api/v1/chatbots/{chatbot}/chat"
        self.answers: Counter[str] = Counter()
        self.stop = threading.Event()
        self.threads = [
            threading.Thread(target=self.send, args=(n % 2 == 0, n % 4 < 2)) for n in range(CLIENTS)
        ]

    def send(self, chats: bool, keeps_connection: bool) -> None:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        while not self.stop.is_set():
            kind = "chat" if chats else "list"
            try:
                if chats:
                    connection.request("POST", self.chat, '{"message": "How many?"}', self.headers)
                else:
                    connection.request("GET", "/api/v1/chatbots", headers=self.headers)
                response = connection.getresponse()
                response.read()
                self.answers[f"{kind} {response.status}"] += 1
            except (OSError, http.client.HTTPException) as error:
                self.answers[f"{kind} {type(error).__name__}"] += 1
                connection.close()
            if not keeps_connection:
                connection.close()
            time.sleep(PAUSE_SECONDS)


def admitted(host: str, key: str) -> int:
    """Use a fresh key up, and more; return how many calls were let through."""
    statuses: Counter[int] = Counter()
    for _ in range(CALLS_OF_A_KEY):
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.request("GET", "/api/v1/chatbots", headers={"Authorization": f"Bearer {key}"})
        statuses[connection.getresponse().status] += 1
        connection.close()
    return statuses[200]


def main(address: str) -> int:
    key, chatbot, limited, name = json.loads(django(CREATE))
    load = Load(address, key, chatbot)
    for thread in load.threads:
        thread.start()
    began = time.monotonic()
    restart = subprocess.Popen([FOLDER / "docker" / "rolling_restart"])
    counts = []
    while restart.poll() is None and len(counts) < len(limited):
        counts.append(admitted(load.host, limited[len(counts)]))
    code = restart.wait()
    seconds = time.monotonic() - began
    load.stop.set()
    for thread in load.threads:
        thread.join()
    django(DELETE % (name, name))
    good = load.answers["chat 200"] + load.answers["list 200"]
    lost = load.answers.total() - good
    print(f"rolling restart in {seconds:.0f} s, exit code {code}")
    print(f"requests {load.answers.total()}, lost {lost}: {dict(load.answers)}")
    print(f"calls admitted of each fresh key, {LIMIT} allowed: {counts}")
    return int(code != 0 or good != load.answers.total() or set(counts) != {LIMIT})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
