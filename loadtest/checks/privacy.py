"""§3: what a candidate learns of an order, and what nobody learns who need not know.

Looks at bytes as well as at fields: a secret in a field that PROTOCOL does not know is a leak, too. Every line of
every clause also holds its offers against the form of the public view.
"""

from collections.abc import Iterable
from typing import Any

from loadtest.checks.clauses import clause
from loadtest.checks.corner import ADDRESS, CUSTOMER_NAME, CUSTOMER_PHONE, PLATE, Corner
from loadtest.checks.expect import Broken, has, same
from loadtest.checks.forms import PUBLIC, fault_of_public
from loadtest.checks.line import Line
from loadtest.wire import Offer

SECRETS = (CUSTOMER_NAME, CUSTOMER_PHONE, ADDRESS, PLATE)


def leaks(said: Iterable[bytes], secrets: Iterable[str] = SECRETS) -> list[str]:
    """The secrets that stand in what was said, plainly or in JSON's escapes."""
    heard = b"\n".join(said)

    def written(secret: str) -> set[bytes]:
        return {secret.encode(), secret.encode("ascii", "backslashreplace")}

    return [secret for secret in secrets if any(each in heard for each in written(secret))]


def public(view: Any) -> None:
    fault = fault_of_public(view)
    if fault is not None:
        raise Broken(f"a public view: {', '.join(sorted(PUBLIC))}", fault)


@clause("§3", "a candidate is told the public view, every field and no other")
async def public_view(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await corner.place(kind, price_fen=18000, bonus_fen=700)
    offer = await agent.offer(order["id"])
    public(offer)
    has(offer, {name: order[name] for name in ("id", "kind", "region", "created_at", "expires_at")}, "the offer")
    has(offer, {"status": "open", "price_fen": 18000, "bonus_fen": 700, "round": 1, "voice_notes": []}, "the offer")
    has(offer, {"destination_area": None}, "the offer")


@clause("§3", "the public view's area and destination_area are rounded to 3 decimals")
async def areas(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    place = {"lat": corner.spot.lat + 0.0012345, "lon": corner.spot.lon - 0.0067891}
    aim = {"lat": corner.spot.lat + 0.0123456, "lon": corner.spot.lon - 0.0178912}
    order = await corner.place(kind, place={**place, "address": ADDRESS}, destination={**aim, "address": ADDRESS})
    offer = await agent.offer(order["id"])
    same(_rounded(offer["area"]), _rounded(place), "area")
    same(offer["area"], _rounded(place), "area, and nothing else in it")
    same(offer["destination_area"], _rounded(aim), "destination_area")


def _rounded(place: Any) -> dict[str, float]:
    return {"lat": round(place["lat"], 3), "lon": round(place["lon"], 3)}


@clause("§3", "the public view's details are without the keys that the policy calls private")
async def private_details(corner: Corner) -> None:
    kind = await corner.kind(private_details=["plate", "vin"])
    agent = await corner.valet("v", kind)
    order = await corner.place(kind, details={"plate": PLATE, "vin": "LSV", "note": "flat tyre", "wheels": 4})
    offer = await agent.offer(order["id"])
    same(offer["details"], {"note": "flat tyre", "wheels": 4}, "details")


@clause("§3", "by HTTP an agent with the offer gets the public view, too")
async def public_by_http(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await corner.place(kind)
    offer = await agent.offer(order["id"])
    answer: Offer = await corner.of(agent).get(f"/v1/orders/{order['id']}")
    public(answer)
    same(answer["area"], offer["area"], "area")
    same(answer["details"], {"note": "flat tyre"}, "details")


@clause("§3", "no phone, name, exact place, address or private detail reaches a candidate who does not win")
async def candidates_learn_nothing(corner: Corner) -> None:
    kind = await corner.kind()
    loser, winner = await corner.valet("v1", kind), await corner.valet("v2", kind)
    exact = {"lat": corner.spot.lat + 0.00123456, "lon": corner.spot.lon - 0.00678912}
    order = await corner.place(kind, place={**exact, "address": ADDRESS})
    await loser.offer(order["id"])
    job = await winner.win(order["id"])
    await loser.grab(order["id"])
    await winner.progress(job, "completed")
    await corner.in_order(loser)
    _unheard(loser, [*SECRETS, str(exact["lat"]), str(exact["lon"])])


def _unheard(line: Line, secrets: list[str]) -> None:
    """The marker's job, which the agent holds for a moment, is his to know."""
    markers = {each["order"]["id"] for each in line.heard if each["type"] == "job"}
    frames = [
        frame
        for frame, message in zip(line.frames, line.heard, strict=True)
        if message["type"] != "job" or message["order"]["id"] not in markers
    ]
    found = leaks(frames, secrets)
    if found:
        raise Broken(f"{line.sub} to hear nothing private", f"he heard {found}")


@clause("§3", "the winner learns the customer's name and phone, the exact place and the private details")
async def winner_learns_all(corner: Corner) -> None:
    kind = await corner.kind()
    agent = await corner.valet("v", kind)
    order = await corner.place(kind)
    job = await agent.win(order["id"])
    has(job["customer"], {"name": CUSTOMER_NAME, "phone": CUSTOMER_PHONE}, "the customer")
    has(job["place"], {**corner.at(), "address": ADDRESS}, "the place")
    has(job["details"], {"plate": PLATE}, "the details")


@clause("§3", "a customer hears of no order of another's")
async def customers_apart(corner: Corner) -> None:
    kind = await corner.kind()
    his, other = await corner.customer("c"), await corner.customer("c2")
    order = await corner.place(kind)
    await his.told(order["id"])
    own = await corner.place(kind, customer={"id": other.sub})
    await other.told(own["id"])
    same(other.about(order["id"]), [], "what the other customer heard of the order")
    path = f"/v1/orders/{order['id']}"
    same(await _status(corner, path, other.sub), 404, "status for the other customer")
    same(await _status(corner, f"{path}/cancel", other.sub), 404, "status for his cancelling it")


async def _status(corner: Corner, path: str, customer_id: str) -> int:
    token = corner.token("customer", customer_id)
    if path.endswith("/cancel"):
        return (await corner.raw("POST", path, token, json={"reason": "not mine"})).status_code
    return (await corner.raw("GET", path, token)).status_code
