"""`make eval`: teach chatbots, ask them, and print how well they answer.

The shop's set is in the project. The open sets are fetched from Debian: `ARGS="--set open"`,
`ARGS="--set manuals"` and `ARGS="--set tuning"`. Half of a set's questions is for tuning; reported
is the other half, or all with `--all`. None of the set `manuals` is for tuning, and all of the set
`tuning` is, so both are always reported whole.
"""

import argparse
import os
from collections import defaultdict
from pathlib import Path

from benchmarks.answers.manuals import SETS
from insitechat.operations.local.engines import throwaway_engines

FOLDER = Path(".data", "eval")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=("shop", *SETS), default="shop")
    parser.add_argument(
        "--all",
        action="store_true",
        help="report the tuning half too; always so for manuals and tuning",
    )
    arguments = parser.parse_args()
    with throwaway_engines() as environment:
        os.environ.update(environment, DJANGO_SETTINGS_MODULE="insitechat.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        evaluate(arguments.set, everything=arguments.all)


def evaluate(chosen: str, *, everything: bool) -> None:
    from accounts.models import User
    from benchmarks.answers import debian, shop
    from benchmarks.answers.measure import Outcome, ask, teach
    from benchmarks.answers.tables import tables
    from chatbots.services import create_chatbot

    if chosen in SETS:
        manuals = SETS[chosen]
        everything = everything or manuals.is_whole
        debian.fetch(FOLDER, manuals)
        corpora = [
            *debian.corpora(FOLDER, manuals, with_headings=True),
            *debian.corpora(FOLDER, manuals, with_headings=False),
        ]
    else:
        corpora = [shop.corpus()]
    owner = User.objects.create_user("owner@example.org")
    results: dict[str, list[Outcome]] = defaultdict(list)
    for corpus in corpora:
        chatbot = create_chatbot(owner, corpus.name)
        print(f"{corpus.name}: {teach(corpus, chatbot):.0f} chunks learnt per second and core")
        for question in corpus.questions:
            if everything or not question.is_for_tuning:
                results[f"{question.kind}{corpus.suffix}"].append(ask(chatbot, question))
    print(tables(results))


if __name__ == "__main__":
    main()
