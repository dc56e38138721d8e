"""The dashboard and the rules ask for metrics that there are; the runbook has each alert."""

import json
import re
from typing import Any

import promql_parser
import pytest
import yaml
from promql_parser import VectorSelector

from core import metrics
from core.scrapes.database import ask_database
from insitechat.operations.paths import PROJECT

MONITORING = PROJECT / "monitoring"
RULES = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((MONITORING / "grafana" / "insitechat.json").read_text())
RUNBOOK = (PROJECT / "docs" / "alerts.md").read_text()
# What Prometheus adds itself.
ITS_OWN = {"up": set[str](), "ALERTS": {"alertname", "alertstate"}}
TARGET = {"job", "instance"}
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}

Exposed = dict[str, set[str]]


@pytest.fixture
def exposed(db: None) -> Exposed:
    """Return the names of all series that scrapes can have, with their labels."""
    import insitechat.gate
    import insitechat.urls  # noqa: F401 (declare what a web process counts)
    from core import worker  # noqa: F401 (what a worker counts)
    from core.scrapes import process  # noqa: F401 (what both do)

    own = {"counter": set[str](), "gauge": {"process"}, "histogram": {"le"}}
    names = {
        f"{metric.name}{suffix}": own[metric.kind] | set(metric.labels)
        for metric in metrics.METRICS.values()
        for suffix in SUFFIXES[metric.kind]
    }
    asked = {family.name: set[str]() for family in ask_database()}
    return {**asked, "insitechat_jobs": {"task", "state"}, **names}


def test_alerts_and_panels_ask_for_what_there_is(exposed: Exposed) -> None:
    known = exposed | ITS_OWN
    assert len(exposed) > 30
    for expression in [*(rule["expr"] for rule in RULES), *panel_expressions()]:
        selectors = selectors_in(expression.replace("$__rate_interval", "1m"))
        labels = TARGET.union(*(known[str(selector.name)] for selector in selectors))
        for selector in selectors:
            asked = {matcher.name for matcher in selector.matchers.matchers}
            assert asked <= known[str(selector.name)] | TARGET, expression
        for group in re.findall(r"by \(([^)]*)\)", expression):
            assert set(group.split(", ")) <= labels, expression


def selectors_in(expression: str) -> list[VectorSelector]:
    found: list[VectorSelector] = []

    def visit(node: Any) -> None:
        if isinstance(node, VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def panel_expressions() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def test_the_dashboard_shows_every_metric(exposed: Exposed) -> None:
    shown = " ".join(panel_expressions())
    missing = {name for name in exposed if name.removesuffix("_sum") not in shown}
    assert {name for name in missing if not name.endswith("_count")} == set()


def test_panels_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (at["x"] + column, at["y"] + line)
            for column in range(at["w"])
            for line in range(at["h"])
        }
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_the_runbook_has_a_section_for_each_alert() -> None:
    alerts = [rule["alert"] for rule in RULES]
    assert re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE) == alerts
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/alerts.md#{rule['alert'].lower()}"
        section = RUNBOOK.split(f"### {rule['alert']}\n")[1].partition("\n##")[0]
        for part in ("**Means**", "**Cause**", "**Do**"):
            assert part in section, rule["alert"]
