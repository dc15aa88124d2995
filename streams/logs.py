"""Structured logs: one event a line, for people or as JSON."""

import logging
import sys
from typing import Literal

import structlog


def configure(log_format: Literal["console", "json"], level: int = logging.INFO) -> None:
    """Write logs to standard error; libraries speak from WARNING on."""
    renderer = structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer()
    # Without it, the console shows the local variables of a traceback, and with them whatever they hold.
    plain_errors = structlog.processors.format_exc_info
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, plain_errors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    chain: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, plain_errors, renderer]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=chain))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
