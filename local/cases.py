"""What the demonstration posts, and how each must end.

Good ones stand in the journal, once; bad ones are refused or set aside with a reason.
"""

import re
from dataclasses import dataclass
from functools import partial

from local.prepare import ROOT

EKSEMPEL, PROVEVIK = "310123455", "310999991"  # local/demo/*.toml
DELIVERED, SET_ASIDE, DUPLICATE, REFUSED = "delivered", "set aside", "duplicate", "refused"

# where an example of each format says which device it is from: there the demo register's device is put
DEVICE = {
    "scaip": re.compile(rb"(?<=<cid>)[^<]+"),
    "tenovi": re.compile(rb'(?<="hwi_device_id": ")[^"]+'),
    "ttn": re.compile(rb'(?<="dev_eui": ")[^"]+'),
}
SCALE, CUFF = "5a6b7c8d-0000-4000-8000-000000000002", "5a6b7c8d-0000-4000-8000-000000000001"


@dataclass(frozen=True, slots=True)
class Case:
    """An example and its end: `stands` notes in the journals; a bad one for the reason `why`. `device` is one of the demo register's."""

    tenant: str
    adapter: str
    example: str
    device: str = ""
    end: str = DELIVERED
    status: int = 202
    stands: int = 1
    why: str = ""
    title: str = ""  # what was done to the example
    sender: str = ""  # where several of the municipality send this format
    forged: bool = False
    padding: bytes = b""

    @property
    def body(self) -> bytes:
        body = (ROOT / "adapters" / "devices" / self.adapter / "examples" / self.example).read_bytes()
        return (DEVICE[self.adapter].sub(self.device.encode(), body) if self.device else body) + self.padding

    @property
    def name(self) -> str:
        stem = self.example.rpartition(".")[0].removeprefix("set-aside-").removeprefix("refused-")
        return f"{stem}, {self.title}" if self.title else stem


Bad = partial(Case, end=SET_ASIDE, stands=0)

CASES = (
    Case(EKSEMPEL, "scaip", "alarm-smoke.xml", "4790000001"),
    Case(EKSEMPEL, "scaip", "info-dispenser-pill-taken.xml", "4790000002"),
    Case(EKSEMPEL, "tenovi", "blood-pressure-and-pulse-array.json", CUFF, stands=4),  # two measurements, each to both journals
    Case(EKSEMPEL, "tenovi", "weight-in-pounds.json", SCALE, stands=2),
    Case(EKSEMPEL, "tenovi", "pillbox-opened-sunday-morning.json", CUFF),
    Case(EKSEMPEL, "ttn", "door-open.json", "24E1240000000104"),
    Case(EKSEMPEL, "vkp", "dispense.json"),
    Case(EKSEMPEL, "vkp", "fall-unanswered.json", sender="response-centre"),
    Case(EKSEMPEL, "vkp", "supervision.json", sender="response-centre"),
    Case(EKSEMPEL, "vkp", "repaired.json", sender="response-centre"),
    Case(PROVEVIK, "scaip", "alarm-bed-left.xml", "4790000011"),
    Case(PROVEVIK, "tenovi", "glucose-in-mg-per-dl.json", "5a6b7c8d-0000-4000-8000-000000000011"),
    Case(PROVEVIK, "ttn", "motion.json", "24E1240000000111"),
    Case(PROVEVIK, "vkp", "dispense.json"),
    Bad(EKSEMPEL, "tenovi", "weight-in-pounds.json", SCALE, end=DUPLICATE, title="once more", why="the first is"),
    Bad(EKSEMPEL, "tenovi", "set-aside-one-between-good-neighbours.json", CUFF, stands=4, why="known metrics"),
    Bad(EKSEMPEL, "scaip", "alarm-door-open.xml", "4790009999", title="unknown device", why="no citizen"),
    Bad(EKSEMPEL, "vkp", "set-aside-wrong-number.json", why="no valid fødselsnummer"),
    Bad(PROVEVIK, "vkp", "repaired.json", end=REFUSED, status=400, title="strict", why="list"),
    Bad(EKSEMPEL, "tenovi", "refused-cut-off.json", end=REFUSED, status=400, why="JSON"),
    Bad(EKSEMPEL, "vkp", "dispense.json", end=REFUSED, status=401, forged=True, title="wrong signature", why="credentials"),
    Bad(EKSEMPEL, "tenovi", "blood-pressure.json", end=REFUSED, status=413, padding=b" " * 300_000, title="300 kB", why="larger"),
)
