"""Who may import whom, and what the pure rooms may not do. Read from the source, so that nothing needs to run."""

import ast
from collections.abc import Iterator
from pathlib import Path

from local import lengths

ROOT = lengths.ROOT
PRODUCT = [*(ROOT / "shared").rglob("*.py"), *(ROOT / "adapters").rglob("*.py"), ROOT / "function_app.py"]
PURE = ("shared.domain", "shared.fhir", "shared.access", "shared.contract", "adapters")

SHELL = ("shared.hub", "shared.storage", "shared.settings", "shared.log", "shared.access", "shared.fhir")
ROOMS = {  # a room, and the rooms of ours that it may import besides itself; shared.errors and shared.domain are open to all
    "shared.errors": (),
    "shared.log": (),
    "shared.settings": ("shared.access",),
    "shared.domain": (),
    "shared.fhir": ("shared.access.entry",),  # which the audit log says as AuditEvent
    "shared.access": (),
    "shared.storage": ("shared.access", "shared.settings", "shared.log"),
    "shared.keys": ("shared.access", "shared.log"),
    "shared.hub": ("shared.storage", "shared.settings", "shared.log", "shared.access", "shared.keys"),
    "shared.contract": ("shared.access", "shared.fhir"),
    "shared.door": ("shared.keys", "shared.contract", *SHELL),
    "shared.lookup": ("shared.door", *SHELL),
    "shared.shelf": ("shared.door", *SHELL),
    "shared.flow": ("shared.door", *SHELL),
    "shared.messages": ("shared.flow", *SHELL),
    "shared.admin": ("shared.messages", "shared.flow", "shared.door", *SHELL),
    "shared.notice": ("shared.flow", "shared.door", *SHELL),
    "adapters": ("shared.fhir", "shared.access.signature"),
    "function_app": ("shared",),
}
IMPURE = {  # modules that reach outside: the world, the clock, chance, the environment
    *("os", "io", "sys", "time", "random", "secrets", "socket", "ssl", "select", "subprocess", "threading", "multiprocessing", "asyncio"),
    *(
        "tempfile",
        "shutil",
        "glob",
        "http",
        "logging",
        "ftplib",
        "smtplib",
        "sqlite3",
        "urllib.request",
        "urllib3",
        "requests",
        "aiohttp",
        "azure",
    ),
}
READS_ITS_TABLES = {"shared.fhir.terminology"}  # the code tables that lie beside it, once
IMPURE_CALLS = {
    "open",
    "input",
    "exec",
    "eval",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "uuid1",
    "uuid4",
    "uuid.uuid4",
}


def module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(file: Path) -> set[str]:
    """Every module that a file imports, at its top or inside a function; `from shared import fhir` counts as shared.fhir."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {_resolved(node.module or "", alias.name) for alias in node.names}
    return found


def _resolved(name: str, part: str) -> str:
    inside = ROOT.joinpath(*name.split("."), part)
    return f"{name}.{part}" if inside.is_dir() or inside.with_suffix(".py").is_file() else name


def within(name: str, rooms: Iterator[str] | tuple[str, ...] | set[str]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def room_of(name: str) -> str:
    return next((room for room in ROOMS if within(name, (room,))), name)


def strangers(file: Path) -> Iterator[str]:
    """Modules of ours that this file imports and should not."""
    own = room_of(module(file))
    allowed = (own, *ROOMS.get(own, ()), "shared.errors", "shared.domain")
    if own == "adapters":
        allowed = (module(file.parent), *ROOMS[own], "shared.errors", "shared.domain")  # an adapter never leans on another
    ours = (name for name in imports(file) if within(name, ("shared", "adapters", "local", "tests", "function_app")) and name != "shared")
    return (f"{module(file)} imports {name}" for name in ours if not within(name, allowed))


def test_every_room_imports_only_what_it_may() -> None:
    assert [line for file in PRODUCT for line in strangers(file)] == []


def test_only_the_storage_room_imports_the_storage_sdk() -> None:
    assert [
        module(f) for f in PRODUCT for name in imports(f) if within(name, ("azure.storage", "azure.data")) and "storage" not in f.parts
    ] == []


def test_only_function_app_imports_the_functions_sdk() -> None:
    assert [
        module(f) for f in PRODUCT if f.name != "function_app.py" and any(within(name, ("azure.functions",)) for name in imports(f))
    ] == []


def test_domain_fhir_access_and_adapters_reach_nothing_outside() -> None:
    pure = [file for file in PRODUCT if within(module(file), PURE) and module(file) not in READS_ITS_TABLES]
    assert [f"{module(file)} imports {name}" for file in pure for name in imports(file) if within(name, IMPURE)] == []
    assert [f"{module(file)} calls {call}" for file in pure for call in calls(file) & IMPURE_CALLS] == []
    assert [
        module(file) for file in pure if any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(ast.parse(file.read_text())))
    ] == []


def calls(file: Path) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)}


def test_shared_never_names_a_particular_adapter() -> None:
    names = {folder.name for folder in (ROOT / "adapters" / "devices").iterdir() if (folder / "adapter.py").is_file()}
    texts = {file: ast.walk(ast.parse(file.read_text())) for file in (ROOT / "shared").rglob("*.py")}
    assert [(module(f), n.value) for f, nodes in texts.items() for n in nodes if isinstance(n, ast.Constant) and n.value in names] == []


def test_there_are_no_import_cycles() -> None:
    graph = {module(file): {name for name in imports(file) if within(name, ("shared", "adapters"))} for file in PRODUCT}
    while leaves := {name for name, needs in graph.items() if not needs & graph.keys() - {name}}:
        graph = {name: needs for name, needs in graph.items() if name not in leaves}
    assert sorted(graph) == []


def test_functions_and_files_keep_to_their_sizes() -> None:
    assert lengths.report(ROOT)[1] == []
