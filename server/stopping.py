"""SIGTERM and Ctrl-C: the first one asks for the orderly end, the others change nothing.

Knows nothing of what ends. Invariant: from the first signal to the last instruction of the process no further one
interrupts the drain or spoils the exit code.
"""

import asyncio
import signal

_ASKING = (signal.SIGTERM, signal.SIGINT)


def stopped() -> asyncio.Event:
    """Set with the first signal that this process gets."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def asked() -> None:
        stop.set()
        # A loop that closes puts the default back, by which a late signal would kill: so it is taken from the loop.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ASKING)
        for number in _ASKING:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKING)

    for number in _ASKING:
        loop.add_signal_handler(number, asked)
    return stop
