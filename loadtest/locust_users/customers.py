"""Customers: they post orders by HTTP, look how they stand, and sometimes change their mind.

Owns what a customer does about one order at a time. Invariant: each order bears an idempotency key of its own; a
POST that is repeated with it brings the same order again, or is a failure.
"""

import time
import uuid
from typing import Any

import gevent
from locust import between, task

from loadtest.demand import CUSTOMER_DOOR, CUSTOMER_NAME, CUSTOMER_PHONE, PLATE
from loadtest.locust_users.figures import tally
from loadtest.locust_users.person import Person
from loadtest.wire import TERMINAL

REPEATS = 0.02
CANCELS = 0.05
LOOKS_SECONDS = (0.5, 2.0)
# After this he looks no more; the order goes its way.
PATIENCE_SECONDS = 90.0


class Customer(Person):
    role = "customer"
    weight = 4
    wait_time = between(0.5, 3.0)

    @task
    def order(self) -> None:
        body, key = self._body(), uuid.uuid4().hex
        placed = self._post(body, key)
        if placed is None:
            return
        if self.draw.random() < REPEATS:
            self._repeat(body, key, placed["id"])
        self._follow(placed["id"], cancels=self.draw.random() < CANCELS)

    def _body(self) -> dict[str, Any]:
        lat, lon = self.draw.choice(self.scene.places)
        number = self.draw.randrange(10**5)
        return {
            "kind": self.scene.options.kind,
            "place": {"lat": lat, "lon": lon, "address": f"{CUSTOMER_DOOR} {number}"},
            "customer": {
                "id": self.sub,
                "name": f"{CUSTOMER_NAME} {number}",
                "phone": f"{CUSTOMER_PHONE}{number:05d}",
            },
            "details": {"plate": f"{PLATE}{number:05d}", "note": "flat tyre"},
            "price_fen": self.draw.randrange(50, 600) * 100,
            "region": self.scene.options.region,
        }

    def _post(self, body: dict[str, Any], key: str) -> Any:
        placed = self.http("POST", "/v1/orders", "/v1/orders", body, key=key)
        if placed is not None:
            tally.orders["posted"] += 1
        return placed

    def _repeat(self, body: dict[str, Any], key: str, order_id: str) -> None:
        """As an app does that heard no answer."""
        name = "/v1/orders (repeated)"
        again = self.http("POST", "/v1/orders", name, body, key=key)
        if again is not None and again["id"] != order_id:
            raise AssertionError(f"a repeated POST made {again['id']} beside {order_id}")

    def _follow(self, order_id: str, cancels: bool) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            gevent.sleep(self.draw.uniform(*LOOKS_SECONDS))
            if cancels:
                self._cancel(order_id)
                cancels = False
            found = self.http("GET", f"/v1/orders/{order_id}", "/v1/orders/{id}")
            if found is not None and found["status"] in TERMINAL:
                tally.orders[found["status"]] += 1
                return
        tally.orders["followed no longer"] += 1

    def _cancel(self, order_id: str) -> None:
        """Too late once the work has begun."""
        path, name = f"/v1/orders/{order_id}/cancel", "/v1/orders/{id}/cancel"
        self.http("POST", path, name, {"reason": "changed my mind"}, key=uuid.uuid4().hex, ordinary=("conflict",))
