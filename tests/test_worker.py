"""Microsoft's own Python worker library indexes the apps and runs their HTTP functions: what it refuses would be refused in Azure."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "tests/apps/sample_app"
WORKER = Path(os.environ.get("HUB_WORKER") or ROOT / ".hub/worker")  # ./hub test installs it there: requirements-worker.txt
HEALTH = {"method": "GET", "url": "http://127.0.0.1/api/health"}

APPS = [
    pytest.param(SAMPLE, id="sample"),
    pytest.param(ROOT, id="hub", marks=pytest.mark.skipif(not (ROOT / "function_app.py").exists(), reason="not written yet")),
]


def sample_settings() -> dict[str, str]:
    return dict(json.loads((ROOT / "local.settings.sample.json").read_text())["Values"])


def probe(app: Path, *calls: dict[str, Any]) -> dict[str, Any]:
    assert (WORKER / "azure_functions_runtime").is_dir(), f"the worker library is not in {WORKER}: run ./hub test, which installs it"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/worker_probe.py"), str(WORKER), str(app)],
        cwd=app,
        env=os.environ | sample_settings(),
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("app", APPS)
def test_the_worker_indexes_the_app_and_runs_its_health_function(app: Path) -> None:
    indexed = probe(app)
    assert indexed["failure"] is None
    name = next(name for name, route in indexed["functions"].items() if (route or "").endswith("health"))
    (answer,) = probe(app, HEALTH | {"function": name})["answers"]
    assert answer.get("failure") is None
    assert answer["status"] == 200
    assert json.loads(answer["body"])


def test_a_body_a_route_parameter_and_the_context_pass_through_a_sync_function() -> None:
    call = {"function": "echo", "method": "POST", "url": "http://127.0.0.1/api/echo/a", "params": {"name": "a"}, "body": "æøå"}
    (answer,) = probe(SAMPLE, call)["answers"]
    assert answer == {
        "status": 200,
        "headers": {"X-Name": "a", "X-Function": "echo", "content-type": "text/plain; charset=utf-8"},
        "body": "æøå",
    }


REFUSED = """
import azure.functions as func

app = func.FunctionApp()


@app.route(route="a")
@app.queue_output(arg_name="out", queue_name="q00", connection="C")
def a(req: func.HttpRequest, out: func.Out[list[str]]) -> str:
    return ""
"""


def test_what_only_the_genuine_worker_refuses_is_refused_here(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(REFUSED)
    assert "invalid non-type annotation" in probe(tmp_path)["failure"]


def test_none_from_an_http_function_is_a_failure_in_the_worker_as_it_is_in_the_development_host(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n@app.route(route='a')\ndef a(req: func.HttpRequest):\n    return None\n"
    )
    (answer,) = probe(tmp_path, HEALTH | {"function": "a"})["answers"]
    assert "unable to encode outgoing TypedData" in answer["failure"]


def test_a_worker_that_starts_loads_no_room_that_neither_an_alarm_nor_a_routine_message_needs() -> None:
    asked = "import function_app, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=os.environ | sample_settings(), capture_output=True, text=True, check=True
    )
    loaded, rooms = done.stdout.split(), ("admin", "contract", "fhir", "lookup", "messages", "notice", "shelf")
    assert "shared.flow.forward" in loaded
    assert [name for name in loaded if name in ("shared.flow.shelves", "tomllib", *(f"shared.{room}" for room in rooms))] == []
