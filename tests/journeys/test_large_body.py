"""A body over the limit is answered, not cut off: the client is still sending when the answer is made."""

from pathlib import Path

import httpx

from loadtest.tokens import mint
from tests.journeys.cluster import SECRET, cluster

MEGABYTES = (1, 2, 8)


async def test_the_answer_arrives_however_much_is_sent(tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {mint(SECRET, 'service', 'backend')}", "Content-Type": "application/json"}
    async with cluster(tmp_path) as city, httpx.AsyncClient(trust_env=False) as http:
        for size in MEGABYTES:
            for _ in range(6):
                body = b'{"kind":"' + b"x" * (size << 20) + b'"}'
                answer = await http.post(f"{city.servers[0].http_url}/v1/orders", content=body, headers=headers)
                assert answer.status_code == 413
                assert answer.json()["code"] == "too_large"
