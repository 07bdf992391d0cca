"""Who is on the telephone: the unfinished orders of a number."""

import pytest

from tests.admin_api.conftest import House, problem
from tests.dispatch.looking import rows

PHONE = "+8613812345678"


async def found(house: House, phone: str = PHONE) -> list[str]:
    answer = await house.dispatcher.post("/v1/orders/lookup", {"phone": phone})
    assert answer.status_code == 200, answer.text
    return [order["id"] for order in answer.json()["items"]]


async def placed(house: House, phone: str = PHONE) -> str:
    order = await house.placed(customer={"id": "c-7", "name": "Zhang", "phone": phone})
    return str(order["id"])


async def test_unfinished_orders_are_found_newest_first_and_shown_in_full(house: House) -> None:
    first, second = await placed(house), await placed(house, "138 1234 5678")
    await placed(house, "+8613912345678")  # the same ending
    answer = (await house.dispatcher.post("/v1/orders/lookup", {"phone": "0086 138-1234-5678"})).json()
    assert answer == {"items": [await house.seen(second), await house.seen(first)]}
    assert answer["items"][0]["customer"]["phone"] == "138 1234 5678"


async def test_what_is_over_is_not_found(house: House) -> None:
    order_id = await placed(house)
    valet = await house.valet("v")
    assert await found(house) == [order_id]
    await house.dispatcher.post(f"/v1/orders/{order_id}/assign", {"agent_id": valet.sub})
    assert await found(house) == [order_id]
    await valet.post(f"/v1/orders/{order_id}/progress", {"fence": 1, "step": "completed"})
    assert await found(house) == []


async def test_an_edited_number_counts_from_then_on(house: House) -> None:
    order_id = await placed(house)
    changed = {"customer": {"name": "Zhang", "phone": "+8613700000009"}}
    await house.dispatcher.ask("PATCH", f"/v1/orders/{order_id}", json=changed)
    assert (await found(house), await found(house, "13700000009")) == ([], [order_id])


async def test_each_finds_the_orders_of_his_regions(house: House) -> None:
    order_id = await placed(house)
    stranger = house.asker("dispatcher", "d-2", ["elsewhere"])
    assert (await stranger.post("/v1/orders/lookup", {"phone": PHONE})).json() == {"items": []}
    refused = await stranger.post("/v1/orders/lookup", {"phone": PHONE}, region=house.city.region)
    problem(refused, 403, "forbidden")
    here = await house.service.post("/v1/orders/lookup", {"phone": PHONE}, region=house.city.region)
    assert [order["id"] for order in here.json()["items"]] == [order_id]
    for asker in (house.admin, house.customer, await house.valet("v")):
        problem(await asker.post("/v1/orders/lookup", {"phone": PHONE}), 403, "forbidden")


@pytest.mark.parametrize("phone", ["", "-", "000", "Li", "1" * 33, None, 13812345678])
async def test_what_is_no_number_is_named(house: House, phone: object) -> None:
    problem(await house.dispatcher.post("/v1/orders/lookup", {"phone": phone}), 422, "invalid", "phone")


async def test_an_answer_is_not_kept_for_a_key(house: House) -> None:
    """It is of the moment; and it is full of what is private."""
    body = {"phone": PHONE}
    first = await house.dispatcher.post("/v1/orders/lookup", body, key="a")
    order_id = await placed(house)
    second = await house.dispatcher.post("/v1/orders/lookup", body, key="a")
    assert (first.json()["items"], [order["id"] for order in second.json()["items"]]) == ([], [order_id])
    kept = await rows(house.dispatch, "SELECT answer FROM requests WHERE route LIKE '%lookup'")
    assert {row.answer for row in kept} == {None}


async def test_the_number_stands_in_no_log(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    await house.dispatcher.post("/v1/orders/lookup", {"phone": PHONE})
    await house.dispatcher.post("/v1/orders/lookup", {"phone": PHONE + "x" * 30})
    told = capfd.readouterr()
    text = told.out + told.err
    assert "/v1/orders/lookup" in text
    assert "12345678" not in text
