"""How long our functions and files are, held to the sizes of the house: `python -m local.lengths`."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("function_app.py", "shared", "adapters", "local")
P90, MOST = 20, 40  # lines of a function without its docstring
ADAPTER, FILE = 150, 250  # lines of an adapter.py, and of any other file in shared/ and adapters/


@dataclass(frozen=True, slots=True)
class Function:
    where: str
    lines: int


def functions(text: str, name: str) -> Iterator[Function]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(f"{name}:{node.lineno} {node.name}", _lines(node))


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    docstring = ast.get_docstring(node) is not None
    return (node.end_lineno or 0) - node.lineno + 1 - ((first.end_lineno or 0) - first.lineno + 1 if docstring else 0)


def p90(lengths: list[int]) -> int:
    return sorted(lengths)[max(0, -(-len(lengths) * 9 // 10) - 1)]


def report(root: Path) -> tuple[str, list[str]]:
    """The figure, and what is too long."""
    files = [
        file
        for room in ROOMS
        for file in ([root / room] if room.endswith(".py") else sorted((root / room).rglob("*.py")))
        if file.is_file()
    ]
    texts = {file.relative_to(root).as_posix(): file.read_text() for file in files}
    all_functions = [function for name, text in texts.items() for function in functions(text, name)]
    lengths = [function.lines for function in all_functions]
    faults = [f"{function.where}: {function.lines} lines, at most {MOST}" for function in all_functions if function.lines > MOST]
    faults += [fault for name, text in texts.items() for fault in _file_fault(name, text)]
    if p90(lengths) > P90:
        faults.append(f"p90 of all functions is {p90(lengths)} lines, at most {P90}")
    return f"{len(lengths)} functions, p50 {sorted(lengths)[len(lengths) // 2]}, p90 {p90(lengths)}, longest {max(lengths)} lines", faults


def _file_fault(name: str, text: str) -> Iterator[str]:
    most = ADAPTER if name.endswith("/adapter.py") else FILE
    lines = text.count("\n")
    if name.startswith(("shared/", "adapters/")) and lines > most:
        yield f"{name}: {lines} lines, at most {most}"


def main() -> int:
    figure, faults = report(ROOT)
    print("\n".join([figure, *faults]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
