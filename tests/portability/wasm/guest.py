"""The component's side of world.wit.

Whatever goes wrong must come back as an `err`: an exception that escapes leaves the instance unusable.
"""

import json

import simulate  # type: ignore[import-not-found]
from componentize_py_types import Err  # type: ignore[import-not-found]

from backstay_core.canonical import dumps


class WitWorld:
    def run(self, vector: str) -> str:
        try:
            return dumps(simulate.run(json.loads(vector)))
        except BaseException as error:
            raise Err(f"{type(error).__name__}: {error}") from None
