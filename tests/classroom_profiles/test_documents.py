"""Room and profile files: what is right is read, and all that is wrong is said with its place."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles import yaml_tree
from classroom_profiles.capability import Command
from classroom_profiles.documents import (
    SHOWN_ORDER,
    DocumentError,
    builtin_profiles,
    check_room,
    load_profile,
    load_room,
    profiles_in,
    sample_rooms,
)
from classroom_profiles.interlock_files import load_set
from classroom_profiles.model import Model
from classroom_profiles.plan import plan
from classroom_profiles.problem import Problem
from classroom_profiles.profile import Need, Preempts, Profile, Step
from classroom_profiles.role import Role
from classroom_profiles.room import Room
from classroom_profiles.schema import schema
from classroom_profiles.state import RoomState

BAD = Path(__file__).parent / "bad"
BUILTIN = [profile.id for profile in builtin_profiles()]

ROOM = """\
school: s
room: r
name: {vi: Phòng, en: Room}
devices:
  - {id: lights, role: lights, driver: mqtt-devices}
"""


def _problems(content: str | bytes, tmp_path: Path, **checks: object) -> list[str]:
    path = tmp_path / "room.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DocumentError) as raised:
        check_room(path, **checks)  # type: ignore[arg-type]
    return [str(problem).removeprefix(f"{path}:") for problem in raised.value.problems]


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.yaml")))
def test_a_bad_file_is_answered_with_exactly_this(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    room: Callable[[str], object] = partial(check_room, profiles=BUILTIN)
    load = {"profile": load_profile, "interlocks": load_set, "room": room}[name.partition("-")[0]]
    with pytest.raises(DocumentError) as raised:
        load(f"{name}.yaml")
    assert f"{raised.value}\n" == (BAD / f"{name}.expected").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.yaml")))
def test_the_answer_does_not_depend_on_the_faster_parser(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slower(yaml.SafeLoader):
        yaml_implicit_resolvers = yaml_tree._Core.yaml_implicit_resolvers

    def answer() -> str:
        try:
            return repr(yaml_tree.parse((BAD / f"{name}.yaml").read_bytes(), name).problems)
        except DocumentError as wrong:
            return str(wrong)

    fast = answer()
    monkeypatch.setattr(yaml_tree, "_Core", Slower)
    assert answer() == fast


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"none\.yaml:1:1: cannot be read: No such file"):
        load_room(tmp_path / "none.yaml")
    with pytest.raises(DocumentError, match="cannot be read: Is a directory"):
        load_profile(tmp_path)


def test_a_file_of_more_than_a_mebibyte_is_not_read(tmp_path: Path) -> None:
    assert _problems(b"# " + b"x" * 1024 * 1024, tmp_path) == ["1:1: longer than 1024 KiB; is this the right file?"]


def test_deep_nesting_ends_in_a_message_and_not_in_a_crash(tmp_path: Path) -> None:
    assert _problems("a: " + "[" * 100_000, tmp_path) == ["1:27: nested more than 24 deep"]
    assert _problems("a: " + "{b: " * 50_000, tmp_path) == ["1:96: nested more than 24 deep"]


def test_anchors_within_anchors_do_not_fill_the_memory(tmp_path: Path) -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    (problem,) = _problems(laughs, tmp_path)
    assert problem.endswith("more than 20000 values, anchors written out")


def test_a_number_of_very_many_digits_is_no_crash(tmp_path: Path) -> None:
    assert "1:9: school: a number of far too many digits" in _problems(f"school: {'9' * 5000}\n", tmp_path)


def test_anchors_may_be_used(tmp_path: Path) -> None:
    path = tmp_path / "room.yaml"
    path.write_text(
        ROOM.replace("mqtt-devices}", "mqtt-devices, options: &o {retain: true}}")
        + "  - {id: fan, role: ventilation, driver: mqtt-devices, options: *o}\n",
        encoding="utf-8",
    )
    assert load_room(path).devices[1].options == {"retain": True}


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "room.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + ROOM.replace("\n", "\r\n").encode())
    assert load_room(path).name.vi == "Phòng"
    assert _problems(b"\xef\xbb\xbfa: 1\r\n\xff", tmp_path) == ["2:1: is not UTF-8 here; save the file as UTF-8"]


def test_words_and_numbers_mean_what_yaml_1_2_says() -> None:
    written = "{a: on, b: yes, c: 22:15, d: 2026-11-24, e: 010, f: 0x1F, g: 0o17, h: 1e3, i: .5, j: ~, k: 'true'}"
    assert yaml_tree.parse(written.encode(), "").value == {
        "a": "on", "b": "yes", "c": "22:15", "d": "2026-11-24", "e": 10, "f": 31, "g": 15, "h": 1000.0, "i": 0.5,
        "j": None, "k": "true",
    }  # fmt: skip


def test_on_and_off_are_understood_where_a_thing_is_on_or_off(tmp_path: Path) -> None:
    assert Command.parse("switch", "on") == Command.parse("switch", True)
    path = tmp_path / "room.yaml"
    path.write_text(
        ROOM + "triggers: [{when: {device: lights, metric: action, equals: on}, then: {profile: break}}]\n",
        encoding="utf-8",
    )
    assert load_room(path).triggers[0].when.equals == "on"


def test_a_place_is_counted_in_characters_from_one(tmp_path: Path) -> None:
    assert _problems(ROOM.replace("{vi: Phòng, en: Room}", "{vi: Đèn ở đây, en: Room, fr: x}"), tmp_path) == [
        "3:33: name.fr: unknown field 'fr'; one of: vi, en"
    ]


def test_a_trigger_may_start_only_a_profile_that_there_is(tmp_path: Path) -> None:
    trigger = "triggers: [{when: {device: lights, metric: switch, equals: true}, then: {profile: brake}}]\n"
    assert _problems(ROOM + trigger, tmp_path, profiles=["break", "exam"]) == [
        "6:83: triggers[0].then.profile: unknown profile 'brake'; did you mean 'break'? one of: break, exam"
    ]
    path = tmp_path / "room.yaml"
    assert load_room(path).triggers[0].then.profile == "brake"


class _Options(Model):
    host: str
    port: int = 80
    password: "_Secret | None" = None


class _Secret(Model):
    env: str


def _options_of(driver: str) -> type[Model]:
    if driver == "absent":
        raise LookupError("driver 'absent' needs something")
    return _Options


def test_options_are_held_against_the_driver_with_their_place(tmp_path: Path) -> None:
    devices = """\
school: s
room: r
name: {vi: Phòng, en: Room}
devices:
  - id: one
    role: projector
    driver: known
    options: {host: 10.0.0.1, prot: 4352, password: hunter2}
  - id: two
    role: projector
    driver: known
  - id: three
    role: projector
    driver: knwon
  - id: four
    role: projector
    driver: absent
"""
    found = _problems(devices, tmp_path, drivers=["absent", "known"], options_of=_options_of)
    assert found == [
        "8:31: devices[0].options.prot: unknown field 'prot'; did you mean 'port'? one of: host, port, password",
        "8:53: devices[0].options.password: must be a mapping with env, not a text",
        "9:5: devices[1].options.host: missing",
        "14:13: devices[2].driver: unknown driver 'knwon'; did you mean 'known'? one of: absent, known",
        "17:13: devices[3].driver: driver 'absent' needs something",
    ]


def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    devices = (
        ROOM
        + "    # below\n  - {id: p, role: projector, driver: known, options: {host: h, password: {env: [hunter2]}}}\n"
    )
    found = "\n".join(_problems(devices, tmp_path, options_of=_options_of))
    assert "password.env: must be a text, not a list" in found
    assert "hunter2" not in found


def test_names_are_held_against_each_other_without_a_file_too() -> None:
    lights = {"id": "lights", "role": "lights", "driver": "d"}
    name = {"vi": "P", "en": "R"}
    with pytest.raises(ValueError, match="has the id 'lights' already"):
        Room.model_validate({"school": "s", "room": "r", "name": name, "devices": [lights, lights]})
    step = {"role": "lights", "set": {"switch": True}, "after": ["x"]}
    with pytest.raises(ValueError, match="no step has the id 'x'"):
        Profile.model_validate({"id": "p", "name": name, "description": name, "steps": [step]})


def test_the_built_in_profiles_are_shown_in_order_and_none_is_forgotten() -> None:
    files = {path.stem for path in (Path(yaml_tree.__file__).parent / "profiles").glob("*.yaml")}
    assert tuple(BUILTIN) == SHOWN_ORDER
    assert files == set(SHOWN_ORDER)
    assert {one.id for one in profiles_in(Path(yaml_tree.__file__).parent / "profiles")} == files


@pytest.mark.parametrize("profile", builtin_profiles(), ids=BUILTIN)
@pytest.mark.parametrize("room", sample_rooms())
def test_every_built_in_profile_plans_in_every_sample_room(profile: Profile, room: str) -> None:
    made = plan(profile, load_room(sample_rooms()[room]), RoomState())
    assert made.steps
    assert not made.blocked


@pytest.mark.parametrize("room", sample_rooms())
def test_every_sample_room_names_only_what_there_is(room: str) -> None:
    assert check_room(sample_rooms()[room], profiles=BUILTIN).devices


def _sets(profile: str) -> dict[tuple[Role, str], object]:
    chosen = next(one for one in builtin_profiles() if one.id == profile)
    return {(step.role, str(step.set.command.target)): step.set.command.value for step in chosen.steps}


def test_an_emergency_waits_for_nothing_and_needs_nothing() -> None:
    emergency = next(one for one in builtin_profiles() if one.id == "emergency")
    assert emergency.preempts is Preempts.YES
    assert all(step.need is Need.OPTIONAL and not step.after for step in emergency.steps)
    assert (
        _sets("emergency").items()
        >= {
            (Role.LIGHTS, "level"): 100.0,
            (Role.LIGHTS, "switch"): True,
            (Role.BLINDS, "level"): 100.0,
            (Role.PROJECTOR, "power"): False,
            (Role.DISPLAY, "power"): False,
            (Role.ROBOT_KIT, "robot"): "idle",
            (Role.PRINTER_3D, "program"): "none",
            (Role.SOCKETS, "switch"): False,
            (Role.BENCH_POWER, "switch"): False,
            (Role.GAS_VALVE, "switch"): False,
            (Role.DOOR_LOCK, "switch"): False,
        }.items()
    )


def test_no_profile_opens_gas_or_locks_a_door_by_itself() -> None:
    for profile in BUILTIN:
        assert _sets(profile).get((Role.GAS_VALVE, "switch")) in (None, False)
        assert _sets(profile).get((Role.DOOR_LOCK, "switch")) in (None, False)


def test_all_off_turns_off_and_stops_what_is_being_prepared() -> None:
    assert next(one for one in builtin_profiles() if one.id == "end-of-day").preempts is Preempts.YES
    assert set(_sets("end-of-day").values()) == {False, "idle"}


def test_whatever_a_lesson_turns_on_the_end_of_day_turns_off() -> None:
    off = {role for role, _ in _sets("end-of-day")}
    for profile in BUILTIN:
        turned_on = {role for (role, target), value in _sets(profile).items() if value in (True, "ready", "running")}
        assert turned_on <= off, profile


def test_a_warm_up_of_ninety_seconds_is_waited_for() -> None:
    powered = [s for p in builtin_profiles() for s in p.steps if s.set.command == Command.parse("power", True)]
    assert powered
    assert min(step.timeout_s for step in powered) > 90


def test_profiles_of_one_directory_are_read_by_name_and_all_mistakes_are_said(tmp_path: Path) -> None:
    good = "name: {vi: A, en: A}\ndescription: {vi: A, en: A}\nsteps: [{role: lights, set: {switch: on}}]\n"
    (tmp_path / "b.yaml").write_text("id: b\n" + good)
    (tmp_path / "a.yaml").write_text("id: a\n" + good)
    assert [one.id for one in profiles_in(tmp_path)] == ["a", "b"]
    (tmp_path / "c.yaml").write_text("id: a\n" + good)
    (tmp_path / "d.yaml").write_text("id: d\n")
    with pytest.raises(DocumentError) as raised:
        profiles_in(tmp_path)
    assert [(Path(p.file).name, p.field) for p in raised.value.problems] == [
        ("c.yaml", "id"), ("d.yaml", "description"), ("d.yaml", "name"), ("d.yaml", "steps"),
    ]  # fmt: skip


def test_the_schema_knows_every_field_and_describes_it() -> None:
    for kind, model in (("room", Room), ("profile", Profile)):
        made = schema(kind)  # type: ignore[arg-type]
        assert set(made["properties"]) == set(model.model_fields)
        assert made["additionalProperties"] is False
        for name, part in {"": made, **made["$defs"]}.items():
            for field, written in part.get("properties", {}).items():
                assert written.get("description") or "$ref" in written, f"{kind} {name}.{field}"


def test_the_samples_have_no_field_that_the_schema_does_not_know() -> None:
    step = schema("profile")["$defs"]["Step"]["properties"]
    assert set(step) == set(Step.model_fields)
    for path in sample_rooms().values():
        written = yaml_tree.read(path).value
        known = schema("room")
        assert set(written) <= set(known["properties"])
        assert all(set(device) <= set(known["$defs"]["Device"]["properties"]) for device in written["devices"])


def _examples(page: str) -> str:
    """The first YAML block of a page in docs/."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    return text.partition("```yaml\n")[2].partition("```")[0]


def test_the_examples_in_the_pages_are_right(tmp_path: Path) -> None:
    (tmp_path / "room.yaml").write_text(_examples("rooms.md"), encoding="utf-8")
    assert check_room(tmp_path / "room.yaml", profiles=BUILTIN).room == "a101"
    (tmp_path / "profile.yaml").write_text(_examples("profiles.md"), encoding="utf-8")
    assert load_profile(tmp_path / "profile.yaml").id == "quiet-reading"


def test_the_pages_name_every_role_and_every_built_in_profile() -> None:
    docs = Path(__file__).parents[2] / "docs"
    rooms, profiles = (docs / "rooms.md").read_text(), (docs / "profiles.md").read_text()
    assert all(f"`{role}`" in rooms for role in Role)
    assert all(f"| `{name}` |" in profiles for name in BUILTIN)


@pytest.mark.parametrize("name", sample_rooms())
def test_a_room_written_out_again_is_the_same(name: str, tmp_path: Path) -> None:
    room = load_room(sample_rooms()[name])
    written = yaml.safe_dump(room.model_dump(mode="json", exclude_none=True), allow_unicode=True, sort_keys=False)
    (tmp_path / "room.yaml").write_text(written, encoding="utf-8")
    assert load_room(tmp_path / "room.yaml") == room


_WORDS = st.sampled_from(
    ["id", "name", "vi", "en", "steps", "role", "set", "devices", "driver", "options", "triggers", "when", "then"]
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([role.value for role in Role]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS | st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def _says_something(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    found: list[Problem] = []
    for load in (load_room, load_profile):
        try:
            load(path)
        except DocumentError as wrong:
            found += wrong.problems or [Problem("no problem at all", 0, 0, "", "")]
    assert all("\n" not in str(problem) and problem.line >= 1 and problem.column >= 1 for problem in found)


@settings(max_examples=150)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_answered(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    _says_something(content, tmp_path_factory.getbasetemp() / "bytes.yaml")


@settings(max_examples=150)
@given(content=st.text(alphabet="aé:-[]{}&*!|>#\"'\n\t ,?%@`~01.", max_size=60))
def test_any_text_of_yaml_characters_is_read_or_answered(
    content: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _says_something(content.encode(), tmp_path_factory.getbasetemp() / "text.yaml")


@settings(max_examples=150)
@given(content=st.dictionaries(_WORDS, _VALUES, max_size=6))
def test_any_yaml_is_read_or_answered(content: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    _says_something(yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "surrogateescape"), path)


@settings(max_examples=100)
@given(data=st.data())
def test_a_good_file_with_one_place_spoilt_is_read_or_answered(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    original = data.draw(st.sampled_from(sorted(sample_rooms().values()))).read_bytes()
    at = data.draw(st.integers(0, len(original)))
    length = data.draw(st.integers(0, 12))
    spoilt = original[:at] + data.draw(st.binary(max_size=6)) + original[at + length :]
    _says_something(spoilt, tmp_path_factory.getbasetemp() / "spoilt.yaml")


@settings(max_examples=60)
@given(profile=st.sampled_from(builtin_profiles()))
def test_a_profile_written_out_again_is_the_same(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "again.yaml"
    path.write_text(yaml.safe_dump(profile.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    assert load_profile(path) == profile
