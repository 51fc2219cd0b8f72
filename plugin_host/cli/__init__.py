"""The `stemrack` command. Importing it loads neither torch nor pedalboard, so that help answers at once."""

from plugin_host.cli.app import main

__all__ = ["main"]
