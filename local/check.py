"""`./hub check`: every rule that a machine can hold us to, one line each; a rule that is broken shows its tool's words."""

import subprocess
import sys
import time

from local import lengths

PYTHON = (sys.executable, "-m")
CHECKS = {
    "format": ("ruff", "format", "--check", "--quiet", ".", "hub"),
    "lint": ("ruff", "check", "--quiet", ".", "hub"),
    "types": ("mypy",),
    "architecture": ("pytest", "tests/test_architecture.py", "-q", "--no-header", "-p", "no:randomly", "-p", "no:cacheprovider"),
    "lengths": ("local.lengths",),
    "committable": ("local.committable",),
}


def run(name: str) -> bool:
    began = time.monotonic()
    done = subprocess.run([*PYTHON, *CHECKS[name]], cwd=lengths.ROOT, capture_output=True, text=True, check=False)
    output = (done.stdout + done.stderr).strip()
    mark, note = ("✓", output.splitlines()[-1:]) if done.returncode == 0 else ("✗", [])
    print(f"{mark} {name:<14}{time.monotonic() - began:5.1f} s  {' '.join(note)}".rstrip(), flush=True)
    if done.returncode != 0:
        print("\n".join(f"    {line}" for line in output.splitlines()), flush=True)
    return done.returncode == 0


def main() -> int:
    broken = [name for name in CHECKS if not run(name)]
    print(f"./hub check: {', '.join(broken)} broken" if broken else f"./hub check: all {len(CHECKS)} hold", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
