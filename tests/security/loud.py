"""`python -m tests.security.loud`: a worker that logs all that it and its libraries can log."""

import logging

from streams import logs
from streams.cli.environment import load_settings
from streams.cli.main import main

if __name__ == "__main__":
    configure = logs.configure

    def configure_loudly(log_format: str, _level: int) -> None:
        """Configure, from DEBUG on."""
        configure(log_format, logging.DEBUG)
        logging.getLogger().setLevel(logging.DEBUG)

    logs.configure = configure_loudly
    logging.getLogger("tests").debug("settings %r", load_settings())
    main()
