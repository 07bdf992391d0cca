"""The dashboard and the alert rules name only what a process tells, and the operator's page names all of it."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from dispatch.claims import Outcome
from dispatch.order import Status
from dispatch.reconcile import MOST_REGIONS
from dispatch.records.database import MOST_LINES, Database
from realtime.wire import CloseCode
from tests.promql import Selector, faults, own, parse, told

DOCS = Path(__file__).parents[1] / "docs"
VALUES = {
    "outcome": {outcome.value for outcome in Outcome},
    "status": {status.value for status in Status},
    "code": {str(code.value) for code in CloseCode},
    "reader": {"hub", "projector"},
}
"""Of labels whose values are fixed."""
_Panel = dict[str, Any]


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    return told(generate_latest().decode())


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "grafana" / "valet-dispatch.json").read_text())
    return found


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    found = yaml.safe_load((DOCS / "alerts.yaml").read_text())
    return [rule for group in found["groups"] for rule in group["rules"]]


def graphs(dashboard: dict[str, Any]) -> list[_Panel]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


# --- the dashboard --------------------------------------------------------------------------------------


def test_every_expression_of_the_dashboard_holds(dashboard: dict[str, Any], known: dict[str, set[str]]) -> None:
    variables = {variable["name"] for variable in dashboard["templating"]["list"]} | {"__rate_interval"}
    wrong = {}
    for panel in graphs(dashboard):
        for target in panel["targets"]:
            unknown = set(re.findall(r"\$(\w+)", target["expr"])) - variables
            found = [*faults(target["expr"], known, VALUES), *(f"no variable {name}" for name in unknown)]
            shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            kept = set.union(*(known.get(each.metric, set()) for each in parse(target["expr"]).selectors))
            found += [f"the legend shows {label}" for label in shown - kept - {"instance"}]
            if found:
                wrong[panel["title"]] = found
    assert wrong == {}


def test_the_variables_ask_for_labels_that_are_there(dashboard: dict[str, Any], known: dict[str, set[str]]) -> None:
    queries = [each["query"]["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    asked = [re.fullmatch(r"label_values\((\w+), (\w+)\)", query) for query in queries]
    assert asked
    for found in asked:
        assert found is not None
        assert found[2] in known[found[1]] | {"job"}


def test_every_panel_says_what_it_shows_and_what_to_do(dashboard: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert all(titles)
    assert len(titles) == len(set(titles))
    for panel in graphs(dashboard):
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert re.search(r"[.:;] \S", panel["description"]), panel["title"]
        assert panel["targets"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references))


def test_no_two_panels_lie_on_each_other(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells


# --- the alert rules ------------------------------------------------------------------------------------


def test_every_expression_of_the_rules_holds(rules: list[dict[str, Any]], known: dict[str, set[str]]) -> None:
    found = {rule["alert"]: faults(rule["expr"], known, VALUES) for rule in rules}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_every_rule_says_how_bad_it_is_and_what_to_do(rules: list[dict[str, Any]]) -> None:
    names = [rule["alert"] for rule in rules]
    assert names
    assert len(names) == len(set(names))
    for rule in rules:
        assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert re.fullmatch(r"\d+[smh]", rule["for"]), rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "action"}, rule["alert"]


def test_a_summary_shows_only_labels_that_the_alert_keeps(
    rules: list[dict[str, Any]], known: dict[str, set[str]]
) -> None:
    for rule in rules:
        parsed = parse(rule["expr"])
        aggregated = re.search(r"\b(sum|max|absent|histogram_quantile)\b", rule["expr"])
        metrics = set.union(*(known[each.metric] for each in parsed.selectors)) | {"instance", "job"}
        kept = parsed.grouped - {"le"} if aggregated else metrics
        shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert shown <= kept, rule["alert"]


# --- the page -------------------------------------------------------------------------------------------


def test_the_operators_page_names_every_metric_and_every_alert(rules: list[dict[str, Any]]) -> None:
    page = (DOCS / "operating.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `dispatch_")]
    named = {name.removesuffix("_total") for row in rows for name in re.findall(r"`(dispatch_\w+)", row)}
    assert named == own().keys()
    for name, labels in re.findall(r"`(dispatch_\w+?)(?:_total)?\{([\w,]+)\}`", "\n".join(rows)):
        assert tuple(labels.split(",")) == own()[name], name
    for rule in rules:
        assert f"`{rule['alert']}`" in page, rule["alert"]


def test_the_page_counts_the_connections_that_a_process_may_have() -> None:
    page = " ".join((DOCS / "operating.md").read_text().split())
    pool = inspect.signature(Database).parameters["pool_size"].default
    assert f"at most {pool} (its pool) + {MOST_LINES} (the orders' path) + 1" in page
    assert f"processes × {pool + MOST_LINES + 1} + engines × (regions + {MOST_REGIONS + 1})" in page
    assert f"`pool` ({pool}), `line` ({MOST_LINES}," in page


# --- and all this can fail ------------------------------------------------------------------------------


def test_an_expression_is_taken_apart() -> None:
    parsed = parse('sum by (le, role) (rate(a_bucket{job=~"$job", x!="a, {b}"}[5m])) / on (job) b offset 5m and c > 1')
    assert parsed.selectors == [
        Selector("a_bucket", (("job", "$job"), ("x", "a, {b}"))),
        Selector("b", ()),
        Selector("c", ()),
    ]
    assert parsed.grouped == {"le", "role", "job"}


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("max(dispatch_double_holder)", "no metric dispatch_double_holder"),
        ("rate(dispatch_verdicts[5m])", "no metric dispatch_verdicts"),
        ("dispatch_sessions_total", "no metric dispatch_sessions_total"),
        ('dispatch_verdicts_total{outcom="won"}', "dispatch_verdicts_total has no label outcom"),
        ('dispatch_verdicts_total{outcome="lost"}', "outcome is never lost"),
        ('dispatch_verdicts_total{outcome=~"won|lost"}', "outcome is never lost"),
        ("sum by (region) (dispatch_sessions)", "grouped by region, which none has"),
        ("sum by (le) (dispatch_time_to_grab_seconds_sum)", "grouped by le, which none has"),
        ("summ(dispatch_sessions)", "summ is no function that is known here"),
        ("process_open_fd / process_max_fds", "no metric process_open_fd"),
        ("dispatch_sessions{role}", "'role' is no matcher"),
        ("1 > 0", "no metric in '1 > 0'"),
    ],
)
def test_a_wrong_name_is_found(expression: str, fault: str, known: dict[str, set[str]]) -> None:
    assert faults(expression, known, VALUES) == [fault]
