"""The tree of errors that people meet. Each says what was wrong, with which value, and the way out."""


class HighlightsError(Exception):
    """Base of all errors of this system."""


class ConfigurationError(HighlightsError):
    """A setting is missing or wrong."""


class ContractError(HighlightsError):
    """A message, a topic or a table does not keep the contract in `schemas`."""


class StateError(HighlightsError):
    """State and topic contradict each other; going on would make wrong numbers."""


class DeliveryError(HighlightsError):
    """Kafka or ClickHouse did not take what had to be delivered."""


class UnavailableError(DeliveryError):
    """Kafka has not answered for a while: the same can be asked again, of the same client or a new one."""


class FencedError(HighlightsError):
    """Another worker has taken over the partition that was to be written."""

    def __init__(self, partition: int) -> None:
        """Name the partition."""
        super().__init__(f"partition {partition} has been taken over by another worker")
        self.partition = partition
