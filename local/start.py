"""`python -m local.start MODULE ...`: runs one of our modules so that Ctrl-C ends it quietly until the module says otherwise itself.

Who calls us has blocked SIGINT, so that one that came in between waits for us. Standard library only.
"""

import runpy
import signal
import sys


def main() -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else a shell's `&` has it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
