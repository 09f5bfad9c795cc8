"""The judge of `./hub faults` must be able to say no: journals that lose, double, mix up people and order, each seen and counted."""

from dataclasses import replace

import pytest

from local.faults.__main__ import main, table, total
from local.faults.judge import COUNTS, FAULTS, Note, Row, Told, judge
from local.faults.messages import ALARMS, MARK, PATIENTS, ROUTINES, Message, note

FIRST, SECOND = PATIENTS[:2]


def sent(*messages: Message) -> list[Told]:
    """One after the other: each is answered before the next is sent."""
    return [Told(message, sent=10.0 * place, answered=10.0 * place + 5) for place, message in enumerate(messages)]


def stands(message: Message) -> Note:
    return Note(message.patient, f"Notat\n{message.mark}\nAv: Prøvesky")


A, B, C = (note(number, FIRST) for number in (1, 2, 3))
OTHERS = note(4, SECOND)
ALL = sent(A, B, OTHERS, C)
HONEST = [stands(message) for message in (A, B, OTHERS, C)]


def faults(told: list[Told], notes: list[Note]) -> dict[str, int]:
    row = judge(told, notes)
    return {name: getattr(row, name) for name in FAULTS if getattr(row, name)}


def test_a_journal_that_holds_each_note_once_and_in_order_has_no_fault() -> None:
    row = judge(ALL, HONEST)
    assert (row.sent, row.delivered, row.clean) == (4, 4, True)


def test_a_note_that_is_missing_is_lost() -> None:
    assert faults(ALL, [*HONEST[:1], *HONEST[2:]]) == {"lost": 1}


def test_a_message_that_was_never_answered_is_not_owed() -> None:
    told = [replace(ALL[0], answered=None), *ALL[1:]]
    assert (faults(told, HONEST[1:]), judge(told, HONEST[1:]).sent) == ({}, 3)


def test_a_note_that_stands_three_times_is_doubled_twice() -> None:
    assert faults(ALL, [*HONEST, HONEST[3], HONEST[3]]) == {"doubled": 2}


def test_a_note_that_nobody_sent_counts_as_doubled() -> None:
    assert faults(ALL, [*HONEST, stands(note(99, FIRST))]) == {"doubled": 1}


def test_a_note_about_somebody_else_is_the_wrong_patients() -> None:
    assert faults(ALL, [replace(HONEST[0], patient=SECOND), *HONEST[1:]]) == {"wrong_patient": 1}


def test_a_note_that_overtook_one_that_was_answered_before_it_was_sent_breaks_the_order() -> None:
    assert faults(ALL, [HONEST[1], HONEST[0], *HONEST[2:]]) == {"order_breaks": 1}
    assert faults(ALL, [HONEST[3], HONEST[1], HONEST[0], HONEST[2]]) == {"order_breaks": 2}


def test_there_is_no_order_between_patients_nor_between_messages_sent_at_the_same_time() -> None:
    together = [replace(one, sent=0.0, answered=99.0) for one in sent(A, B)]
    assert faults(ALL, [HONEST[2], HONEST[0], HONEST[1], HONEST[3]]) == {}
    assert faults(together, [stands(B), stands(A)]) == {}


def test_receipts_without_an_end_are_stuck() -> None:
    assert (judge(ALL, HONEST, 2).stuck, judge(ALL, HONEST, 2).clean) == (2, False)


@pytest.mark.parametrize("kind", [*ALARMS, *ROUTINES], ids=lambda kind: kind.__name__)
def test_every_kind_of_message_has_a_mark_that_no_other_has(kind: type) -> None:
    marks = {kind(number, patient).mark for number in range(40) for patient in (FIRST, SECOND)}
    assert all(MARK.fullmatch(mark) for mark in marks) and len(marks) >= 40


def test_the_total_adds_the_rows_and_the_table_names_what_was_not_reached() -> None:
    rows = [Row("one", sent=2, delivered=1, lost=1), Row("two", sent=3, delivered=3, unreached=["forward: about to send"])]
    assert [getattr(total(rows), name) for name in COUNTS] == [5, 4, 1, 0, 0, 0, 0]
    assert "NOT REACHED 'forward: about to send'" in table(rows)


@pytest.mark.parametrize("argv", [["--only", "weather"], ["--seed", "x"], ["--runs", "many"], ["--fast"]])
def test_a_slip_in_the_command_ends_with_2(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
