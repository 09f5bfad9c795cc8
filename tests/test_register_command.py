"""`./hub register`: what people type, read and are told by the exit code."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from local.register_command import ROOT, Store, known_adapters, main
from shared.access.register import Register, Tenant
from shared.access.register_toml import read
from shared.domain.event import Device, Person
from shared.errors import Unavailable
from shared.flow.translate import translate
from tests.examples_plugin import CITIZEN, CONTEXT, examples, folders

FILE = """\
[tenant]
orgnr = "310123455"
name = "Eksempel kommune"

[[sender]]
name = "alarms"
title = "Alarmer"
adapters = ["scaip"]
auth = { scheme = "basic", user = "bridge", secrets = ["ALARMS_SECRET"] }

[[endpoint]]
name = "gerica"
title = "Gerica"
adapter = "bundle"
url = "${JOURNAL_URL}/gerica"

[[route]]
endpoint = "gerica"

[[device]]
system = "https://knutepunkt.example/scaip/controller"
value = "4790000001"
citizen = "14834812097"
name = "Stille Fjellbekk"
since = 2026-01-12T10:00:00+01:00
"""
URL = {"JOURNAL_URL": "http://127.0.0.1:4000"}
LOOKUP = "fhir"


class Shelf:
    """A register in memory. `saved` names what was written, in order."""

    def __init__(self, error: Exception | None = None) -> None:
        self.tenants: dict[str, Tenant] = {}
        self.saved: list[str] = []
        self.error = error

    async def load(self) -> Register:
        return Register(dict(self.tenants))

    async def save(self, tenant: Tenant) -> None:
        self.tenants[tenant.orgnr] = tenant
        self.saved.append(tenant.orgnr)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Store]:
        if self.error:
            raise self.error
        yield self


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "310123455.toml"
    path.write_text(FILE)
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.toml"
    path.write_text(FILE.replace("310123455", "310999991").replace('"gerica"', '"Gerica"', 1).replace("14834812097", "14834812098"))
    return path


def neighbour(tmp_path: Path) -> Path:
    path = tmp_path / "310999991.toml"
    path.write_text(FILE.replace("310123455", "310999991").replace("Eksempel", "Prøvevik"))
    return path


def test_check_of_a_good_file_says_what_is_in_it(file: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file)], shelf.open) == 0
    assert capsys.readouterr().out == f"{file}: Eksempel kommune (310123455) can be applied: 1 sender, 1 endpoint, 1 route, 1 device\n"


def test_check_needs_no_hub(file: Path) -> None:
    assert main(["check", str(file)], Shelf(Unavailable("no hub")).open) == 0


def test_check_prints_every_finding_on_a_line_of_its_own(wrong: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(wrong)], shelf.open) == 1
    told = capsys.readouterr()
    assert [line.split(": ")[:2] for line in told.out.splitlines()] == [
        [f"{wrong}:2", "tenant.orgnr"],
        [f"{wrong}:12", "endpoint[0].name"],
        [f"{wrong}:23", "device[0].citizen"],
    ]
    assert told.err == "hub register: 2 errors\n"


def test_a_warning_alone_is_no_failure(tmp_path: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(neighbour(tmp_path))], shelf.open) == 0
    assert "warning: looks wrong" in capsys.readouterr().out


def test_diff_shows_and_writes_nothing(file: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(file)], shelf.open, URL) == 0
    assert "Eksempel kommune (310123455): 5 changes to apply\n  + municipality 310123455" in capsys.readouterr().out
    assert shelf.saved == []


def test_a_copied_file_is_told_to_let_the_neighbours_senders_in(
    file: Path, tmp_path: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", str(file)], shelf.open, URL) == 0
    copy = tmp_path / "310999991.toml"
    copy.write_text(file.read_text().replace("310123455", "310999991"))
    capsys.readouterr()
    assert main(["diff", str(copy)], shelf.open, URL) == 0
    assert "warning: sender alarms proves itself as a sender of Eksempel kommune (310123455) does" in capsys.readouterr().out


def test_files_that_are_new_together_are_compared_too(file: Path, tmp_path: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "310999991.toml"
    copy.write_text(file.read_text().replace("310123455", "310999991"))
    assert main(["diff", str(file), str(copy)], shelf.open, URL) == 0
    assert "warning: sender alarms proves itself as a sender of Eksempel kommune (310999991) does" in capsys.readouterr().out


def test_apply_writes_and_says_what(file: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", str(file)], shelf.open, URL) == 0
    said = "5 changes written; a running hub sees them within 10 seconds"
    assert f"{said}\n  + municipality 310123455 Eksempel kommune\n  + sender alarms: Alarmer\n" in capsys.readouterr().out
    assert shelf.tenants["310123455"].endpoints[0].url == "http://127.0.0.1:4000/gerica"


def test_apply_again_has_nothing_to_change(file: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    main(["apply", str(file)], shelf.open, URL)
    assert main(["apply", str(file)], shelf.open, URL) == 0
    assert capsys.readouterr().out.endswith("Eksempel kommune (310123455): nothing to change\n")
    assert shelf.saved == ["310123455"]


def test_apply_writes_only_the_municipality_that_changed(file: Path, tmp_path: Path, shelf: Shelf) -> None:
    both = [str(file), str(neighbour(tmp_path))]
    main(["apply", *both], shelf.open, URL)
    file.write_text(FILE.replace("Alarmer", "Trygghetsalarm"))
    main(["apply", *both], shelf.open, URL)
    assert shelf.saved == ["310123455", "310999991", "310123455"]


def test_apply_leaves_other_municipalities_alone(file: Path, tmp_path: Path, shelf: Shelf) -> None:
    main(["apply", str(neighbour(tmp_path))], shelf.open, URL)
    main(["apply", str(file)], shelf.open, URL)
    assert sorted(shelf.tenants) == ["310123455", "310999991"]


def test_one_file_with_an_error_keeps_all_of_them_from_being_written(
    file: Path, wrong: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", str(file), str(wrong)], shelf.open, URL) == 1
    assert capsys.readouterr().err == "hub register: 2 errors; nothing was written\n"
    assert shelf.saved == []


def test_a_copy_with_the_first_ones_number_is_refused(file: Path, tmp_path: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy.toml"
    copy.write_text(FILE.replace("Eksempel", "Prøvevik"))
    assert main(["apply", str(file), str(copy)], shelf.open, URL) == 1
    assert f"{copy}: tenant.orgnr: is the number of the municipality in {file} too; correct one of them" in capsys.readouterr().out


def test_a_placeholder_without_a_value_is_an_error_where_it_would_be_used(file: Path, shelf: Shelf) -> None:
    assert [main([what, str(file)], shelf.open) for what in ("check", "diff", "apply")] == [0, 1, 1]


def test_set_gives_a_placeholder_its_value(file: Path, shelf: Shelf) -> None:
    assert main(["apply", "--set", "JOURNAL_URL=https://journal.example", str(file)], shelf.open, URL) == 0
    assert shelf.tenants["310123455"].endpoints[0].url == "https://journal.example/gerica"


def test_a_secret_without_a_value_in_the_running_hub_is_told_with_the_way_to_give_it(
    file: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", str(file)], shelf.open, URL, ["JOURNAL_TOKEN"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "warning: no value in the hub that runs here: ALARMS_SECRET; start it with ALARMS_SECRET=... ./hub run, then apply again"
    )


def test_the_secrets_of_api_keys_and_of_the_look_up_must_have_values_too(
    file: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    auth = 'auth = { scheme = "token", vkp_id = "Skyen", header = "X-Key", secrets = ["API_KEY"] }'
    sender = f'[[sender]]\nname = "centre"\ntitle = "Senter"\nadapters = ["vkp"]\n{auth}\nresources = ["bundle.write"]\n'
    shown = 'auth = { scheme = "header", header = "X-Hub", secrets = ["LOOKUP_SECRET"], certificates = ["HUB_CERT"], authority = "EPJ_CA" }'
    file.write_text(f'{FILE}{sender}[lookup]\nadapter = "{LOOKUP}"\nurl = "https://journal.example"\n{shown}\n')
    assert main(["apply", str(file)], shelf.open, URL, ["ALARMS_SECRET"]) == 0
    assert "no value in the hub that runs here: API_KEY, LOOKUP_SECRET, HUB_CERT, EPJ_CA;" in capsys.readouterr().out


@pytest.mark.parametrize("settings", [["ALARMS_SECRET"], None])
def test_a_secret_that_is_set_or_cannot_be_known_is_no_matter(
    file: Path, shelf: Shelf, settings: list[str] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", str(file)], shelf.open, URL, settings) == 0
    assert "warning" not in capsys.readouterr().out


@pytest.mark.parametrize("error", [Unavailable("no hub runs here"), ConnectionRefusedError()])
def test_without_a_hub_one_sentence_says_what_to_do(file: Path, error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", str(file)], Shelf(error).open, URL) == 1
    assert capsys.readouterr().err.endswith("start the hub with ./hub run, or name its storage in AzureWebJobsStorage\n")


@pytest.mark.parametrize(
    "argv", [[], ["look"], ["check"], ["apply", "--set", "nothing", "x.toml"], ["check", "no-such-file.toml"], ["check", "/"]]
)
def test_wrong_usage_is_two(argv: list[str], shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv, shelf.open) == 2
    assert capsys.readouterr().err


def test_wrong_usage_is_one_sentence(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", "--all"], shelf.open) == 2
    assert capsys.readouterr().err == "hub: the following arguments are required: FILE (./hub register apply --help says what there is)\n"


@pytest.mark.parametrize("argv", [["--help"], ["apply", "--help"]])
def test_help_says_what_is_removed(argv: list[str], shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv, shelf.open) == 0
    assert "not in the file is removed" in " ".join(capsys.readouterr().out.split())


def test_a_file_that_is_not_utf8_is_told_with_its_line(tmp_path: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(FILE.replace("Eksempel", "Prøvevik").encode("latin-1"))
    assert main(["check", str(path)], shelf.open) == 1
    assert capsys.readouterr().out.startswith(f"{path}:3: holds bytes that are not UTF-8; save the file as UTF-8")


def test_a_byte_order_mark_is_no_matter(file: Path, shelf: Shelf) -> None:
    file.write_text(FILE, encoding="utf-8-sig")
    assert main(["check", str(file)], shelf.open) == 0


def test_nothing_that_is_printed_names_a_citizen(file: Path, wrong: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["apply", str(file)], ["check", str(wrong)], ["diff", str(file)]):
        main(argv, shelf.open, URL)
    told = "".join(capsys.readouterr())
    assert not [word for word in ("14834812097", "14834812098", "Stille", "Fjellbekk") if word in told]


@pytest.mark.parametrize("demo", sorted((ROOT / "local" / "demo").glob("*.toml")), ids=lambda path: path.stem)
def test_every_device_of_the_demo_files_can_be_met(demo: Path) -> None:
    _, found = read(demo.read_text(), demo.name, known_adapters())
    assert [str(one) for one in found if one.key.startswith("device")] == []


@pytest.mark.parametrize("folder", folders(), ids=lambda path: path.name)
def test_the_devices_of_an_adapters_examples_look_as_the_adapter_says(folder: Path) -> None:
    systems, met = known_adapters().systems, list(devices(folder))
    assert {device.system for device in met} <= systems.keys()
    assert [device.system for device in met if not systems[device.system].fullmatch(device.value)] == []


def devices(folder: Path) -> Iterator[Device]:
    """Whom the adapter asks for a citizen, in all its examples."""
    met: list[Device] = []

    def person_at(device: Device, _at: datetime) -> Person:
        met.append(device)
        return CITIZEN

    for example in examples(folder):
        translate(example.adapter, example.file.read_bytes(), replace(CONTEXT, person_at=person_at))
    return iter(met)


def test_the_adapters_are_the_folders() -> None:
    assert "scaip" in known_adapters().devices
    assert "bundle" in known_adapters().journals


def test_check_counts_services_and_the_look_up_where_there_are_any(file: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    service = '[[service]]\ncode = "ta"\ncodes = ["6"]\n'
    file.write_text(f'{FILE}{service}[lookup]\nadapter = "{LOOKUP}"\nurl = "https://journal.example"\n')
    assert main(["check", str(file)], shelf.open) == 0
    assert capsys.readouterr().out.endswith("1 device, 1 service, 1 look-up\n")
