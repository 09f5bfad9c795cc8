"""How many lines an endpoint's parcels stand in, and in which they stood before that number was changed.

A patient's parcels stand in one of the lines, by a keyed hash. When the register's number changes, patients move; what waits in the old
lines does not. So the old lines are closed, each at its end, in the transaction that every append goes through: from then on nothing comes
after what waits there, and a new line's parcels wait for the same patient's in the old ones (flow.ahead). Each generation has lines of its
own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared.access.register import Endpoint
from shared.domain.message import Lane
from shared.storage import batch
from shared.storage.append import Appender
from shared.storage.batch import create, submit

_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Generation:
    """So many lines. `until`: when it was replaced (seconds since 1970), 0 of the latest."""

    number: int
    lines: int
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Shape:
    """An endpoint's lines: those that parcels are put in now, and older ones in which some may still wait."""

    tenant: str
    endpoint: str
    now: Generation
    older: tuple[Generation, ...] = ()
    etag: str = ""

    def line(self, lane: Lane, patient: str, generation: Generation | None = None) -> str:
        """Where a patient's parcels stand. `patient`: the keyed hash, in hex."""
        one = generation or self.now
        return self._named(lane, int(patient[:8], 16) % one.lines, one)

    def lines(self, lane: Lane) -> list[str]:
        """Every line that may have something waiting."""
        return [line for one in (self.now, *self.older) for line in self.of(lane, one)]

    def of(self, lane: Lane, generation: Generation) -> list[str]:
        """The lines of one generation."""
        return [self._named(lane, number, generation) for number in range(generation.lines)]

    def holds(self, line: str) -> bool:
        """False: the line is of a generation that this shape does not know yet."""
        return generation_of(line) <= self.now.number

    def dropped(self, line: str) -> bool:
        """Whether it is of a generation that had nothing waiting any more."""
        return generation_of(line) not in [one.number for one in (self.now, *self.older)] and self.holds(line)

    def before(self, line: str) -> Sequence[Generation]:
        """The generations that were replaced before this line's began."""
        return [one for one in self.older if one.number < generation_of(line)]

    def _named(self, lane: Lane, number: int, generation: Generation) -> str:
        mark = f".{generation.number}" if generation.number else ""
        return f"{self.tenant}~{self.endpoint}~{lane}~{number:02}{mark}"


def generation_of(line: str) -> int:
    """How often the endpoint's lines had been replaced when this one began."""
    return int(line.rpartition(".")[2]) if "." in line else 0


class Shapes:
    """One per worker. What it knows is old only until it matters: a closed line takes nothing."""

    def __init__(self, table: TableClient, appender: Appender) -> None:
        self._table, self._appender = table, appender
        self._known: dict[tuple[str, str], Shape] = {}

    async def of(self, endpoint: Endpoint) -> Shape:
        """As known here; read from storage, or begun, at the first question."""
        known = self._known.get((endpoint.tenant, endpoint.name))
        return known or await self.read(endpoint)

    async def read(self, endpoint: Endpoint) -> Shape:
        """As it stands in storage."""
        for _ in range(_ROUNDS):
            try:
                row = await self._table.get_entity(endpoint.tenant, f"lines~{endpoint.name}")
            except ResourceNotFoundError:
                await self._write(Shape(endpoint.tenant, endpoint.name, Generation(0, endpoint.lines)))
                continue
            now, *older = (Generation(*one) for one in orjson.loads(row["generations"]))
            shape = Shape(endpoint.tenant, endpoint.name, now, tuple(older), str(row.metadata["etag"]))
            self._known[endpoint.tenant, endpoint.name] = shape
            return shape
        raise TimeoutError("the endpoint's lines were changed by others again and again")

    async def change(self, shape: Shape, endpoint: Endpoint, now: float) -> Shape:
        """Closes the lines that there are and begins as many as the register says. Safe to run again, and by several at once."""
        for lane in Lane:
            for line in shape.of(lane, shape.now):
                await self._appender.close(line)
        latest = Generation(shape.now.number + 1, endpoint.lines)
        await self._write(replace(shape, now=latest, older=(replace(shape.now, until=now), *shape.older)))
        return await self.read(endpoint)

    async def drop(self, shape: Shape, generations: Sequence[Generation]) -> None:
        """Forgets old lines that have nothing waiting any more."""
        await self._write(replace(shape, older=tuple(one for one in shape.older if one not in generations)))
        self._known.pop((shape.tenant, shape.endpoint), None)

    async def _write(self, shape: Shape) -> None:
        told = orjson.dumps([[one.number, one.lines, one.until] for one in (shape.now, *shape.older)]).decode()
        row = {"PartitionKey": shape.tenant, "RowKey": f"lines~{shape.endpoint}", "generations": told}
        try:
            await submit(self._table, [batch.replace(row, shape.etag) if shape.etag else create(row)])
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            return  # another was faster: what it wrote is read next
