"""What the tests of the faults need of the machine."""

import pytest

from tests.faults.shim import found_compiler

needs_compiler = pytest.mark.skipif(found_compiler() is None, reason="no C compiler: no shim for clock, disk and power")
