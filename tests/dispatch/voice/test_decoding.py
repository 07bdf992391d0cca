"""What the confined process needs is loaded before it gives up its rights: it may not read the folder of this project,
nor that of its libraries, where they are their owner's alone."""

import subprocess
import sys
from pathlib import Path

from tests.sounds import ENCODINGS, speech

PROGRAM = """
import sys
import dispatch.voice.worker
from dispatch.voice.decoding import inspect, warm_up
from dispatch.voice.formats import Malformed

warm_up()
before = set(sys.modules)
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        content = file.read()
    inspect(content, 120.0)
    for fault in (content[: len(content) // 2], b"", bytes(1000)):
        try:
            inspect(fault, 120.0)
        except Malformed:
            pass
print(sorted(set(sys.modules) - before))
"""


def test_nothing_is_loaded_after_the_warm_up(tmp_path: Path) -> None:
    for form in ENCODINGS:
        (tmp_path / form).write_bytes(speech(form))
    names = [str(tmp_path / form) for form in ENCODINGS]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *names], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
