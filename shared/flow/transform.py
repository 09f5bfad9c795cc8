"""Second step: a worker takes a sender's line and turns its receipts, in order, into parcels at the end of their endpoints' lines."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from shared import log
from shared.access.patient import patient_key
from shared.access.register import Endpoint, Register, Tenant
from shared.domain.adapter import Problem
from shared.domain.event import Document
from shared.domain.message import Lane, Parcel
from shared.door import adapters
from shared.flow.anew import aside, joined, not_sent_yet, wanted
from shared.flow.attend import STOPPED, attend, come_back, fallen, holding, ring, waiting
from shared.flow.corrections import must_wait_for, originals
from shared.flow.duplicates import sort_out
from shared.flow.events import events
from shared.flow.follow_up import follows, known, remember
from shared.flow.forward import forward
from shared.flow.hand_over import Post, put_in_line
from shared.flow.job import Job
from shared.flow.names import message_of, owner_of, parcel_id, receipt_name
from shared.flow.translate import NOBODY, Context, Outgoing, translate
from shared.hub import Hub
from shared.storage.claims import Claim
from shared.storage.head import Head
from shared.storage.lines import Claimed, Hold, Look, Outcome
from shared.storage.packs import Pack
from shared.storage.queues import lane_of

_RECEIPTS = 90  # in one turn
_TOLD = 50  # problems of one receipt that are written down; all are counted
_ROUNDS = 4  # an id may be taken, and so may the id of a correction to it
_BYTES = 256 * 1024  # raw bytes in one turn, at least one receipt: documents are several times as long


async def transform(hub: Hub, lines: Sequence[str]) -> None:
    """Works the lines that a queue message names. What becomes of alarms is sent by this very worker, while it goes on."""
    sending: list[asyncio.Task[None]] = []
    try:
        await attend(hub, hub.receipts, lines, partial(_turn, sending=sending))
    finally:
        await asyncio.gather(*sending)


async def _turn(hub: Hub, line: str, look: Look, *, sending: list[asyncio.Task[None]]) -> bool:
    assert look.head  # noqa: S101 -- attend looks first
    tenant, sender = owner_of(line)
    if (await hub.registers.current()).stopped(tenant, sender):
        await come_back(hub, hub.receipts, line, hub.clock() + STOPPED, early=STOPPED)
        return False
    jobs = _chosen(look)
    hold = await _take(hub, line, look.head, jobs)
    if hold is None:
        return True
    async with holding(hub.receipts, hold, lambda: any(job.posts for job in jobs)):
        for job, behind in zip(jobs, await originals(hub, line, [job.verdict.after for job in jobs]), strict=True):
            job.behind = behind
        register = await hub.registers.current()
        await _work(hub, register, line, jobs, given_up=fallen(look.head, jobs[0].at))
        await _tell(hub, await _hand_over(hub, line, jobs), sending)
        await remember(hub, line, jobs)
        await hub.receipts.lines.commit(hold, _outcome(jobs, look.packs))
    _say(line, jobs)
    return look.more or any(waiting(pack) for pack in look.packs)


async def _hand_over(hub: Hub, line: str, jobs: Sequence[Job]) -> list[str]:
    """The lines in which parcels were put."""
    touched: dict[str, None] = {}
    for job in jobs:
        job.posts = await not_sent_yet(hub, line, job.before, job.posts)
    for kind in dict.fromkeys(job.source[0] for job in jobs):
        posts = [post for job in jobs if job.source[0] == kind for post in job.posts]
        touched |= dict.fromkeys(await put_in_line(hub, line + kind, sorted(posts, key=lambda post: post.at)))
    return list(touched)


async def _tell(hub: Hub, lines: Sequence[str], sending: list[asyncio.Task[None]]) -> None:
    """Alarms wait for no queue. Should this worker be lost, the sweep brings their lines back, as it has to with a message too."""
    alarms = [line for line in lines if lane_of(line) is Lane.ALARM]
    if alarms:
        sending.append(asyncio.create_task(_sent_on(hub, alarms)))
    await ring(hub, hub.parcels, [line for line in lines if line not in alarms])


async def _sent_on(hub: Hub, lines: Sequence[str]) -> None:
    try:
        await forward(hub, lines)
    except Exception as error:  # its own queue counts how often it fails, and is no reason to have receipts again
        log.step("not sent on", error=type(error).__name__)
        await hub.queues.put(hub.parcels.name, list(lines))


def _chosen(look: Look) -> list[Job]:
    """The first receipts that wait: as many as one turn may hold, one only after a fall."""
    jobs: list[Job] = []
    size = 0
    most = 1 if look.head and look.head.careful else _RECEIPTS
    for pack in look.packs:
        for place in waiting(pack):
            size += len(pack.bodies[place])
            if jobs and (len(jobs) >= most or size > _BYTES):
                return jobs
            jobs.append(Job(pack, place))
    return jobs


async def _take(hub: Hub, line: str, head: Head, jobs: list[Job]) -> Hold | None:
    """Takes the line and, in the same transaction, its receipts' ids; what was there already decides who is a duplicate of whom, and which
    of the jobs go together: the others are taken off."""
    owners: dict[str, Claim] = {}
    until = hub.clock() + hub.settings.hold_seconds
    for _ in range(_ROUNDS):
        together, claims = sort_out(jobs, owners, hub.clock())
        del jobs[together:]
        try:
            new = [claim for claim in claims if owners.get(claim.id) is not claim]
            return await hub.receipts.lines.take(line, head, jobs[-1].at, until, new)
        except Claimed:
            owners |= await hub.receipts.lines.owners(line, [claim.id for claim in claims])
    return None


async def _work(hub: Hub, register: Register, line: str, jobs: Sequence[Job], *, given_up: bool) -> None:
    tenant, sender = owner_of(line)
    municipality = register.tenant(tenant)
    for job in jobs:
        if job.verdict.duplicate:
            job.state = {"end": "duplicate", "first": job.verdict.first}
        elif given_up:
            job.state = {"cut": [*job.before.get("cut", ()), job.source]} | _set_aside(
                job, "the worker fell three times over this payload", "report it to the hub's operators with the receipt's id"
            )
        elif municipality is None:
            job.state = _set_aside(
                job, "the municipality is no longer in the register", "register it again and have the receipt transformed anew"
            )
        else:
            _transform(hub, register, municipality, sender, line, job)
            await asyncio.sleep(0)  # others have a turn between two payloads


def _transform(hub: Hub, register: Register, tenant: Tenant, sender: str, line: str, job: Job) -> None:
    adapter = adapters.device(job.entry["adapter"])
    if adapter is None:
        job.state = _set_aside(job, "the sender's format is no longer known to this hub", "deploy a version that has the adapter")
        return
    title = next((one.title for one in tenant.senders if one.name == sender), sender)
    received_at = datetime.fromtimestamp(job.entry["received_at"], UTC)
    context = Context(job.verdict.id, received_at, tenant.name, title, lambda device, at: register.person_at(tenant.orgnr, device, at))
    done = translate(adapter, job.body, context)
    documents = [document for document in done.documents if wanted(job.before, document.item)]
    problems = [problem for problem in done.problems if wanted(job.before, problem.item)]
    problems += _address(hub, register, line, job, documents)
    job.state = {
        "end": "set aside" if problems and not (job.posts or job.before.get("parcels")) else "transformed",
        "items": done.items,
        "documents": len(done.documents),
        "set_aside": len(problems),
        "unknown": sum(problem.reason.endswith(NOBODY) for problem in problems),
        "problems": [[problem.item, problem.reason, problem.remedy] for problem in problems[:_TOLD]],
        **({"aside": aside(job.before, [problem.item for problem in problems])} if problems else {}),
        "events": events(done.documents),
        **_notes(done.documents),
        **follows(hub, tenant, documents),
    }


def _notes(documents: Sequence[Outgoing]) -> dict[str, list[str]]:
    """What was mended in national documents before they went on, and what a reader should know of them."""
    found = [document.event.what for document in documents if isinstance(document.event.what, Document)]
    return {
        "repairs": [said for what in found for said in what.repairs][:_TOLD],
        "warnings": [said for what in found for said in what.warnings][:_TOLD],
    }


def _address(hub: Hub, register: Register, line: str, job: Job, documents: Sequence[Outgoing]) -> list[Problem]:
    """Addresses each document to every endpoint that a route names; a document without one is a problem."""
    problems, (orgnr, _), lane = [], owner_of(line), lane_of(line)
    for document in documents:
        endpoints = register.endpoints(orgnr, job.entry["adapter"], document.event, lane)
        if not endpoints:
            problems.append(Problem(document.item, "no route leads to a journal", "add a route to the municipality's register"))
        for endpoint in endpoints:
            assert document.event.person  # noqa: S101 -- translate settles it
            key = patient_key(hub.settings.patient_key, orgnr, document.event.person)
            parcel = _parcel(job, document, endpoint, key, lane)
            parcel["of"] = receipt_name(line, job.at)
            job.posts.append(Post(endpoint, parcel, document.body, job.source[1], job.stands))
    return problems


def _parcel(job: Job, document: Outgoing, endpoint: Endpoint, patient: str, lane: Lane) -> Parcel:
    message = message_of(job.verdict.id, document.event.id)
    parcel = known(endpoint, Parcel(id=parcel_id(message, endpoint.name), patient=patient, resource=document.resource), document.body)
    if lane is Lane.ALARM:
        parcel["message"] = message
    if after := must_wait_for(job.behind, endpoint, patient, lane):
        parcel["after"] = after
    return parcel


def _outcome(jobs: Sequence[Job], looked: Sequence[Pack]) -> Outcome:
    touched = {job.pack.sequence for job in jobs}
    for job in jobs:
        stands = joined(job.before, job.stands)
        job.pack.states[job.place] = job.state | _known(job) | ({"parcels": stands} if stands else {})
    packs = [pack for pack in looked if pack.sequence in touched]
    marked = {job.pack.sequence for job in jobs if job.state.get("problems")}
    return Outcome(
        ended=[pack for pack in packs if pack.ended],
        changed=[pack for pack in packs if not pack.ended],
        marked=[pack for pack in packs if pack.sequence in marked],
        through=jobs[-1].at,
    )


def _known(job: Job) -> dict[str, Any]:
    """What is not found out a second time: what was done with it by hand, what it corrects and, should it be transformed anew, its id, what
    it comes after and the job that had it done."""
    verdict = job.verdict
    told: dict[str, Any] = {"acts": job.before["acts"]} if "acts" in job.before else {}
    told |= {"corrects": verdict.first} if verdict.correction else {}
    if not job.state.get("problems"):
        return told
    batch = {"batch": job.before["batch"]} if "batch" in job.before else {}
    told |= {"cut": job.before["cut"]} if "cut" in job.before and "cut" not in job.state else {}
    return told | {"id": verdict.id, "after": verdict.after} | batch


def _set_aside(job: Job, reason: str, remedy: str) -> dict[str, Any]:
    told = {"end": "set aside", "items": 0, "documents": 0, "set_aside": 1, "problems": [[-1, reason, remedy]]}
    return {**told, "aside": aside(job.before, [-1])}


def _say(line: str, jobs: Sequence[Job]) -> None:
    """One line per turn, and an alarm for each receipt of the alarm lane that a human must look at."""
    problems = sum(job.state.get("set_aside", 0) for job in jobs)
    log.step("transformed", line=line, receipts=len(jobs), parcels=sum(len(job.posts) for job in jobs), problems=problems)
    for job in jobs:
        if job.state.get("problems") and lane_of(line) is Lane.ALARM:
            log.alarm("set aside on the alarm lane", receipt=receipt_name(line, job.at), problems=job.state["set_aside"])
