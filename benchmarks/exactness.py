"""What each gate lets through when hundreds of connections fire at once."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from benchmarks.accounts_and_keys import ACCOUNTS, RESERVED, Fields
from benchmarks.contenders import Contender
from benchmarks.servers import Project, serving
from insitechat.operations import proof
from insitechat.operations.management.commands.prove_limits import target as our_target

PROCESSES = 3
# The peers have one limit for all keys; their revocation is measured with it out of reach.
OUT_OF_REACH = {"RATE": "1000000/min"}
LIMITED, HAMMERED = ACCOUNTS + RESERVED - 2, ACCOUNTS + RESERVED - 1


def prove_all(contenders: Sequence[Contender], fields: Fields) -> Mapping[str, proof.Figures]:
    by_name = {contender.name: contender.project for contender in contenders}
    return {
        "ours": prove_ours(by_name["ours"]),
        "usual": prove_peer(by_name["usual"], fields.usual),
        "rest": prove_peer(by_name["rest"], fields.rest),
        "moving_window": prove_ours(by_name["moving_window"]),
    }


def prove_ours(project: Project) -> proof.Figures:
    with ExitStack() as stack:
        server = stack.enter_context(serving(project, workers=PROCESSES))
        return proof.prove(stack.enter_context(our_target(server.port)))


def prove_peer(project: Project, lines: Sequence[str]) -> proof.Figures:
    with serving(project, workers=PROCESSES) as server:
        target = peers_target(server.port, lines)
        admitted = proof.count_admitted(target)
        keys = proof.count_created(target)
    unlimited = Project(project.settings, environment={**project.environment, **OUT_OF_REACH})
    with serving(unlimited, workers=PROCESSES) as server:
        accepted, milliseconds = proof.revoke_under_fire(peers_target(server.port, lines))
    return proof.Figures(admitted, keys, accepted, milliseconds)


def peers_target(port: int, lines: Sequence[str]) -> proof.Target:
    """Return the calls to a peer, whose accounts are numbered from 1; the last one has no key."""

    def listing(index: int) -> proof.Call:
        return proof.Call("GET", "/api/v1/chatbots", dict([lines[index].split(": ", 1)]))

    return proof.Target(
        port=port,
        limited=listing(LIMITED),
        create=proof.Call("POST", keys_path(ACCOUNTS + RESERVED + 1)),
        created_status=201,
        hammered=listing(HAMMERED),
        revoke=proof.Call("DELETE", keys_path(HAMMERED + 1)),
        refusals=frozenset({401, 403}),
    )


def keys_path(account: int) -> str:
    return f"/api/v1/accounts/{account}/api-keys"
