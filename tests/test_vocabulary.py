"""Which values a living person can have."""

from decimal import Decimal

import pytest

from shared.domain.vocabulary import QUANTITIES, Quantity, parked, unlikely


def test_every_quantity_has_its_row() -> None:
    assert set(QUANTITIES) == set(Quantity)


@pytest.mark.parametrize("quantity", Quantity)
def test_the_ends_of_a_range_are_possible(quantity: Quantity) -> None:
    possible = QUANTITIES[quantity].possible
    assert parked(quantity, possible.low) is None and parked(quantity, possible.high) is None


@pytest.mark.parametrize("quantity", Quantity)
def test_beyond_the_ends_it_is_parked_by_its_name_and_range(quantity: Quantity) -> None:
    possible = QUANTITIES[quantity].possible
    for value in (possible.low - Decimal("0.01"), possible.high + Decimal("0.01")):
        reason = parked(quantity, value) or ""
        assert quantity in reason and str(possible) in reason and str(value) not in reason


@pytest.mark.parametrize("quantity", Quantity)
def test_what_is_usual_is_possible(quantity: Quantity) -> None:
    usual = QUANTITIES[quantity].usual
    assert usual is None or (usual.low in QUANTITIES[quantity].possible and usual.high in QUANTITIES[quantity].possible)


@pytest.mark.parametrize("diastolic", ["120", "121"])
def test_pressures_the_wrong_way_round_are_parked(diastolic: str) -> None:
    assert unlikely({Quantity.SYSTOLIC: Decimal("120"), Quantity.DIASTOLIC: Decimal(diastolic)}) == "diastolic is not below systolic"


def test_a_possible_reading_is_not_parked() -> None:
    assert unlikely({Quantity.SYSTOLIC: Decimal("120"), Quantity.DIASTOLIC: Decimal("80"), Quantity.HEART_RATE: Decimal("70")}) is None
