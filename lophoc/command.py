"""The one command: sub-commands are found by the entry-point group `lophoc.commands` and loaded when used."""

from importlib.metadata import EntryPoint, entry_points

import click

from lophoc import __version__

GROUP = "lophoc.commands"


class _Packages(click.Group):
    """A group whose commands live in the packages that are installed: a gateway has no centre, and the reverse."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_found())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _found().get(cmd_name)
        if entry is None:
            return None
        try:
            command = entry.load()
        except ModuleNotFoundError as missing:
            return _not_installed(cmd_name, missing)
        if not isinstance(command, click.Command):
            raise click.ClickException(f"{cmd_name}: {entry.value} is not a click command")
        return command


def _found() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _not_installed(name: str, missing: ModuleNotFoundError) -> click.Command:
    """A command in the list whose extra is absent: it says so when run, and `lophoc --help` still works."""

    @click.command(name, help=f"(not installed here: needs {missing.name})", add_help_option=False)
    def absent() -> None:
        raise click.ClickException(
            f"'{name}' needs the Python package {missing.name}, which is not installed here. "
            "Install the extra it belongs to: lophoc[gateway], lophoc[centre], lophoc[sim] or lophoc[lab]."
        )

    return absent


main = _Packages(
    "lophoc",
    help="lophoc: the open smart-classroom and lab controller.",
    context_settings={"auto_envvar_prefix": "LOPHOC", "help_option_names": ["-h", "--help"]},
)
main = click.version_option(__version__, prog_name="lophoc")(main)
