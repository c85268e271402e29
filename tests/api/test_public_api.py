"""The public API is what `public_api.txt` says: whoever changes a name or a signature changes that file, too."""

import subprocess
import sys
from difflib import unified_diff

from tools import public_api


def test_the_pinned_file_is_up_to_date():
    pinned = public_api.PINNED.read_text("utf-8").splitlines()
    actual = public_api.public_api().splitlines()
    difference = "\n".join(unified_diff(pinned, actual, "tests/api/public_api.txt", "the source", lineterm="", n=0))
    assert not difference, f"the public API has changed; if it should, run `make api` and commit:\n{difference}"


def test_public_names_exist_where_the_file_says():
    """What is read without importing is there after importing."""
    names = {
        line.removeprefix("class ").partition("(")[0].partition(":")[0]
        for line in public_api.PINNED.read_text("utf-8").splitlines()
        if line.startswith(("class backstay", "backstay"))
    }
    code = "import sys, importlib\nfor name in sys.argv[1:]:\n    module, _, item = name.rpartition('.')\n"
    code += "    getattr(importlib.import_module(module), item)"
    done = subprocess.run([sys.executable, "-c", code, *sorted(names)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(names) > 40


def test_nothing_is_imported_to_read_it():
    code = "import sys; from tools import public_api; public_api.public_api(); print('backstay' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=public_api.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
