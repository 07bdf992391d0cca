"""PUT /v1/regions/{id} moves the shops that stand there."""

from typing import Any

from tests.admin_api.conftest import House, problem
from tests.admin_api.test_regions import square


async def test_shops_that_stand_in_a_new_region_are_its_own(house: House) -> None:
    admin, region = house.asker("admin", "root"), f"{house.city.region}.inner"
    inside = {"lat": house.city.centre.lat + 0.005, "lon": house.city.centre.lon + 0.005}
    profile: dict[str, Any] = {"role": "shop", "name": "S", "phone": None, "skills": ["beauty"], "capacity": 9}
    shop, busy = house.asker("shop", f"{region}.s"), house.asker("shop", f"{region}.b")
    for each in (shop, busy):
        put = await admin.put(f"/v1/agents/{each.sub}", profile | {"home": inside})
        assert put.json()["region"] == house.city.region
    order = await house.placed(kind="beauty", place=inside)
    assigned = await house.dispatcher.post(f"/v1/orders/{order['id']}/assign", {"agent_id": busy.sub, "force": True})
    assert assigned.status_code == 200, assigned.text
    feature = square(house.city.centre.lat, house.city.centre.lon)
    assert (await admin.put(f"/v1/regions/{region}", feature)).status_code == 200
    assert (await shop.get(f"/v1/agents/{shop.sub}")).json()["region"] == region
    assert (await busy.get(f"/v1/agents/{busy.sub}")).json()["region"] == house.city.region
    problem(await admin.delete(f"/v1/regions/{region}"), 409, "conflict")
    assert (await house.placed(kind="beauty", place=inside))["region"] == region
    assert (await house.service.get(f"/v1/orders/{order['id']}")).json()["region"] == house.city.region
