"""A hook of MkDocs: formulas become MathML while the site is built, which browsers show without a script or a font."""

import html
import re
from typing import Any, Final

from latex2mathml.converter import convert

_FORMULA: Final = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(content: str, **_context: Any) -> str:
    """Return a page with its formulas as MathML; a block is one that stands alone."""
    return _FORMULA.sub(lambda found: convert(html.unescape(found[3]).strip(), "block" if found[2] == "[" else "inline"), content)
