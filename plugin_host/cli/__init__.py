"""The `stemrack` command. Importing it loads nothing: the engine's process does so too, and never needs it."""

STOPPED = 130


def main() -> None:
    """Run the command line; see `plugin_host.cli.app.main`."""
    try:
        from plugin_host.cli.app import main as run

        run()
    except KeyboardInterrupt:  # before a command could hear of it
        raise SystemExit(STOPPED) from None
