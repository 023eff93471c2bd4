"""What is published comes to the broker by itself, however long the broker was away."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud_ingest.broker_link import Broker
from cloud_ingest.catalogue.delivery import Delivery, Step
from cloud_ingest.catalogue.sending import NotSent
from cloud_ingest.catalogue.shelf import Shelf, ToSend
from cloud_ingest.catalogue.signing_key import FILE as KEY
from cloud_ingest.catalogue.signing_key import signing_key
from tests.cloud_ingest.catalogue.test_cli import kept_by
from tests.cloud_ingest.catalogue.test_shelf import inside, text
from tests.servers import Mosquitto

NOWHERE = Broker("127.0.0.1", 1)


class Post:
    """A broker's other end, which takes what it is told to."""

    def __init__(self) -> None:
        self.away = False
        self.takes = 100
        self.taken: list[tuple[str, int]] = []

    def __call__(self, _: Broker, bundles: list[ToSend]) -> list[ToSend]:
        if self.away:
            raise NotSent("broker:1883 cannot be reached")
        some = bundles[: self.takes]
        self.taken += [(one.school, one.serial) for one in some]
        return some


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    signing_key(tmp_path, create=True)
    with Shelf(tmp_path / "catalogue.sqlite") as opened:
        yield opened


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def delivery(tmp_path: Path, shelf: Shelf, post: Post) -> Delivery:
    return Delivery(shelf, tmp_path, NOWHERE, lambda: ["a", "b"], send=post)


def test_each_school_gets_what_is_for_all_and_nothing_twice(delivery: Delivery, shelf: Shelf, post: Post) -> None:
    delivery.turn()
    assert (post.taken, delivery.state.step) == ([], Step.SENT)
    shelf.publish([text()], "lan")
    delivery.turn()
    delivery.turn()
    assert [school for school, _ in post.taken] == ["a", "b"]
    assert delivery.state.step is Step.SENT
    shelf.publish([text(version=2, level=90)], "lan", school="b")
    delivery.turn()
    assert [school for school, _ in post.taken] == ["a", "b", "b"]


def test_what_another_process_publishes_is_sent_too(
    delivery: Delivery, shelf: Shelf, post: Post, tmp_path: Path
) -> None:
    delivery.turn()
    with Shelf(tmp_path / "catalogue.sqlite") as other:
        other.publish([text()], "lan")
    delivery.turn()
    assert len(post.taken) == 2


def test_a_broker_that_is_away_is_said_and_tried_again(delivery: Delivery, shelf: Shelf, post: Post) -> None:
    shelf.publish([text()], "lan")
    post.away = True
    delivery.turn()
    assert (delivery.state.step, delivery.state.waiting) == (Step.AWAY, 2)
    assert "cannot be reached" in delivery.state.why
    since_us = delivery.state.since_us
    delivery.turn()
    assert delivery.state.step is Step.AWAY
    assert delivery.state.since_us >= since_us
    post.away, post.takes = False, 1
    delivery.turn()
    assert (delivery.state.step, delivery.state.waiting) == (Step.AWAY, 2)
    delivery.turn()
    assert (delivery.state.step, [school for school, _ in post.taken]) == (Step.SENT, ["a", "b"])


def test_without_a_key_it_says_so_until_there_is_one(
    delivery: Delivery, shelf: Shelf, post: Post, tmp_path: Path
) -> None:
    (tmp_path / KEY).rename(tmp_path / "elsewhere")
    shelf.publish([text()], "lan")
    delivery.turn()
    assert delivery.state.step.value == "no-key"
    (tmp_path / "elsewhere").rename(tmp_path / KEY)
    delivery.turn()
    assert delivery.state.step is Step.SENT


def test_certificates_that_are_not_there_are_said_and_end_nothing(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOPHOC_BROKER_CA", str(tmp_path / "nothing.pem"))
    shelf.publish([text()], "lan")
    delivery = Delivery(shelf, tmp_path, Broker("127.0.0.1", 1, tls=True), lambda: ["a"])
    delivery.turn()
    assert (delivery.state.step, "127.0.0.1:1" in delivery.state.why) == (Step.AWAY, True)


async def test_a_broker_is_told_who_sends(
    tmp_path: Path, shelf: Shelf, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOPHOC_BROKER_PASSWORD", "secret")
    with_user = Broker.of(mosquitto.url.replace("mqtt://", "mqtt://centre@"))
    assert (with_user.user, with_user.password, "secret" in repr(with_user)) == ("centre", "secret", False)
    shelf.publish([text()], "lan")
    delivery = Delivery(shelf, tmp_path, with_user, lambda: ["a"])
    await asyncio.to_thread(delivery.turn)
    assert delivery.state.step is Step.SENT


def test_a_catalogue_that_cannot_be_read_ends_nothing(delivery: Delivery, shelf: Shelf) -> None:
    shelf.__exit__()
    delivery.turn()
    assert delivery.state.step is Step.STUCK


async def test_it_runs_until_it_is_cancelled_and_without_a_broker_it_does_nothing(
    tmp_path: Path, shelf: Shelf, mosquitto: Mosquitto
) -> None:
    off = Delivery(shelf, tmp_path, None, lambda: ["a"])
    await off.run()
    assert off.state.step is Step.OFF
    shelf.publish([text()], "lan")
    at_work = Delivery(shelf, tmp_path, Broker.of(mosquitto.url), lambda: ["a"], period_s=0.01, retry_s=(0.01, 0.02))
    running = asyncio.create_task(at_work.run())
    await _until(lambda: at_work.state.step is Step.SENT)
    running.cancel()
    assert isinstance((await asyncio.gather(running, return_exceptions=True))[0], asyncio.CancelledError)
    kept = await asyncio.to_thread(kept_by, mosquitto, "lophoc/1/a/all/cmd")
    assert inside(kept).profiles[0].id == "quiet-reading"


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)
