"""How Sphinx makes the documentation site of these pages: `make docs`. Neither that nor the site needs a network."""

import re
from pathlib import Path

from sphinx.application import Sphinx

from backstay_core import __version__

project = "Backstay"
version = release = __version__
copyright = "the Backstay authors, under the Apache License 2.0"

extensions = ["myst_parser"]
myst_heading_anchors = 4  # links to headings, called as GitHub calls them
exclude_patterns = ["_build"]
nitpicky = True
highlight_language = "text"  # a block says which language it is in, or it is in none

html_theme = "furo"
html_title = f"Backstay {version}"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False

HERE = Path(__file__).parent
OUTSIDE = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#\s]+\.md)(?:#[^)]*)?\)")


def offer_texts_from_elsewhere(app: Sphinx, name: str, source: list[str]) -> None:
    """Markdown that is not of this site is linked as a file, as code is; MyST would look for a page."""

    def offered(found: "re.Match[str]") -> str:
        file = (HERE / name).parent.joinpath(found[2]).resolve()
        return found[0] if file.is_relative_to(HERE) else f"{{download}}`{found[1]} <{found[2]}>`"

    source[0] = OUTSIDE.sub(offered, source[0])


def setup(app: Sphinx) -> None:
    app.connect("source-read", offer_texts_from_elsewhere)
