"""`lophoc alarms`: check rules, look at the inbox, and ask what rules would have said of the past."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from classroom_profiles.problem import DocumentError
from cloud_ingest.alarms import alarm_words
from cloud_ingest.alarms.alarm import AlarmState, Everything, Severity
from cloud_ingest.alarms.engine import Engine
from cloud_ingest.alarms.hours import Calendar, WrongHolidays
from cloud_ingest.alarms.inbox import Alarms, InboxUnavailable, NoSuchAlarm, Wanted
from cloud_ingest.alarms.place import alarms_beside
from cloud_ingest.alarms.replay import At, replay
from cloud_ingest.alarms.rules import RuleSet
from cloud_ingest.alarms.rules_file import BUILTIN, load_rules
from cloud_ingest.alarms.transition import Changed, Cleared, Raised
from cloud_ingest.query import seconds
from cloud_ingest.registry import Registry, RegistryUnavailable, beside
from cloud_ingest.store import STORE_OPTION, StoreUnavailable, WrongStore, store_of
from cloud_ingest.windows import Span

_RULES = click.Path(dir_okay=False, path_type=Path)
_EVERYBODY = Everything()


@click.group()
def alarms() -> None:
    """Alarms: their rules, the inbox, and rules tried on the past."""


@alarms.command()
@click.argument("file", type=_RULES, required=False)
@click.option("--show", is_flag=True, help="Print the file: without FILE, the rules that come with lophoc.")
@click.option("--json", "wants_json", is_flag=True, help="One JSON object.")
def check(file: Path | None, show: bool, wants_json: bool) -> None:
    """Is FILE a set of alarm rules? Exit code 1 if not, with file, line and what would be right."""
    path = file or BUILTIN
    rules, _ = _loaded(path)
    kinds = Counter(rule.kind for rule in rules.rules)
    if show:
        click.echo(path.read_text(encoding="utf-8"), nl=False)
    elif wants_json:
        click.echo(json.dumps({"rules": len(rules.rules), "kinds": kinds}))
    else:
        click.echo(f"{len(rules.rules)} luật / rules: " + ", ".join(f"{kind} {n}" for kind, n in sorted(kinds.items())))


def _place(data: Path | None, path: Path | None, store_url: str | None) -> Path:
    if path is not None:
        return path
    if data is not None:
        return data / "alarms.sqlite"
    if store_url is not None:
        return alarms_beside(store_url)
    raise click.UsageError("say --alarms, --data or --store")


_OF = [
    click.option("--alarms", "path", type=click.Path(dir_okay=False, path_type=Path), help="The file of alarms."),
    click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="A folder with alarms.sqlite in it."),
    click.option("--store", "store_url", help="The store that it is beside, as lophoc ingest makes it."),
    click.option("--json", "wants_json", is_flag=True, help="One JSON object."),
]


@alarms.command("list")
@click.option("--state", "states", type=click.Choice([each.value for each in AlarmState]), multiple=True,
              help="Only these; else those that hold.")  # fmt: skip
@click.option("--severity", type=click.Choice([each.word for each in Severity]), help="This and worse.")
@click.option("--school", help="Only what concerns this school.")
@click.option("--find", default="", metavar="TEXT", help="Only what has these words.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def list_(
    path: Path | None, data: Path | None, store_url: str | None, wants_json: bool, states: tuple[str, ...],
    severity: str | None, school: str | None, find: str, limit: int,
) -> None:  # fmt: skip
    """The inbox, the worst and widest first."""
    least = Severity.NOTE if severity is None else Severity.of(severity)
    wanted = Wanted(
        states=frozenset(map(AlarmState, states)) or Wanted().states,
        severities=frozenset(each for each in Severity if each >= least),
        school=school, find=find, limit=limit,
    )  # fmt: skip
    with _opened(_place(data, path, store_url)) as inbox:
        listed = inbox.list(_EVERYBODY, wanted)
    if wants_json:
        click.echo(_json({"total": listed.total, "alarms": [alarm_words.as_json(each) for each in listed.alarms]}))
    elif listed.alarms:
        click.echo("\n".join(alarm_words.as_table(listed.alarms)))
        if listed.total > len(listed.alarms):
            click.echo(f"… {listed.total} tất cả / in all")
    else:
        click.echo("không có cảnh báo / no alarms")


@alarms.command()
@click.argument("number", type=int)
def show(path: Path | None, data: Path | None, store_url: str | None, wants_json: bool, number: int) -> None:
    """One alarm, its schools and its history."""
    with _opened(_place(data, path, store_url)) as inbox:
        try:
            alarm = inbox.one(_EVERYBODY, number)
            history = inbox.history(_EVERYBODY, number)
            schools = list(inbox.schools(_EVERYBODY, number))
        except NoSuchAlarm as none:
            raise click.ClickException(f"không có cảnh báo số {number} / {none}") from none
    entries = [alarm_words.entry_as_json(entry) for entry in history]
    if wants_json:
        click.echo(_json({**alarm_words.as_json(alarm), "schools": schools, "history": entries}))
        return
    click.echo("\n".join(alarm_words.as_table([alarm])))
    click.echo(f"trường / schools: {', '.join(schools) or '–'}")
    for entry in entries:
        click.echo(f"{entry['at']}  {entry['what']}  {entry['by']}  {entry['comment']}".rstrip())


for _option in reversed(_OF):
    list_ = _option(list_)
    show = _option(show)


@alarms.command("replay")
@click.option("--store", "store_url", required=True, help=STORE_OPTION)
@click.option("--rules", "rules_path", type=_RULES, help="Else those that come with lophoc.")
@click.option("--school", "schools", multiple=True, required=True, help="Which school; may be said several times.")
@click.option("--since", default="1d", show_default=True, metavar="TIME", help="How far back: 90s, 5m, 1h, 2d.")
@click.option("--until", default="0s", metavar="TIME", help="Up to how long ago.  [default: now]")
@click.option("--registry", "registry_path", type=_RULES, help="Else the one beside the store.")
@click.option("--json", "wants_json", is_flag=True, help="A JSON object a line, then one with the totals.")
def replay_(
    store_url: str, rules_path: Path | None, schools: tuple[str, ...], since: str, until: str,
    registry_path: Path | None, wants_json: bool,
) -> None:  # fmt: skip
    """What a set of rules would have raised and cleared, from what is stored. Nothing is written."""
    rules, calendar = _loaded(rules_path or BUILTIN)
    now_us = time.time_ns() // 1000
    try:
        span = Span(now_us - seconds(since) * 1_000_000, now_us - (seconds(until) if until != "0s" else 0) * 1_000_000)
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from wrong
    path = registry_path or beside(store_url)
    totals: Counter[str] = Counter()
    try:
        with ExitStack() as open_things:
            store = store_of(store_url)
            open_things.callback(store.close)
            store.open(create=False)
            registry = open_things.enter_context(Registry(path, create=False)) if path.is_file() else None
            for at in replay(Engine(rules, calendar), rules, store, registry, sorted(set(schools)), span):
                totals[type(at.transition).__name__.lower()] += 1
                _say(at, wants_json)
    except WrongStore as wrong:
        raise click.UsageError(str(wrong)) from wrong
    except (StoreUnavailable, RegistryUnavailable) as why:
        raise click.ClickException(str(why)) from why
    raised, cleared = totals["raised"], totals["cleared"]
    if wants_json:
        click.echo(_json({"raised": raised, "cleared": cleared}))
    else:
        click.echo(f"{raised} được nâng / raised, {cleared} đã hết / cleared")


def _say(at: At, wants_json: bool) -> None:
    match at.transition:
        case Raised(finding, since_us):
            said = {"what": "raised", "key": finding.key, "rule": finding.rule, "severity": finding.severity.word,
                    "since": alarm_words.when(since_us), "text_vi": finding.text_vi,
                    "text_en": finding.text_en}  # fmt: skip
        case Changed():
            return
        case Cleared(key, _, cause):
            said = {"what": "cleared", "key": key, "cause": cause}
    line = {"at": alarm_words.when(at.at_us), **said}
    if wants_json:
        click.echo(_json(line))
    else:
        text = f"{said['severity']}: {said['text_vi']} / {said['text_en']}" if "text_vi" in said else said["key"]
        click.echo(f"{line['at']}  {said['what']}  {text}")


def _loaded(path: Path) -> tuple[RuleSet, Calendar]:
    try:
        rules = load_rules(path)
        return rules, Calendar.of(rules, path)
    except (DocumentError, WrongHolidays) as wrong:
        raise click.ClickException(str(wrong)) from wrong


@contextmanager
def _opened(path: Path) -> Iterator[Alarms]:
    try:
        with Alarms(path) as inbox:
            yield inbox
    except InboxUnavailable as why:
        raise click.ClickException(f"không đọc được cảnh báo / the alarms cannot be read: {why}") from why


def _json(shown: object) -> str:
    return json.dumps(shown, ensure_ascii=False)
