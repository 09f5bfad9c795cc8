"""What a row of the table of routes says."""

from collections.abc import Mapping
from dataclasses import dataclass

JSON, PROBLEM, FHIR, HTML = "application/json", "application/problem+json", "application/fhir+json", "text/html"
FORM, TEXT = "application/x-www-form-urlencoded", "text/plain"

TOKEN = ("bearer", "dpop")  # components.securitySchemes: any one of a route's is enough
SHARED = ("secret", "basic", "signature")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a status brings. `schema`: a component; `headers`: those that are always there."""

    media: str
    schema: str
    means: str
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """`means`: paragraphs, with `code` in backticks. `refusals`: rows of statuses.REFUSALS, told in the media type `refused_in`.

    `own`: a format may answer in its protocol's own words.
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    means: str
    answers: Mapping[int, Answer]
    refusals: tuple[int, ...] = ()
    refused_in: str = PROBLEM
    proof: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    body: str = ""  # a component
    media: tuple[str, ...] = ()
    own: bool = False


CORRELATED = ("X-Correlation-Id",)
