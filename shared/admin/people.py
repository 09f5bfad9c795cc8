"""Who may do what in a municipality: listed, given and taken. Nobody changes their own access, so somebody is always left to give it."""

from shared.access.people import EVERYBODY, LONGEST, MOST, OF_USERS, Role, Roll, User, acceptable, person_key
from shared.admin import roll, told
from shared.admin.door import Answer, Asked, Guest, attended, enter
from shared.admin.messages import UNKNOWN
from shared.admin.reading import body
from shared.domain.clock import first_of
from shared.door.answers import Fault, Reply
from shared.hub import Hub

_OWN = Fault(403, "nobody changes their own access", "ask another user administrator")
_LOST = Fault(403, "you can no longer administer users", "ask another user administrator")
_FULL = Fault(409, f"a municipality has at most {MOST} people", "remove those whose access has ended")


async def listed(hub: Hub, asked: Asked) -> Reply:
    return await attended(hub, asked, "people.list", OF_USERS, _listed)


async def me(hub: Hub, asked: Asked) -> Reply:
    """Whoever asks: their role, and until when."""
    return await attended(hub, asked, "people.me", EVERYBODY, _me)


async def put(hub: Hub, asked: Asked) -> Reply:
    """Gives access, or gives it anew: to somebody new by their number, to somebody listed by their id."""
    return await attended(hub, asked, "people.put", OF_USERS, _put)


async def remove(hub: Hub, asked: Asked) -> Reply:
    return await attended(hub, asked, "people.remove", OF_USERS, _remove)


async def _listed(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    people = await roll.read(hub, guest.tenant)
    return 200, {"users": [told.user(key, one, hub.clock(), guest.key) for key, one in people.items()]}


async def _me(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    return 200, told.user(guest.key, (await roll.read(hub, guest.tenant))[guest.key], hub.clock(), guest.key)


async def _put(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    given = body(asked, "number", "user", "name", "role", "until")
    if missing := {"name", "role"} - given.keys():
        raise Fault(400, f"{', '.join(sorted(missing))} is missing", "send the name and the role")
    now = hub.clock()
    until = first_of(given["until"]).timestamp() if "until" in given else now + LONGEST
    if not now < until <= now + LONGEST:
        raise Fault(400, "until is not within the next six months", "send a moment until which access is given", field="$.until")
    key, user = _whom(hub, given, guest), User(Role(given["role"]), given["name"], now, until)
    if key == guest.key:
        raise _OWN

    def change(people: dict[str, User]) -> None:
        _still(people, guest, now)
        if "user" in given and key not in people:
            raise UNKNOWN
        if key not in people and len(people) >= MOST:
            raise _FULL
        people[key] = user

    change(dict(await roll.read(hub, guest.tenant)))  # what may not be leaves no entry that says it was
    await enter(hub, guest, "people.put", f"{user.role}:{key}")
    await roll.write(hub, guest.tenant, change)
    return 200, told.user(key, user, now, guest.key)


def _whom(hub: Hub, given: dict[str, str], guest: Guest) -> str:
    if ("number" in given) == ("user" in given):
        raise Fault(400, "it does not say who, or says it twice", "send the number of somebody new, or the user of somebody listed")
    if "user" in given:
        return given["user"]
    if not acceptable(given["number"], hub.settings.numbers):
        raise Fault(400, "number is no person's number that this environment takes", "send eleven digits", field="$.number")
    return person_key(hub.settings.patient_key, guest.tenant, given["number"])


def _still(people: Roll, guest: Guest, now: float) -> None:
    """Two who take each other's access at once: the second has none any more."""
    if (own := people.get(guest.key)) is None or own.role not in OF_USERS or own.ended(now):
        raise _LOST


async def _remove(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    key, now = asked.named["user"], hub.clock()
    if key == guest.key:
        raise _OWN

    def change(people: dict[str, User]) -> None:
        _still(people, guest, now)
        if people.pop(key, None) is None:
            raise UNKNOWN

    change(dict(await roll.read(hub, guest.tenant)))
    await enter(hub, guest, "people.remove", key)
    await roll.write(hub, guest.tenant, change)
    return 200, {"removed": key}
