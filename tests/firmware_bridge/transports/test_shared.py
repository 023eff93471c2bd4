"""A line that several devices borrow: opened once, closed after the last, made afresh when it was lost."""

import asyncio
from collections.abc import Callable

import pytest

from firmware_bridge.errors import Refused, Unreachable
from firmware_bridge.transports.shared import SharedLines
from simulators.changes import Changes


class Line:
    """Counts how often it was opened and closed."""

    def __init__(self, told: Callable[[], None] = lambda: None) -> None:
        self.told = told
        self.lost = False
        self.opened = self.closed = 0
        self.may_open = asyncio.Event()
        self.may_open.set()

    @property
    def is_lost(self) -> bool:
        return self.lost

    async def open(self) -> None:
        self.opened += 1
        self.told()
        await self.may_open.wait()
        if self.lost:
            raise Unreachable("it is not there")

    async def close(self) -> None:
        self.closed += 1


class Other(Line):
    pass


class Maker:
    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.next = Line()

    def __call__(self) -> Line:
        made, self.next = self.next, Line()
        self.lines.append(made)
        return made


async def test_a_line_is_opened_for_the_first_and_closed_after_the_last() -> None:
    shared, make = SharedLines(), Maker()
    async with shared.borrow("p", Line, make) as one:
        async with shared.borrow("p", Line, make) as other:
            assert other is one
        assert (one.opened, one.closed) == (1, 0)
    assert (one.opened, one.closed) == (1, 1)
    async with shared.borrow("p", Line, make) as again:
        assert again is not one
    assert len(make.lines) == 2


async def test_two_ports_are_two_lines() -> None:
    shared, make = SharedLines(), Maker()
    async with shared.borrow("p", Line, make) as one, shared.borrow("q", Line, make) as other:
        assert one is not other


async def test_whoever_comes_while_it_opens_waits_for_it() -> None:
    shared, make = SharedLines(), Maker()
    changes = Changes()
    slow = make.next = Line(changes.tell)
    slow.may_open.clear()
    got: list[Line] = []
    done = asyncio.Event()

    async def borrow() -> None:
        async with shared.borrow("p", Line, make) as line:
            got.append(line)
            changes.tell()
            await done.wait()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(borrow())
        await changes.until(lambda: slow.opened == 1)
        slow.may_open.set()
        await changes.until(lambda: len(got) == 3)
        done.set()
    assert got == [slow] * 3
    assert (slow.opened, slow.closed) == (1, 1)


async def test_one_that_does_not_open_is_closed_and_the_next_tries_again() -> None:
    shared, make = SharedLines(), Maker()
    make.next.lost = True
    with pytest.raises(Unreachable):
        async with shared.borrow("p", Line, make):
            pass
    assert make.lines[0].closed == 1
    async with shared.borrow("p", Line, make) as line:
        assert not line.lost


async def test_a_lost_line_is_closed_and_made_afresh_for_the_next_who_comes() -> None:
    shared, make = SharedLines(), Maker()
    async with shared.borrow("p", Line, make) as old:
        old.lost = True
        async with shared.borrow("p", Line, make) as fresh:
            assert fresh is not old
            assert old.closed == 1
        assert fresh.closed == 0, "the first borrower has the port still"
    assert fresh.closed == 1


async def test_a_port_that_is_used_for_something_else_is_refused() -> None:
    shared, make = SharedLines(), Maker()
    async with shared.borrow("p", Line, make) as line:
        with pytest.raises(Refused, match="p is used for something else in this room"):
            async with shared.borrow("p", Other, Other):
                pass
        assert line.closed == 0
