"""The tally in locust's hands: gathered from the workers, shown in the web UI, printed at the end.

Owns the wiring of one `Tally` a locust process. Invariant: on the master (or the only process) it holds what all
workers counted since the test began, or since the statistics were reset.
"""

import logging
from typing import Any

import orjson
from flask import Response, request
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtest.locust_users.tally import COLUMNS, Tally

TAB = "grabs"
TITLE = "Grabs"
# Locust's own tables go there, so ours follows --logfile and the rest.
console = logging.getLogger("locust.stats_logger")

tally = Tally()


def register(environment: Environment) -> None:
    events: Any = environment.events
    events.test_start.add_listener(_clear)
    events.reset_stats.add_listener(_clear)
    if isinstance(environment.runner, WorkerRunner):
        events.report_to_master.add_listener(_send)
        return
    events.worker_report.add_listener(_receive)
    events.quit.add_listener(_print)
    if environment.web_ui is not None:
        _add_tab(environment.web_ui)


def _clear(**_: Any) -> None:
    tally.clear()


def _send(data: dict[str, Any], **_: Any) -> None:
    data["dispatch"] = tally.drain()


def _receive(data: dict[str, Any], **_: Any) -> None:
    if "dispatch" in data:
        tally.merge(data["dispatch"])


def _print(**_: Any) -> None:
    console.info("Time to grab, verdicts and what came of the orders")
    console.info(tally.text())


def _add_tab(web_ui: Any) -> None:
    """As locust's web UI is extended: the page learns of one more table, its statistics carry the rows."""
    structure = [{"key": key, "title": title} for key, title in COLUMNS]
    web_ui.template_args["extended_tabs"] = [{"title": TITLE, "key": TAB}]
    web_ui.template_args["extended_tables"] = [{"key": TAB, "structure": structure}]

    def carry_rows(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            told = orjson.loads(response.get_data())
            told["extended_stats"] = [{"key": TAB, "data": tally.rows()}]
            response.set_data(orjson.dumps(told))
        return response

    web_ui.app.after_request(carry_rows)
