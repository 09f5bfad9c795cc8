"""The searchset that a journal is handed: its documents, under our names, with the metadata of vkp.md 1.12. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.domain.fetching import TAG
from shared.domain.strict import load
from shared.fhir import serialise
from shared.storage.shelf_rows import Lying

_TAGS = "https://fhir.jft.nhn.no"
Json = dict[str, Any]


def searchset(documents: Sequence[Lying], tenant: str, titles: Mapping[str, str], links: Mapping[str, str]) -> bytes:
    """`titles`: of senders, by name; `links`: relation -> address."""
    entries = [_entry(one, tenant, titles) for one in documents]
    told = [{"relation": relation, "url": url} for relation, url in links.items()]
    return serialise({"resourceType": "Bundle", "type": "searchset", "link": told, **({"entry": entries} if entries else {})})


def _entry(one: Lying, tenant: str, titles: Mapping[str, str]) -> Json:
    resource = load(one.body)
    meta = resource["meta"] if type(resource.get("meta")) is dict else {}
    own = meta["tag"] if type(meta.get("tag")) is list else []
    tags = [*own, *_tags(one, tenant, titles)]
    named = {"resourceType": resource["resourceType"], "id": one.id, "meta": {**meta, "lastUpdated": written(one.at), "tag": tags}}
    return {"fullUrl": f"urn:uuid:{one.id}", "resource": {**resource, **named}, "search": {"mode": "match"}}


def _tags(one: Lying, tenant: str, titles: Mapping[str, str]) -> list[Json]:
    tags = [{"system": f"{_TAGS}/parent-organization-number", "code": tenant}]
    if one.source:
        tags.append({"system": f"{_TAGS}/source-client-id", "code": one.source})
    if one.source in titles:
        tags.append({"system": f"{_TAGS}/source-client-name", "code": titles[one.source]})
    if one.acknowledged:
        system, _, code = TAG.partition("|")
        tags.append({"system": system, "code": code})
    return tags


def status(one: Lying) -> bytes:
    """When what happened to a document; null for what has not. Nothing on a shelf fails."""
    times = {"registered": one.at, "read": int(one.read * 1000), "journalingAcknowledged": int(one.acknowledged * 1000), "failed": 0}
    return orjson.dumps({word: written(at) if at else None for word, at in times.items()})


def written(at: int) -> str:
    """A moment in milliseconds as FHIR's instant, in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
