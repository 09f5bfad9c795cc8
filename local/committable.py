"""What may not be committed: binaries, paths of one machine, hosts of package registries. `python -m local.committable`."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULES = {
    "a path of one machine": re.compile(r"(?<![\w.~}/])/(work|tmp|root|home/\w+|Users/\w+)/\w"),
    "a package registry's host": re.compile(r"registry[.]npmjs|registry[.]yarnpkg|\bpypi[.]org|pythonhosted[.]org|deb[.]debian[.]org"),
}


def faults(name: str, body: bytes) -> Iterator[str]:
    """Names the file and the line, not what stands there."""
    if b"\0" in body and "/examples/" not in name:  # a payload is kept as it comes, in UTF-16 too
        yield f"{name}: a binary file"
        return
    for number, line in enumerate(body.decode(errors="replace").splitlines(), start=1):
        yield from (f"{name}:{number}: {what}" for what, pattern in RULES.items() if pattern.search(line))


def committed(root: Path) -> list[str]:
    """What git holds or would take with `git add .`, as far as it is there."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        raise SystemExit("git could not list the files: run this in a clone")
    return sorted(name for name in set(listed.stdout.split("\0")) if name and (root / name).is_file())


def main() -> int:
    names = committed(ROOT)
    found = [fault for name in names for fault in faults(name, (ROOT / name).read_bytes())]
    print("\n".join([f"{len(names)} files", *found]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
