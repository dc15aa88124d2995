"""The tags that there are, in groups: `tags.yaml`, or a file of the same form."""

from importlib import resources
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from schemas.errors import ConfigurationError
from schemas.supervised import Tag

_GROUPS = TypeAdapter(dict[str, tuple[Tag, ...]])


def read_vocabulary(path: Path | None = None) -> dict[str, tuple[str, ...]]:
    """Return the tags of each group, from a file or from the one that comes with the package.

    Raises:
        ConfigurationError: the file cannot be read, is not of that form, or names a tag twice.
    """
    source = path or resources.files("schemas") / "tags.yaml"
    try:
        groups = _GROUPS.validate_python(yaml.safe_load(source.read_text("utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        message = f"{source} is no vocabulary of tags ({error}): it is to be YAML, each group with a list of its tags"
        raise ConfigurationError(message) from error
    tags = [tag for of_group in groups.values() for tag in of_group]
    twice = next((tag for tag in tags if tags.count(tag) > 1), None)
    if twice:
        message = f"{source} names the tag {twice!r} twice: each tag belongs to one group"
        raise ConfigurationError(message)
    return groups
