"""The pictures: that they are drawn, and of what was measured."""

from pathlib import Path

import pytest

from loadtest.plot import draw_curve, draw_percentiles
from loadtest.results import Percentiles, RatePoint

PNG = b"\x89PNG\r\n\x1a\n"
LATENCY = Percentiles(100, 6.1, 5.0, 9.0, 40.0, 61.3, 88.0)
NONE = Percentiles(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
CURVE = (
    RatePoint(100, 100, LATENCY, {"grab → verdict": LATENCY}),
    RatePoint(400, 380, LATENCY, {"grab → verdict": NONE}),
    RatePoint(800, 350, LATENCY),
)


@pytest.mark.parametrize(("curve", "saturation"), [(CURVE, 400.0), (CURVE[:1], None)])
def test_a_curve_is_drawn(tmp_path: Path, curve: tuple[RatePoint, ...], saturation: float | None) -> None:
    draw_curve(tmp_path / "curve.png", curve, saturation)
    assert (tmp_path / "curve.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("limit_ms", [100.0, None])
def test_percentiles_are_drawn(tmp_path: Path, limit_ms: float | None) -> None:
    draw_percentiles(tmp_path / "late.png", {"a round": LATENCY, "never": NONE}, "lateness", limit_ms)
    assert (tmp_path / "late.png").read_bytes().startswith(PNG)
