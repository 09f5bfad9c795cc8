"""From measurements to figures: percentiles, the JSON and the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from statistics import median

from local.bench.load import Times

Figures = dict[str, object]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of them do not exceed (nearest rank): a value that was really seen."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


@dataclass(slots=True)
class Load:
    """One or more stretches of load on one side: `cpu` and `emulator_cpu` in seconds, `calls` by kind."""

    events: int = 0
    rates: list[float] = field(default_factory=list)  # events/s, one for each stretch
    times: Times = field(default_factory=Times)
    cpu: float = 0.0
    emulator_cpu: float = 0.0
    calls: dict[str, int] = field(default_factory=dict)

    def add(self, other: "Load") -> None:
        self.events += other.events
        self.rates += other.rates
        self.times.add(other.times)
        self.cpu += other.cpu
        self.emulator_cpu += other.emulator_cpu
        for kind, calls in other.calls.items():
            self.calls[kind] = self.calls.get(kind, 0) + calls

    @property
    def rate(self) -> float:
        return median(self.rates) if self.rates else 0.0

    def per(self, amount: float) -> float:
        return amount / self.events if self.events else 0.0


def milliseconds(name: str, seconds: Sequence[float]) -> Figures:
    return {f"{name}_p{percent}_ms": round(1000 * percentile(seconds, percent), 2) for percent in (50, 99)}


def loaded(load: Load, unit: str) -> Figures:
    """What a load of single events or of items says; `unit`: event or item."""
    return {
        f"{unit}s_per_s": round(load.rate, 1),
        **milliseconds("accept", load.times.accept),
        **milliseconds("end_to_end", load.times.through),
        f"cpu_ms_per_{unit}": round(1000 * load.per(load.cpu), 3),
        f"emulator_cpu_ms_per_{unit}": round(1000 * load.per(load.emulator_cpu), 3),
        f"storage_calls_per_{unit}": round(load.per(sum(load.calls.values())), 3),
        "storage_calls": {kind: round(load.per(calls), 3) for kind, calls in sorted(load.calls.items())},
        "rounds": [round(rate, 1) for rate in load.rates],
    }


def single(hub: Load, raw: Load, half: Load) -> Figures:
    """The hub beside raw, and at half of its own rate."""
    beside = loaded(raw, "event")
    return {
        **loaded(hub, "event"),
        **{f"raw_{name}": value for name, value in beside.items()},
        "ratio": round(hub.rate / raw.rate, 3) if raw.rate else 0.0,
        "half_load_events_per_s": round(half.rate, 1),
        **{f"half_load_{name}": value for name, value in milliseconds("accept", half.times.accept).items()},
        **{f"half_load_{name}": value for name, value in milliseconds("end_to_end", half.times.through).items()},
        "half_load_storage_calls_per_event": round(half.per(sum(half.calls.values())), 3),
        "half_load_unsent": half.times.unsent,
    }


def useful(calls: Mapping[str, int]) -> int:
    """Storage calls that an event alone cost: a receive counts only if it brought a message, which is then deleted, and what timers read
    does not."""
    return sum(calls.values()) - calls.get("queue receive", 0) + calls.get("queue delete", 0) - calls.get("table housekeeping", 0)


def alone(times: Times, each: Sequence[Mapping[str, int]]) -> Figures:
    """The median of many events, each by itself; polls that brought nothing stand apart."""
    kinds = sorted({kind for calls in each for kind in calls} - {"queue receive"})
    polls = [max(0, calls.get("queue receive", 0) - calls.get("queue delete", 0)) for calls in each]
    return {
        "storage_calls_per_event": median(useful(calls) for calls in each),
        "storage_calls_most": max(useful(calls) for calls in each),
        "storage_calls": {kind: median(calls.get(kind, 0) for calls in each) for kind in kinds},
        "idle_polls_per_event": round(sum(polls) / len(polls), 1),
        **milliseconds("accept", times.accept),
        **milliseconds("end_to_end", times.through),
        "events": len(each),
    }


# group, figure, what it is called, unit, goal (of issue 2), whether more is better
ROWS: tuple[tuple[str, str, str, str, float | None, bool], ...] = (
    ("single", "events_per_s", "hub", "events/s", None, True),
    ("single", "raw_events_per_s", "raw", "events/s", None, True),
    ("single", "ratio", "hub / raw", "", 0.70, True),
    ("single", "accept_p50_ms", "accept p50", "ms", None, False),
    ("single", "accept_p99_ms", "accept p99", "ms", None, False),
    ("single", "end_to_end_p50_ms", "end to end p50", "ms", None, False),
    ("single", "end_to_end_p99_ms", "end to end p99", "ms", None, False),
    ("single", "raw_end_to_end_p50_ms", "raw: end to end p50", "ms", None, False),
    ("single", "cpu_ms_per_event", "CPU of the app", "ms/event", None, False),
    ("single", "raw_cpu_ms_per_event", "raw: CPU of the app", "ms/event", None, False),
    ("single", "emulator_cpu_ms_per_event", "CPU of the emulator", "ms/event", None, False),
    ("single", "raw_emulator_cpu_ms_per_event", "raw: CPU of the emulator", "ms/event", None, False),
    ("single", "storage_calls_per_event", "storage calls", "per event", 1.5, False),
    ("single", "raw_storage_calls_per_event", "raw: storage calls", "per event", None, False),
    ("single", "half_load_accept_p99_ms", "half load: accept p99", "ms", 100.0, False),
    ("single", "half_load_end_to_end_p50_ms", "half load: end to end p50", "ms", None, False),
    ("batch", "items_per_s", "payloads of 100", "items/s", 400.0, True),
    ("batch", "accept_p50_ms", "accept p50", "ms", None, False),
    ("batch", "end_to_end_p50_ms", "end to end p50", "ms", None, False),
    ("batch", "end_to_end_p99_ms", "end to end p99", "ms", None, False),
    ("batch", "cpu_ms_per_item", "CPU of the app", "ms/item", None, False),
    ("batch", "storage_calls_per_item", "storage calls", "per item", None, False),
    ("alone", "storage_calls_per_event", "one event alone: storage calls", "per event", 14.0, False),
    ("alone", "accept_p50_ms", "accept p50", "ms", None, False),
    ("alone", "end_to_end_p50_ms", "end to end p50", "ms", None, False),
    ("lookup", "overhead_p50_ms", "look-up: the hub's own time p50", "ms", None, False),
    ("lookup", "overhead_p99_ms", "the hub's own time p99", "ms", None, False),
    ("lookup", "overhead_16_in_flight_p50_ms", "16 in flight: p50", "ms", None, False),
    ("lookup", "overhead_16_in_flight_p99_ms", "16 in flight: p99", "ms", None, False),
    ("lookup", "journal_p50_ms", "the journal's p50 (two calls)", "ms", None, False),
    ("lookup", "token_check_p50_ms", "token check, warm: p50", "ms", 1.0, False),
    ("lookup", "token_check_p99_ms", "token check, warm: p99", "ms", None, False),
    ("import", "ratio", "SDKs and function_app / SDKs alone", "", 1.25, False),
)
LINE = "{:<8}{:<38}{:>12}  {:<10}{:<12}"


def table(result: Mapping[str, Figures]) -> str:
    """The same for people, with the goals beside it."""
    lines, last = [LINE.format("", "", "measured", "", "goal").rstrip()], ""
    for group, figure, name, unit, goal, more in ROWS:
        value = result.get(group, {}).get(figure)
        if isinstance(value, int | float):
            lines.append(
                LINE.format(
                    group if group != last else "", name, f"{value:,.{2 if unit else 3}f}", unit, verdict(value, goal, more=more)
                ).rstrip()
            )
            last = group
    return "\n".join(lines)


def verdict(value: float, goal: float | None, *, more: bool) -> str:
    """The goal, and whether it is met."""
    if goal is None:
        return ""
    met = value >= goal if more else value <= goal
    return f"{'>=' if more else '<='} {goal:g} {'met' if met else 'MISSED'}"
