"""The chain as luigi tasks: `luigi --module tasks BuildGenB --scenes 100`.

Tasks only say what depends on what; the work happens in the stage processes of `pipeline`. Nothing
here imports bpy, torch or diffusers.
"""

from pathlib import Path

from luigi.configuration import LuigiConfigParser, get_config

from tasks.build import BuildGenB

__all__ = ["BuildGenB"]


def _fill_in_defaults() -> None:
    """Copy our luigi options into luigi's configuration where the user has not set them."""
    import configparser

    defaults = configparser.ConfigParser(interpolation=None)
    defaults.read(Path(__file__).with_name("luigi.cfg"))
    theirs = get_config()
    if not isinstance(theirs, LuigiConfigParser):
        return
    daemon = theirs.has_option("core", "default-scheduler-host") or theirs.has_option(
        "core", "scheduler_host"
    )
    for section in defaults.sections():
        for option, value in defaults.items(section):
            if option == "local_scheduler" and daemon:
                continue
            if not (
                theirs.has_option(section, option)
                or theirs.has_option(section, option.replace("_", "-"))
            ):
                theirs.set(section, option, value)


_fill_in_defaults()
