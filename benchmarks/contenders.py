"""The contenders: which projects are measured, and with which requests."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accounts_and_keys import ACCOUNTS, Fields
from benchmarks.engines import Engines
from benchmarks.servers import Project


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the table: a project, the requests sent to it, and the status it has to answer.

    `fields` returns the file of header fields for a round, given the round's number. With
    `exhausts_key` the key in that file is brought to its limit before the round, so every round
    needs a fresh one.
    """

    name: str
    title: str
    project: Project
    fields: Callable[[int], Path]
    status: int = 200
    exhausts_key: bool = False


def contenders(engines: Engines, fields: Fields) -> list[Contender]:
    stock = {"PEERS_DATABASE_URL": engines.peers_url}

    def same_every_round(name: str, lines: list[str]) -> Callable[[int], Path]:
        file = fields.file(name, lines)
        return lambda _: file

    def reserved_key(round_number: int) -> Path:
        return fields.file("exhausted", [fields.ours[ACCOUNTS + round_number]])

    ours = Project("insitechat.settings", is_ours=True)
    keys = same_every_round("ours", fields.ours[:ACCOUNTS])
    no_key = same_every_round("none", [])
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
            same_every_round("usual", fields.usual[:ACCOUNTS]),
        ),
        Contender(
            "rest",
            "(d) REST framework + api-key + throttle",
            Project("benchmarks.peers.rest.settings", environment=stock),
            same_every_round("rest", fields.rest[:ACCOUNTS]),
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
            same_every_round("garbage", ["Authorization: Bearer garbage"]),
            status=401,
        ),
        Contender(
            "over_limit",
            "ours: 429 over the limit",
            ours,
            reserved_key,
            status=429,
            exhausts_key=True,
        ),
    ]
