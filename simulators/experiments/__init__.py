"""The simulated experiments, one file each; a file dropped in here is found by itself, its docstring documents it.

A file has a docstring (with a line `Source: ...`) and `EXPERIMENT`. `free_fall.py` is called `free-fall`.
"""

import importlib
import importlib.util
import inspect
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulators.lab.experiment import Experiment


class UnknownExperiment(LookupError):
    """There is none of that name (the text says which there are), or a file that should hold one does not."""


@dataclass(frozen=True, slots=True)
class Found:
    """An experiment and where it came from."""

    name: str
    experiment: "Experiment"
    about: str
    """The module's docstring: the governing equations and their source."""


def names() -> list[str]:
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def find(name: str) -> Found:
    """The experiment of that name, or that of a teacher's own file if `name` is a path to a `.py`.

    Raises UnknownExperiment, or ModuleNotFoundError if numpy or scipy is not installed.
    """
    if name.endswith(".py"):
        return _found(Path(name).stem.replace("_", "-"), _module_at(Path(name)))
    wanted = name.replace("_", "-")
    if wanted not in names():
        raise UnknownExperiment(f"there is no experiment '{name}'; there are: {', '.join(names())}")
    return _found(wanted, importlib.import_module(f"{__name__}.{wanted.replace('-', '_')}"))


def every() -> list[Found]:
    return [find(name) for name in names()]


def _module_at(path: Path) -> ModuleType:
    if not path.is_file():
        raise UnknownExperiment(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"lophoc_experiment_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, NameError, TypeError, ValueError, AttributeError) as wrong:
        raise UnknownExperiment(f"{path}: {wrong}") from wrong
    return module


def _found(name: str, module: ModuleType) -> Found:
    from simulators.lab.experiment import Experiment

    experiment = getattr(module, "EXPERIMENT", None)
    if not isinstance(experiment, Experiment):
        raise UnknownExperiment(f"{module.__file__} has no EXPERIMENT")
    return Found(name, experiment, inspect.getdoc(module) or "")
