"""Route templates of HTTP triggers: literals, {name}, {name:constraint}, {name?}, {name=default}, {*rest}, as ASP.NET reads them."""

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from posixpath import normpath
from urllib.parse import unquote

from local.host.functions import Function
from local.host.settings import StartError

Check = Callable[[str, str], bool]  # (value, arguments of the constraint)

_ARGUMENTS = r"\(((?:[^()]|\\[()]|\([^()]*\))*)\)"
_SEGMENT = re.compile(r"(?:\{(?:[^{}]|\{\{|\}\})*\}|[^/{}])+")
_TOKEN = re.compile(r"\{((?:[^{}]|\{\{|\}\})*)\}")
_PARAMETER = re.compile(
    rf"(?P<star>\*{{0,2}})(?P<name>[A-Za-z_][\w-]*)(?P<checks>(?::\w+(?:{_ARGUMENTS})?)*)(?:(?P<optional>\?)|=(?P<default>.*))?"
)
_CHECK = re.compile(rf":(\w+)(?:{_ARGUMENTS})?")
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


def _text(pattern: str) -> Check:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value, _: compiled.fullmatch(value) is not None


def _whole(bits: int) -> Check:
    return lambda value, _: re.fullmatch(r"[+-]?[0-9]{1,20}", value) is not None and -(2 ** (bits - 1)) <= int(value) < 2 ** (bits - 1)


def _parsed(parse: Callable[[str], object]) -> Check:
    def check(value: str, _: str) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return check


def _measured(measure: Callable[[str], int], accepts: Callable[[int, int, int], bool]) -> Check:
    def check(value: str, arguments: str) -> bool:
        limits = [int(part) for part in arguments.split(",")]
        try:
            return accepts(measure(value), limits[0], limits[-1])
        except ValueError:
            return False

    return check


# "Route constraint reference" of ASP.NET Core, all but `file` and `nonfile`.
CHECKS: dict[str, Check] = {
    "int": _whole(32),
    "long": _whole(64),
    "bool": _text("(?i:true|false)"),
    "guid": _parsed(uuid.UUID),
    "datetime": _parsed(datetime.fromisoformat),
    "decimal": _text(_NUMBER),
    "double": _text(_NUMBER),
    "float": _text(_NUMBER),
    "alpha": _text("[A-Za-z]*"),
    "minlength": _measured(len, lambda n, least, _: n >= least),
    "maxlength": _measured(len, lambda n, most, _: n <= most),
    "length": _measured(len, lambda n, least, most: least <= n <= most),
    "min": _measured(int, lambda n, least, _: n >= least),
    "max": _measured(int, lambda n, most, _: n <= most),
    "range": _measured(int, lambda n, least, most: least <= n <= most),
    "regex": lambda value, pattern: re.search(pattern, value, re.IGNORECASE) is not None,
    "required": lambda value, _: bool(value),
}


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    checks: tuple[tuple[str, str], ...]  # constraint, arguments
    default: str | None
    optional: bool
    rest: bool

    def accepts(self, value: str) -> bool:
        return all(CHECKS[name](value, arguments) for name, arguments in self.checks)


@dataclass(frozen=True, slots=True)
class Route:
    function: Function
    template: str
    methods: frozenset[str]  # empty: all
    pattern: re.Pattern[str]
    parameters: tuple[_Parameter, ...]
    precedence: tuple[int, ...]

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The route parameters by name, None if this is not the route."""
        found = self.pattern.fullmatch(path)
        if found is None or (self.methods and method not in self.methods):
            return None
        values: dict[str, str] = {}
        for parameter, value in zip(self.parameters, found.groups(), strict=True):
            value = parameter.default if value is None else value
            if value is None:
                continue
            if not parameter.accepts(value):
                return None
            values[parameter.name] = value
        return values

    def __str__(self) -> str:
        return f"{','.join(sorted(self.methods)) or 'all methods'} /{self.template}"


def routes(functions: Iterable[Function], prefix: str) -> list[Route]:
    """Most specific first. Two functions with the same route and method cannot be told apart: StartError, as in the real host."""
    made = [_route(each, prefix) for each in functions]
    for at, one in enumerate(made):
        for other in made[:at]:
            same = one.template.lower() == other.template.lower()
            if same and (not one.methods or not other.methods or one.methods & other.methods):
                raise StartError(f"{one.function.name} and {other.function.name} have the same route and method: /{one.template}")
    return sorted(made, key=lambda each: each.precedence)


def path_of(raw: str) -> str:
    """The path to match, decoded but for %2F, without dot segments and trailing slash."""
    path = raw.partition("?")[0]
    if "%" in path:
        path = "%2F".join(unquote(part) for part in re.split("%2[fF]", path))
    if "/." in path:
        path = normpath(path)
    return path.removesuffix("/")


def _route(function: Function, prefix: str) -> Route:
    own = str(function.trigger.get("route") or function.name).strip("/")
    if own.lower().startswith(("admin", "runtime")):
        raise StartError(f"{function.name}: routes that begin with admin or runtime are the host's own: choose another")
    template = "/".join(part for part in (prefix.strip("/"), own) if part)
    segments = [_segment(text, function.name) for text in _SEGMENT.findall(template)]
    return Route(
        function=function,
        template=template,
        methods=frozenset(str(method).upper() for method in function.trigger.get("methods") or ()),
        pattern=re.compile("".join(pattern for pattern, _, _ in segments), re.IGNORECASE | re.DOTALL),
        parameters=tuple(parameter for _, found, _ in segments for parameter in found),
        precedence=tuple(rank for _, _, rank in segments),
    )


def _segment(text: str, where: str) -> tuple[str, list[_Parameter], int]:
    """Its pattern with the slash before it, its parameters, and its rank: the lower, the earlier it is tried."""
    pieces = _TOKEN.split(text)  # literal, token, literal, token, ..., literal
    parameters = [_parameter(token, where) for token in pieces[1::2]]
    literals = [re.escape(piece) for piece in pieces[::2]]
    if not parameters:
        return f"/{literals[0]}", [], 1
    groups = ["(.*)" if each.rest else "([^/]+)" for each in parameters]
    pattern = "/" + "".join(literal + group for literal, group in zip(literals, [*groups, ""], strict=True))
    alone = text.startswith("{") and text.endswith("}") and len(parameters) == 1
    first = parameters[0]
    if alone and (first.optional or first.rest or first.default is not None):
        pattern = f"(?:{pattern})?"
    return pattern, parameters, _rank(first)


def _rank(parameter: _Parameter) -> int:
    return (4 if parameter.rest else 2) + (not parameter.checks)


def _parameter(token: str, where: str) -> _Parameter:
    match = _PARAMETER.fullmatch(token.replace("{{", "{").replace("}}", "}"))
    if match is None:
        raise StartError(f"{where}: the route parameter {{{token}}} cannot be read")
    checks = tuple((name, arguments) for name, arguments in _CHECK.findall(match["checks"]))
    for name, arguments in checks:
        _probe(name, arguments, where)
    return _Parameter(match["name"], checks, match["default"], match["optional"] is not None, bool(match["star"]))


def _probe(name: str, arguments: str, where: str) -> None:
    if name not in CHECKS:
        raise StartError(f"{where}: the route constraint {name} is none of {', '.join(CHECKS)}")
    try:
        CHECKS[name]("1", arguments)
    except (ValueError, re.error):
        raise StartError(f"{where}: the arguments of the route constraint {name} cannot be read") from None


def find(table: Sequence[Route], method: str, path: str) -> tuple[Function, dict[str, str]] | None:
    for each in table:
        values = each.match(method, path)
        if values is not None:
            return each.function, values
    return None
