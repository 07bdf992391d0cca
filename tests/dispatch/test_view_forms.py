"""A view has exactly the fields of its form, whatever happened to the order."""

from typing import Any

import msgspec
import pytest

from dispatch import view_examples
from dispatch.order import Order
from dispatch.reader import Reader
from dispatch.view_examples import full, public
from dispatch.view_forms import OrderView, PublicOrderView
from dispatch.views import full_view
from geo.crs import Crs

ORDERS = {name: value for name, value in vars(view_examples).items() if isinstance(value, Order)}
every_order = pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())


@every_order
def test_a_view_has_its_form(order: Order) -> None:
    assert msgspec.to_builtins(msgspec.convert(full(order), OrderView)) == full(order)
    assert msgspec.to_builtins(msgspec.convert(public(order), PublicOrderView)) == public(order)


@pytest.mark.parametrize(
    ("form", "view"), [(OrderView, full(view_examples.OPEN)), (PublicOrderView, public(view_examples.OPEN))]
)
def test_every_field_is_always_there_and_no_other(form: Any, view: dict[str, Any]) -> None:
    for name in view:
        with pytest.raises(msgspec.ValidationError, match="missing"):
            msgspec.convert({field: value for field, value in view.items() if field != name}, form)
    with pytest.raises(msgspec.ValidationError, match="unknown"):
        msgspec.convert(view | {"token": "x"}, form)


@pytest.mark.parametrize("crs", Crs)
def test_the_form_is_the_same_in_every_coordinate_system(crs: Crs) -> None:
    msgspec.convert(full_view(view_examples.HELD, Reader(crs)), OrderView)


@every_order
def test_an_example_is_an_order_as_it_may_stand(order: Order) -> None:
    """What no type says: who holds it, who gave it back, and what waits at the desk."""
    assert order.held == (order.agent is not None)
    assert order.on_desk == (order.status == "escalated")
    assert order.fence == (order.assignment.fence if order.assignment else 0)
    assert (order.taken_up is None) or order.on_desk
