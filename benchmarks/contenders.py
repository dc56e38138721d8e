"""Who is measured, and with which requests."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accounts_and_keys import ACCOUNTS, Fields
from benchmarks.engines import Engines
from benchmarks.servers import Project


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the table: a project, what is sent to it, and what it has to answer.

    `fields` gives the file of header fields for a round, by its number: what is used up in a round
    is another one in the next.
    """

    name: str
    title: str
    project: Project
    fields: Callable[[int], Path]
    status: int = 200
    uses_up: bool = False


def contenders(engines: Engines, fields: Fields) -> list[Contender]:
    stock = {"PEERS_DATABASE_URL": engines.peers_url}

    def always(name: str, lines: list[str]) -> Callable[[int], Path]:
        file = fields.file(name, lines)
        return lambda _: file

    def reserved(turn: int) -> Path:
        return fields.file("used-up", [fields.ours[ACCOUNTS + turn]])

    ours = Project("insitechat.settings", is_ours=True)
    keys = always("ours", fields.ours[:ACCOUNTS])
    no_key = always("none", [])
    return [
        Contender("ours", "ours: key, limit, list", ours, keys),
        Contender(
            "bare", "(a) bare Django view", Project("benchmarks.peers.bare.settings"), no_key
        ),
        Contender(
            "stock",
            "(b) stock Ninja + ORM, no key, no limit",
            Project("benchmarks.peers.stock.settings", environment=stock),
            no_key,
        ),
        Contender(
            "usual",
            "(c) the usual Ninja way",
            Project("benchmarks.peers.usual.settings", environment=stock),
            always("usual", fields.usual[:ACCOUNTS]),
        ),
        Contender(
            "rest",
            "(d) REST framework + api-key + throttle",
            Project("benchmarks.peers.rest.settings", environment=stock),
            always("rest", fields.rest[:ACCOUNTS]),
        ),
        Contender(
            "moving_window",
            "(e) ours with limits' moving window",
            Project("benchmarks.peers.moving_window.settings", is_ours=True),
            keys,
        ),
        Contender(
            "ungated",
            "ours without the gate",
            Project(
                "benchmarks.peers.ungated.settings",
                is_ours=True,
                environment={"UNGATED_OWNER_ID": str(fields.owner_id)},
            ),
            no_key,
        ),
        Contender(
            "garbage",
            "ours: 401 for garbage",
            ours,
            always("garbage", ["Authorization: Bearer garbage"]),
            status=401,
        ),
        Contender(
            "over_limit", "ours: 429 over the limit", ours, reserved, status=429, uses_up=True
        ),
    ]
