"""There is a browser to test with."""

import pytest

from tests.console.chromium import missing


def test_there_is_a_chromium_and_a_chinese_font() -> None:
    """All other tests of the pages are left out without them (see conftest)."""
    lack = missing()
    if lack is not None:
        pytest.fail(f"the pages can not be tested: {lack}", pytrace=False)
