"""Orders that were there before the desk's page are found by their phone number as those that come after."""

import re

import pytest

from dispatch.migrations.versions import m0004_desk_page
from dispatch.order import Customer
from dispatch.phone import ending
from tests.conftest import City
from tests.dispatch.looking import rows

(FILLING,) = [statement for statement in m0004_desk_page.STATEMENTS if "UPDATE orders" in statement]


@pytest.mark.parametrize("phone", ["+86 138-1234-5678", "0086013812345678", "12345", "Li", "", "000", "１３８", None])
async def test_sql_makes_the_same_ending(city: City, phone: str | None) -> None:
    order = await city.place(customer=Customer("c-1", 'with "phone":"999"', phone))
    only = re.sub(r"WHERE", f"WHERE id = '{order.id}' AND", FILLING) + " RETURNING phone_end"
    (row,) = await rows(city.dispatch, only.replace("::", "\\:\\:"))
    assert row.phone_end == ending(phone)
