"""Asks a Python referee: a JSON list of resources on stdin, a list of what it has against each on stdout.

Run by the Python of .hub/referees/venv, which has nothing of ours: `judge.py pyrofile CORE` or `judge.py fhirkit`.
"""

import importlib
import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

Judge = Callable[[Any], list[str]]


def pyrofile(core: str) -> Judge:
    """`core`: the folder of R4's own definitions, a file each."""
    library = importlib.import_module("pyrofile_validator")
    settings = importlib.import_module("pyrofile_validator.config").ValidatorConfig
    validator = library.Validator(settings.load_dict({"localPackagePaths": [core], "allowUnknownExtensions": True}))
    return lambda resource: [f"{each.path}: {each.code}: {each.message}" for each in validator.validate_resource(resource).errors]


def fhirkit() -> Judge:
    library = importlib.import_module("fhirkit")
    return lambda resource: [f"{each.path}: {each.message}" for each in library.validate(resource) if each.severity == "error"]


def asked(judge: Judge, resource: Any) -> list[str]:
    """A referee that stumbles has refused, in its way."""
    try:
        return list(dict.fromkeys(judge(resource)))
    except Exception as error:
        return [f": {type(error).__name__}: {error}"]


def main(name: str, *settings: str) -> None:
    with redirect_stdout(io.StringIO()):  # a library of pyrofile's prints what it traces
        judge = pyrofile(*settings) if name == "pyrofile" else fhirkit()
        told = [asked(judge, resource) for resource in json.load(sys.stdin)]
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
