"""`lophoc sim NAME`: the simulators of this package, each found by its module's name and loaded when used."""

import importlib
import pkgutil

import click

import simulators


class _Simulators(click.Group):
    """A module takes part by having a click command named `command`; `mqtt_devices` is called `mqtt-devices`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = sorted(module.name for module in pkgutil.iter_modules(simulators.__path__))
        return [name.replace("_", "-") for name in names if _command(name) is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command(cmd_name.replace("-", "_"))


def _command(module_name: str) -> click.Command | None:
    if not module_name.isidentifier():
        return None
    try:
        module = importlib.import_module(f"{simulators.__name__}.{module_name}")
    except ModuleNotFoundError as missing:
        if missing.name == f"{simulators.__name__}.{module_name}":
            return None
        raise
    command = getattr(module, "command", None)
    return command if isinstance(command, click.Command) else None


@click.group(cls=_Simulators)
def sim() -> None:
    """Simulated devices: the other end of each wire, with faults. Each prints `ready ADDRESS` and stays."""
