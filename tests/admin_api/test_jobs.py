"""What an agent holds."""

from tests.admin_api.conftest import House, problem


async def test_an_agent_sees_his_jobs_and_nobody_elses(house: House) -> None:
    other, _ = await house.held("other")
    await house.valet("v", capacity=3)
    valet = house.asker("valet", f"{house.city.region}.v")
    jobs = []
    for _ in range(3):
        order = await house.placed()
        jobs.append((await valet.post(f"/v1/orders/{order['id']}/grab")).json()["job"])
    first = (await valet.get("/v1/jobs", limit=2)).json()
    second = (await valet.get("/v1/jobs", limit=2, cursor=first["next"])).json()
    assert first["items"] + second["items"] == jobs[::-1]
    assert len((await other.get("/v1/jobs")).json()["items"]) == 1
    await valet.post(f"/v1/orders/{jobs[0]['id']}/progress", {"fence": 1, "step": "completed"})
    assert [job["id"] for job in (await valet.get("/v1/jobs")).json()["items"]] == [jobs[2]["id"], jobs[1]["id"]]


async def test_jobs_are_for_agents(house: House) -> None:
    for asker in (house.customer, house.dispatcher, house.admin, house.service):
        problem(await asker.get("/v1/jobs"), 403, "forbidden")
    problem(await house.asker("valet", "ghost").get("/v1/jobs"), 403, "forbidden")
