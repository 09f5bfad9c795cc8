"""Every example of every adapter, in and out. `pytest tests/test_examples.py --accept` writes what is expected; then read the diff."""

import pytest
from fhir.resources.R4B import get_fhir_model_class

from shared.domain.event import Document
from tests.examples_plugin import Example, everything, outcome, render, translation

EVERYTHING = pytest.mark.parametrize("example", everything(), ids=str)


@EVERYTHING
def test_an_example_comes_out_as_expected(example: Example, request: pytest.FixtureRequest) -> None:
    made = render(outcome(example))
    if request.config.getoption("--accept", default=False):
        example.expected.write_bytes(made)
    assert example.expected.is_file(), "run pytest tests/test_examples.py --accept, then read what it wrote"
    assert made.decode() == example.expected.read_text()


@EVERYTHING
def test_every_document_built_from_an_example_is_fhir_r4b(example: Example) -> None:
    done = translation(example.adapter, example.file.read_bytes())
    for document in (one for one in done.documents if not isinstance(one.event.what, Document)):  # those are the sender's own
        model = get_fhir_model_class({"bundle": "Bundle", "medicationdispense": "MedicationDispense"}[document.resource])
        model.model_validate_json(document.body)
