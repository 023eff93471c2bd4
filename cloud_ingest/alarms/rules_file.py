"""Rule files: YAML in, validated rules out, or everything that is wrong with them, each with its place."""

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from classroom_profiles import plain_words, yaml_tree
from classroom_profiles.problem import DocumentError, Problem, did_you_mean, shown
from classroom_profiles.yaml_tree import Tree
from cloud_ingest.alarms.rules import RuleSet

BUILTIN = Path(__file__).parent / "rules.yaml"


def load_rules(path: Path | str) -> RuleSet:
    """The rules in the file. Raises DocumentError with all that is wrong."""
    tree = yaml_tree.read(Path(path))
    problems = [*tree.problems, *_names(tree)]
    try:
        made = RuleSet.model_validate(tree.value)
    except ValidationError as wrong:
        unread = {(problem.line, problem.column) for problem in tree.problems}
        said = plain_words.problems(tree, wrong, RuleSet)
        problems += [each for each in said if (each.line, each.column) not in unread]
    else:
        if not problems:
            return made
    raise DocumentError(problems)


@cache
def builtin_rules() -> RuleSet:
    """The rules that hold where a city writes none."""
    return load_rules(BUILTIN)


def _names(tree: Tree) -> list[Problem]:
    """What names a rule or a schedule that is none, or is there twice."""
    found = []
    rules = [rule for rule in _list(tree.value.get("rules")) if isinstance(rule, dict)]
    ids = [rule.get("id") for rule in rules]
    names = [each for each in ids if isinstance(each, str)]
    schedules = tree.value.get("schedules")
    known = list(schedules) if isinstance(schedules, dict) else []
    for number, rule in enumerate(_list(tree.value.get("rules"))):
        if not isinstance(rule, dict):
            continue
        if names.count(rule.get("id", "")) > 1 and ids.index(rule.get("id")) != rules.index(rule):
            found.append(tree.problem(("rules", number, "id"), f"{shown(rule.get('id'))} is there already"))
        schedule = rule.get("schedule")
        if isinstance(schedule, str) and schedule not in known:
            message = f"unknown schedule {shown(schedule)}{did_you_mean(schedule, known)}"
            found.append(tree.problem(("rules", number, "schedule"), message))
        for place, other in enumerate(_list(rule.get("unless"))):
            if not isinstance(other, str):
                continue
            if other not in names:
                message = f"unknown rule {shown(other)}{did_you_mean(other, names)}"
                found.append(tree.problem(("rules", number, "unless", place), message))
            elif other == rule.get("id"):
                found.append(tree.problem(("rules", number, "unless", place), "a rule cannot be its own cause"))
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
